"""The hooks and fixtures; loaded with `-p harness.plugin.wiring`."""

import inspect
import os
import time
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

from harness import config as sessions
from harness.config import Session
from harness.errors import HarnessBug
from harness.gitserver.client import GitServer
from harness.kit.wait import Patience
from harness.model import profile
from harness.plugin import collecting, evidence, features, sight
from harness.plugin.collecting import RECORDING, Recording
from harness.reporting import record
from harness.steps import (
    barriers,
    bootstrap,
    commands,
    declared,
    manual,
    projects,
    repositories,
    secrets,
    sources,
    syncs,
    troubles,
    workloads,
)
from harness.steps.bench import Bench
from harness.steps.scoping import Scoping
from harness.steps.world import World

_STEP_MODULES = (
    barriers, bootstrap, commands, declared, manual, projects, repositories, secrets, sources,
    syncs, troubles, workloads,
)  # fmt: skip
_ATTACHED_TO_REPORT = "harness_record"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options of the suite; the command line of the product sets them."""
    group = parser.getgroup("gitops-conformance")
    group.addoption("--conformance-tags", default="", help="a Cucumber tag expression")
    group.addoption("--conformance-requirements", default="", help="requirement IDs, by comma")
    group.addoption("--conformance-scenario", default=[], action="append", help="a scenario's id")


def pytest_configure(config: pytest.Config) -> None:
    """Markers for tags, and the step definitions."""
    features.register_markers(config)
    for module in _STEP_MODULES:
        config.pluginmanager.register(module, module.__name__)


def pytest_collect_file(parent: pytest.Collector, file_path: Path) -> pytest.Module | None:
    """Feature files are tests."""
    return features.collect(parent, file_path)


@pytest.hookimpl(tryfirst=True)  # before pytest-bdd's own, which takes any tag
def pytest_bdd_apply_tag(tag: str, function: Any) -> bool:
    """A tag is a mark of the same name; names with dots have no attribute form."""
    if not features.is_tag(tag):
        raise HarnessBug(f"@{tag} is neither a requirement, nor a capability, nor @disruptive.")
    getattr(pytest.mark, tag)(function)
    return True


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Only what the user chose."""
    chosen, left = features.select(
        items,
        config.getoption("--conformance-tags"),
        filter(None, config.getoption("--conformance-requirements").split(",")),
        config.getoption("--conformance-scenario"),
    )
    if left:
        config.hook.pytest_deselected(items=left)
        items[:] = chosen
    if hasattr(config, "workerinput"):
        items[:] = features.in_turn(items)


@pytest.fixture(scope="session")
def session() -> Session:
    """The session of the run."""
    return Session.read(Path(os.environ[sessions.SESSION_VARIABLE]))


def pytest_collection_finish(session: pytest.Session) -> None:
    """A worker has a moment until it is told its first scenario."""
    if session.items and hasattr(session.config, "workerinput"):
        sight.begin_early(session.config)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Whoever began to watch ends it here."""
    sight.end(session.config)


@pytest.fixture(scope="session")
def bench(request: pytest.FixtureRequest, session: Session) -> Bench:
    """Clusters, observer and Git server; one a process."""
    seen = sight.of(request.config, session)
    (_, management), *attached = seen.clusters.items()
    lent = None
    if session.bootstrap_control:
        lent = GitServer(session.bootstrap_control, session.bootstrap_token)
        # A worker that died in the midst of a scenario that takes it away could not give it back.
        bootstrap.restore(lent)
    return Bench(
        management=management,
        attached=dict(attached),
        kubeconfigs={name: Path(path) for name, path in session.clusters.items()},
        observer=seen.observer,
        git=GitServer(session.git_control, session.git_token),
        bootstrap=lent,
        profile=profile.Profile(
            session.system,
            frozenset(session.capabilities),
            profile.dialect(session.dialect),
            session.may_poke,
        ),
        patience=Patience.of(session.patience),
        kubectl=Path(session.kubectl),
        scratch=Path(session.directory),
        workspace=session.workspace,
        seed=session.seed,
        workload_images=session.workload_images,
        journal=lambda kind, name: sessions.note(session.journal, kind, name),
    )


@pytest.fixture
def scoping() -> Iterator[Scoping]:
    """The scopes of a scenario, closed after the evidence is in."""
    opened = Scoping()
    yield opened
    opened.close()


@pytest.fixture
def world(
    request: pytest.FixtureRequest,
    bench: Bench,
    scoping: Scoping,  # noqa: ARG001 - so that it is closed after us
    session: Session,
) -> Iterator[World]:
    """The state of a scenario; whatever it made is removed afterwards, without waiting for it."""
    waited = bench.observer.waited + bench.git.waited
    made = World(bench, request.node.nodeid)
    yield made
    recording: Recording | None = request.node.stash.get(RECORDING, None)
    if recording is not None:
        recording.waited = bench.observer.waited + bench.git.waited - waited
        _keep(made, recording, request.node, Path(session.evidence))
    made.remove()


def pytest_bdd_before_scenario(request: pytest.FixtureRequest, feature: Any, scenario: Any) -> None:
    """Begin the record."""
    item = request.node
    item.stash[RECORDING] = Recording(
        scenario, feature, collecting.identifier(item.nodeid), features.tags_of(item)
    )


def pytest_bdd_before_step(request: pytest.FixtureRequest, step_func: Any) -> None:
    """A step begins; a coroutine would pass without having run."""
    if inspect.iscoroutinefunction(step_func):
        raise HarnessBug(f"{step_func.__name__} is a coroutine: pytest-bdd would not run it.")
    request.node.stash[RECORDING].step_begins()


def pytest_bdd_after_step(request: pytest.FixtureRequest) -> None:
    """A step passed."""
    request.node.stash[RECORDING].step_ends()


def pytest_bdd_step_error(request: pytest.FixtureRequest, exception: BaseException) -> None:
    """A step raised."""
    request.node.stash[RECORDING].step_fails(exception)


def pytest_bdd_step_func_lookup_error(
    request: pytest.FixtureRequest, exception: BaseException
) -> None:
    """A step has no definition."""
    request.node.stash[RECORDING].undefined(exception)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[Any]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """The record travels on the last report of the scenario: its teardown, after the evidence."""
    report = yield
    recording = item.stash.get(RECORDING, None)
    error = call.excinfo.value if call.excinfo else None
    if error is not None and recording is not None and recording.failure is None:
        recording.failure = error
    if report.when == "teardown" and recording is not None:
        worker = os.environ.get("PYTEST_XDIST_WORKER", "")
        setattr(report, _ATTACHED_TO_REPORT, record.to_plain(recording.record(None, worker)))
    return report


def record_of(report: pytest.TestReport) -> record.ScenarioRecord | None:
    """The record that a report carries, if it is the scenario's last one."""
    plain = getattr(report, _ATTACHED_TO_REPORT, None)
    return None if plain is None else record.from_plain(record.ScenarioRecord, plain)


def _keep(world: World, recording: Recording, item: pytest.Item, directory: Path) -> None:
    begun = time.monotonic()
    recording.variants += world.variants
    recording.moments += evidence.moments(world, recording.begun)
    if recording.failure is not None:
        folder = directory / f"{collecting.slug(item.nodeid)}"
        recording.attachments += evidence.gather(world, folder, directory.parent)
    recording.spent_on_evidence = time.monotonic() - begun
