"""
The differential run, from nothing to a report: two clusters, two systems, one Git server.

What is compared and how belongs to `playing`; what is shown to people to whoever calls.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import yaml

from harness import __version__
from harness.cluster import binaries, client, controlplane, fleet
from harness.cluster.binaries import Binaries
from harness.differential import fixtures, rows, snapshot, strategies, tiers
from harness.differential.comparing import Difference
from harness.differential.operations import Sequence as Steps
from harness.differential.playing import Played, Player
from harness.errors import UsageError
from harness.gitserver import launch
from harness.kit.wait import Patience
from harness.model.verdict import Exit
from harness.observe.observer import Observer
from harness.systems import front

Tell = Callable[[str], None]

WORKERS: Final = 6
_MOST_SHOWN: Final = 12
_PATIENCE: Final = 300.0
"""For the start only: on a loaded machine that takes minutes."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What the user asked for."""

    left: str
    right: str
    seed: int
    generated: int = 20
    workers: int = WORKERS
    only: str = ""
    """A regular expression that names must contain; rows are not judged then."""
    out: Path | None = None
    controllers: Sequence[str] = front.CONTROLLERS
    """The command of the reference's process on the left side."""


@dataclass(slots=True)
class _Work:
    played: list[Played] = field(default_factory=list)
    unexplained: dict[str, list[Difference]] = field(default_factory=dict)
    interrupted: bool = False


def run(choice: Choice, *, say: Tell, progress: Tell) -> int:
    """Do it all; the exit code."""
    begun = time.monotonic()
    chosen = sequences(choice)
    out = _folder(choice.out)
    for ended in fleet.reap_stale():
        progress(f"ended what a killed run had left: {ended}")
    found = binaries.provide(tiers.needed(choice.left, choice.right), on_progress=progress)
    ledger = rows.ledger(choice.left, choice.right)
    work = _Work()
    say(f"{len(chosen)} sequences, seed {choice.seed}")
    with prepared(choice, found, out, progress) as player:
        try:
            for number, played in enumerate(_play(player, chosen, choice.workers), start=1):
                work.played.append(played)
                left = ledger.unexplained(played.differences)
                work.unexplained[played.sequence.name] = left
                _tell(say, played, left, number, len(chosen))
        except KeyboardInterrupt:
            work.interrupted = True
    unused = [] if choice.only or work.interrupted else ledger.unused()
    took = time.monotonic() - begun
    report = _report(choice, found, work, ledger, unused, took)
    (out / "differential.yaml").write_text(yaml.safe_dump(report, sort_keys=False, width=100))
    return _conclude(say, work, ledger, unused, out, took)


def sequences(choice: Choice) -> list[Steps]:
    """The sequences that are played, the longest first, so that no worker ends late and alone."""
    made = [*fixtures.sequences(), *strategies.collect(choice.generated, choice.seed)]
    chosen = [one for one in made if re.search(choice.only, one.name)]
    if not chosen:
        raise UsageError(f"No sequence matches {choice.only!r}.")
    return sorted(chosen, key=lambda one: -len(one.operations))


@contextmanager
def prepared(choice: Choice, found: Binaries, out: Path, progress: Tell) -> Iterator[Player]:
    """Everything that has to run; it ends with the block."""
    patience = Patience(process_ready=_PATIENCE, cluster_ready=_PATIENCE)
    with ExitStack() as stack:
        lease = stack.enter_context(fleet.hold("run", logs=out / "logs"))
        git = launch.launch(lease.start, lease.directory / "git")
        # Two clusters are enough: the one that is called management elsewhere is the left side.
        made = stack.enter_context(
            controlplane.local(found, lease, attached=1, on_progress=progress, patience=patience)
        )
        server = git.await_ready(within=patience.process_ready)
        trusted = lease.directory / "trusted-ca.pem"
        trusted.write_text(server.endpoints.authorities["trusted"])
        commands = (choice.controllers, front.CONTROLLERS)
        systems = (choice.left, choice.right)
        for member, system, command in zip(made.members, systems, commands, strict=True):
            progress(f"starting {system} on {member.name}")
            tiers.start(
                system,
                lease,
                member,
                found=found,
                trusted_ca=trusted,
                patience=patience,
                controllers=command,
            )
        left, right = (
            client.connect(member.kubeconfig, name=member.name, context=member.context)
            for member in made.members
        )
        kinds = (*snapshot.KINDS[-2:], ("v1", "Event"))
        observer = Observer(
            {left.name: left, right.name: right}, {left.name: kinds, right.name: kinds}
        )
        observer.start()
        stack.callback(observer.stop)
        yield Player((left, right), observer, server)


def _play(player: Player, chosen: Sequence[Steps], workers: int) -> Iterator[Played]:
    """Each sequence as it ends."""
    pool = ThreadPoolExecutor(workers, thread_name_prefix="sequence")
    waiting = iter(enumerate(chosen))
    running: set[Future[Played]] = set()
    try:
        while True:
            for number, steps in waiting:
                running.add(pool.submit(player.play, steps, f"team-{number}"))
                if len(running) >= workers:
                    break
            if not running:
                return
            ended, running = wait(running, return_when=FIRST_COMPLETED)
            for future in ended:
                yield future.result()
    except BaseException:
        player.stop()
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _tell(say: Tell, played: Played, left: list[Difference], number: int, total: int) -> None:
    name, seconds = played.sequence.name, played.seconds
    mark = "FAILED" if left or played.trouble else "ok"
    say(f"{number:>{len(str(total))}}/{total} {mark} {name}  {seconds:.1f} s")
    for difference in left[:_MOST_SHOWN]:
        say(f"      {difference}")
    if len(left) > _MOST_SHOWN:
        say(f"      ... and {len(left) - _MOST_SHOWN} more")
    if played.trouble:
        say(f"      {played.trouble}")


def _conclude(
    say: Tell, work: _Work, ledger: rows.Ledger, unused: list[str], out: Path, took: float
) -> int:
    failed = sum(bool(work.unexplained[one.sequence.name] or one.trouble) for one in work.played)
    for name in unused:
        say(f"UNUSED row {name}: nothing differs in that way any more; remove it.")
    explained = sum(ledger.hits.values())
    needed = len(ledger.rows) - len(ledger.unused())
    say(f"{explained} differences explained by {needed} of {len(ledger.rows)} rows")
    say(f"{took:.0f} s; {out / 'differential.yaml'}")
    say(f"{len(work.played) - failed} passed, {failed} failed, 0 skipped")
    if work.interrupted:
        return int(Exit.INTERRUPTED)
    return int(Exit.FAILED if failed or unused else Exit.OK)


def _report(
    choice: Choice,
    found: Binaries,
    work: _Work,
    ledger: rows.Ledger,
    unused: list[str],
    took: float,
) -> dict[str, Any]:
    played = sorted(work.played, key=lambda one: one.sequence.name)
    return {
        "left": choice.left,
        "right": choice.right,
        "harness": __version__,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "seed": choice.seed,
        "generated": choice.generated,
        "hypothesis": strategies.VERSION,
        "seconds": round(took, 1),
        "interrupted": work.interrupted,
        "programs": {name: _program(found, name) for name in found.found},
        "rows": {row.id: ledger.hits[row.id] for row in ledger.rows},
        "unused": unused,
        "sequences": [_record(one, work.unexplained[one.sequence.name]) for one in played],
    }


def _program(found: Binaries, name: str) -> str:
    known = found.provenance(name)
    version = known.version or found.found[name].version
    return f"{known.module or name} {version} sha256:{known.sha256}"


def _record(played: Played, left: list[Difference]) -> dict[str, Any]:
    record: dict[str, Any] = {
        "name": played.sequence.name,
        "seconds": round(played.seconds, 2),
        "operations": [str(one) for one in played.sequence.operations],
        "differences": len(played.differences),
        "unexplained": [str(one) for one in left],
    }
    if any(one.kind == "events" for one in left):
        record["events"] = {"left": dict(played.told[0]), "right": dict(played.told[1])}
    if played.trouble:
        record["trouble"] = played.trouble
    return record


def _folder(out: Path | None) -> Path:
    made = out or Path("reports") / datetime.now(UTC).strftime("%Y-%m-%dT%H-%M-%SZ")
    if made.exists() and any(made.iterdir()):
        raise UsageError(f"{made} is not empty; name another folder with --out.")
    made.mkdir(parents=True, exist_ok=True)
    return made.resolve()
