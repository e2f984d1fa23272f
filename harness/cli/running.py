"""The command `run`, from nothing to a report."""

import hashlib
import os
import subprocess
import time
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from harness import __version__, config, data
from harness.cli import baselines, leaks, publishing, session, suite, workloads
from harness.cli.screen import Screen
from harness.cli.session import Prepared, Wanted
from harness.cluster import fleet, kubeconfig_file
from harness.config import Session
from harness.errors import HarnessBug, UsageError
from harness.model import catalogue
from harness.model.baseline import Baseline
from harness.model.sharding import Shard
from harness.plugin import collecting, features
from harness.reporting import secrets
from harness.reporting.record import ProfileRecord, RunRecord, ScenarioRecord

DEFAULT_WORKERS = 6


@dataclass(frozen=True, slots=True)
class Choice:
    """What the user asked for."""

    wanted: Wanted
    tags: str = ""
    requirements: tuple[str, ...] = ()
    scenarios: tuple[str, ...] = ()
    workers: int = DEFAULT_WORKERS
    out: Path | None = None
    reuse: bool = False
    fail_on: str = "must"
    baseline: str | None = None
    """A file, `none`, or (None) what is shipped for the system."""
    shard: Shard | None = None
    replace: bool = False

    @property
    def selection(self) -> str:
        """The choice of scenarios, for the report."""
        parts = [f"--tags {self.tags!r}"] if self.tags else []
        parts += [f"--scenario {each!r}" for each in self.scenarios]
        parts += [f"--requirement {each}" for each in self.requirements]
        return " ".join(parts)


@dataclass(slots=True)
class _Work:
    """What a run has come to so far."""

    began: float
    started: datetime
    records: tuple[ScenarioRecord, ...] = ()
    interrupted: bool = False
    prepared: Prepared | None = None
    session: Session | None = None
    baseline: Baseline | None = None
    troubles: tuple[str, ...] = ()


def run(choice: Choice, screen: Screen) -> int:
    """Do it all; the exit code."""
    _check(choice)
    reused = _reused(choice) if choice.reuse else None
    variant = reused.variant if reused else choice.wanted.variant
    known_to_fail = baselines.chosen(choice.baseline, variant)
    out = publishing.folder(choice.out, replace=choice.replace)
    work = _Work(time.monotonic(), datetime.now(UTC))
    for ended in fleet.reap_stale():
        screen.progress(f"ended what a killed run had left: {ended}")
    known: list[secrets.Secret] = []
    with ExitStack() as stack:
        opened = reused or _fresh(choice, out, screen, stack, work)
        work.session = opened
        work.baseline = baselines.fitting(
            known_to_fail, _versions(work), given=choice.baseline is not None
        )
        if known_to_fail and not work.baseline:
            screen.progress(f"{known_to_fail.file} is about other versions and is not used")
        _judge(choice, opened, work, screen)
        if not work.interrupted:
            screen.progress("making sure that nothing is left")
            work.troubles += tuple(f"left behind: {one}" for one in leaks.wait_until_clean(opened))
        known = _known_secrets(work)
    return publishing.publish(_record(choice, work), out, known, screen.say)


def _judge(choice: Choice, opened: Session, work: _Work, screen: Screen) -> None:
    """Run the scenarios; an interruption, whenever it comes, still ends in a report."""
    session_file = opened.write(f"session-{os.getpid()}.json")
    try:
        screen.progress("running the scenarios")
        collector = suite.run(
            session_file,
            tags=workloads.part(choice.selection, choice.tags, opened.provider),
            requirements=choice.requirements,
            scenarios=choice.scenarios,
            workers=choice.workers,
            tell=screen.scenario,
            shard=choice.shard,
        )
    except KeyboardInterrupt:
        work.interrupted = True
        return
    finally:
        session_file.unlink(missing_ok=True)
    work.records = tuple(collector.records.values())
    work.interrupted = collector.interrupted
    work.troubles = tuple(collector.troubles)


def _check(choice: Choice) -> None:
    """Say what is wrong with a choice before anything is started."""
    for requirement in choice.requirements:
        if requirement not in catalogue.load():
            raise UsageError(
                f"There is no requirement {requirement}; see `gitops-conformance list`."
            )
    ids = {collecting.identifier(nodeid) for nodeid in features.sketches(data.path("features"))}
    for scenario in choice.scenarios:
        if scenario.partition("[")[0] not in ids:
            raise UsageError(f"There is no scenario {scenario}; every report lists their ids.")
    if not features.count(data.path("features"), choice.tags, choice.requirements):
        raise UsageError(f"No scenario matches {choice.selection}.")
    _check_shard(choice)


def _check_shard(choice: Choice) -> None:
    """All shards are refused alike where one would have nothing to run."""
    if choice.shard is None:
        return
    tags = workloads.part(choice.selection, choice.tags, choice.wanted.clusters)
    selected = features.cases(data.path("features"), tags, choice.requirements, choice.scenarios)
    if len(selected) < choice.shard.of:
        raise UsageError(
            f"--shard {choice.shard}: {len(selected)} scenarios are selected, too few for "
            f"{choice.shard.of} shards; ask for fewer."
        )


def _fresh(choice: Choice, out: Path, screen: Screen, stack: ExitStack, work: _Work) -> Session:
    lease = stack.enter_context(fleet.hold("run", logs=out / "logs"))
    work.prepared = stack.enter_context(
        session.prepared(choice.wanted, lease, out / "evidence", screen.progress)
    )
    return work.prepared.session


def _reused(choice: Choice) -> Session:
    """The session of the fleet that runs, with names of its own: those of other runs are taken."""
    running = fleet.load()
    if running is None:
        raise UsageError("No fleet is running; start one with `gitops-conformance up`.")
    kept = Session.read(running.directory / "session.json")
    return replace(kept, seed=choice.wanted.seed)


def _record(choice: Choice, work: _Work) -> RunRecord:
    used = work.session
    if used is None:
        raise HarnessBug("A run without a session has nothing to report.")
    prepared = work.prepared
    return RunRecord(
        started=work.started.isoformat(timespec="seconds"),
        duration=time.monotonic() - work.began,
        seed=used.seed,
        system=used.variant,
        provider=used.provider,
        controllers=used.controllers,
        harness_version=__version__,
        harness_commit=_commit(),
        suite_digest=suite_digest(),
        profile=ProfileRecord(used.system, used.dialect, used.capabilities, used.may_poke),
        scenarios=work.records,
        selection=choice.selection,
        subset=bool(choice.selection),
        shard=choice.shard,
        fail_on=choice.fail_on,
        interrupted=work.interrupted,
        troubles=work.troubles,
        clusters=session.cluster_records(prepared.fleet) if prepared else (),
        programs=session.program_records(prepared.binaries, prepared.running) if prepared else (),
        modules=session.module_records(used.system) if prepared else (),
        judged=used.judged,
        baseline=work.baseline.file if work.baseline else "",
        deviations=baselines.records(work.baseline),
        patience=dict(used.patience),
    )


def _versions(work: _Work) -> dict[str, str]:
    """Program -> version; empty for a fleet that `up` started."""
    if work.prepared is None:
        return {}
    prepared = work.prepared
    records = session.program_records(prepared.binaries, prepared.running)
    return {program.name: program.version for program in records}


def _known_secrets(work: _Work) -> list[secrets.Secret]:
    if work.session is None:
        return []
    texts = [text for kind, text in config.noted(work.session.journal) if kind == "secret"]
    texts += [work.session.git_token, work.session.bootstrap_token]
    if work.prepared:
        texts += work.prepared.running.secrets
        for member in work.prepared.fleet.members:
            texts += kubeconfig_file.credentials(member.kubeconfig)
    return [secrets.Secret.of(f"secret {n}", text) for n, text in enumerate(filter(None, texts))]


def suite_digest() -> str:
    """What the suite was made of: its features and fixtures."""
    digest = hashlib.sha256()
    for part in ("features", "fixtures"):
        for path in sorted(data.path(part).rglob("*")):
            if path.is_file():
                digest.update(path.relative_to(data.root()).as_posix().encode())
                digest.update(path.read_bytes())
    return f"sha256:{digest.hexdigest()}"


def _commit() -> str:
    done = subprocess.run(
        ["git", "-C", str(data.root()), "rev-parse", "HEAD"],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip() if done.returncode == 0 else ""
