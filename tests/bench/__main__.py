"""Start a fleet, run the suite and a sample of it alone, measure; print, and keep as JSON."""

import json
import os
import sys
import tempfile
import threading
import time
from collections.abc import Iterable
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path

from harness.cli import session, suite, workloads
from harness.cli.running import DEFAULT_WORKERS
from harness.cli.session import Prepared, Wanted
from harness.cluster import client, fleet
from harness.cluster.fleet import Lease
from harness.cluster.reflector import Reflector
from harness.kit import process
from harness.model.objects import Ref
from harness.observe.observer import Observer
from harness.reporting.record import ScenarioRecord
from tests.bench import side_by_side
from tests.bench.figures import Figure, percentile, share

SAMPLE = (
    "authentication/http::a_public_repository_needs_no_secret",
    "authentication/http::user_name_and_password_over_http",
    "authentication/ssh::a_key_and_the_known_host_open_the_repository",
    "authentication/self_signed::the_ca_certificate_in_the_secret_opens_the_repository",
    "sync/sync::a_new_source_is_synced_without_further_action",
    "sync/sync::a_new_commit_is_applied_without_any_action_on_the_source",
    "sync/sync::what_git_no_longer_holds_disappears_from_the_clusters",
    "sync/status::the_success_event_is_emitted_once_the_cd_manifests_are_written",
    "suspension/suspend::new_commits_stay_away_from_a_suspended_source",
    "suspension/resume::resume_syncs_what_was_committed_meanwhile",
    "deletion/delete::everything_that_was_applied_is_removed",
    "several/several_sources::three_sources_with_three_ways_to_log_in",
)
_WRITES = 300


def main(quick: bool) -> int:
    """Measure everything; 1 if a scenario did not pass, for then the times mean nothing."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, fleet.hold("run") as lease:
        begun = time.monotonic()
        with session.prepared(Wanted(seed=1), lease, Path(folder), tell) as prepared:
            start = time.monotonic() - begun
            figures = [
                Figure("fleet of four: control planes usable", prepared.timings["fleet"], "s", 12),
                Figure("... and the system attached", start, "s"),
            ]
            figures += latency(prepared)
            alone = scenarios(prepared, SAMPLE, 1)
            figures += shares(alone)
            ran = alone
            if not quick:
                began = time.monotonic()
                ran = scenarios(prepared, (), DEFAULT_WORKERS)
                wall = time.monotonic() - began + start
                figures.append(
                    Figure(
                        f"whole command, {len(ran)} scenarios at -n {DEFAULT_WORKERS}",
                        wall,
                        "s",
                        start + 0.7 * len(ran),
                    )
                )
            figures += memory(lease)
    if not quick:
        # After the first fleet is gone, so that both have the machine to themselves.
        with fleet.hold("run") as lease:
            figures += side_by_side.measure(lease, tell)
    for figure in figures:
        print(figure.line())
    print("\nharness share of each scenario of the sample, at -n 1:")
    for record in sorted(alone, key=share, reverse=True):
        print(f"  {share(record):5.1f} %  of {record.duration:5.2f} s  {record.id}")
    keep(figures)
    failed = [record for record in [*alone, *ran] if record.outcome != "passed"]
    for record in failed:
        print(f"{record.outcome}: {record.id}: {record.message}")
    return int(bool(failed))


def tell(text: str) -> None:
    """Progress."""
    print(f"... {text}", flush=True)


def scenarios(prepared: Prepared, ids: Iterable[str], workers: int) -> list[ScenarioRecord]:
    """Run them on the fleet."""
    tell(f"running {'the sample' if ids else 'the suite'} at -n {workers}")
    # With names of its own: a scenario that was run before has taken those of its seed.
    session_file = replace(prepared.session, seed=workers).write("measured.json")
    collected = suite.run(
        session_file,
        tags=workloads.part("", "", prepared.session.provider),
        requirements=(),
        scenarios=tuple(ids),
        workers=workers,
        tell=lambda *_: None,
    )
    return list(collected.records.values())


def shares(records: list[ScenarioRecord]) -> list[Figure]:
    """The harness's share over the sample."""
    values = [share(record) for record in records]
    return [
        Figure("harness share of a scenario at -n 1, median", percentile(values, 50), "%", 10),
        Figure("harness share of a scenario at -n 1, worst", max(values), "%"),
    ]


def latency(prepared: Prepared) -> list[Figure]:
    """From the API server's answer to a write until a waiting thread knows of it."""
    tell(f"writing {_WRITES} times and waiting for each")
    member = prepared.fleet.attached[0]
    cluster = client.connect(member.kubeconfig, name=member.name)
    observer = Observer({member.name: cluster}, {member.name: (("v1", "ConfigMap"),)})
    observer.start()
    seen: list[float] = []
    ref = Ref("v1", "ConfigMap", "bench", "default")
    cluster.create(
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": ref.name, "namespace": "default"},
        }
    )
    reflector = observer.follow(member.name, ("v1", "ConfigMap"))
    for number in range(_WRITES):
        times: list[float] = []
        waiter = threading.Thread(target=_await, args=(observer, reflector, str(number), times))
        waiter.start()
        cluster.patch(ref, {"data": {"n": str(number)}})
        answered = time.monotonic()
        waiter.join()
        seen.append(max(0.0, times[0] - answered) * 1000)
    observer.stop()
    cluster.close()
    return [
        Figure(f"detection latency, p{p}", percentile(seen, p), "ms", 15 if p == 99 else None)
        for p in (50, 95, 99)
    ]


def _await(observer: Observer, reflector: Reflector, value: str, times: list[float]) -> None:
    def probe() -> str | None:
        now = (reflector.get("default", "bench") or {}).get("data") or {}
        return None if now.get("n") == value else "not yet"

    observer.until(probe, within=10, budget="bench", scope=None)
    times.append(time.monotonic())


def memory(lease: Lease) -> list[Figure]:
    """What is resident: ourselves (with the suite's code in us), and what runs for us."""
    mega = 1024 * 1024
    figures = [Figure("resident: harness", process.resident_bytes(os.getpid()) / mega, "MB", 300)]
    for name, who in lease.survivors():
        if name.startswith(("controllers", "git-server", "bootstrap")):
            aim = 120 if name.startswith("controllers") else None
            size = process.resident_bytes(who.pid) / mega
            figures.append(Figure(f"resident: {name}", size, "MB", aim))
    return figures


def keep(figures: list[Figure]) -> None:
    """Write reports/bench/<time>.json."""
    folder = Path("reports") / "bench"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{datetime.now(UTC):%Y-%m-%dT%H-%M-%SZ}.json"
    path.write_text(json.dumps([asdict(figure) for figure in figures], indent=2))
    print(f"\n{path}")


if __name__ == "__main__":
    sys.exit(main("--quick" in sys.argv[1:]))
