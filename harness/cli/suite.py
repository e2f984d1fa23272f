"""Runs the scenarios with pytest, in this process or in workers, and collects their records."""

import contextlib
import io
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from harness import config, data
from harness.errors import UsageError
from harness.model import catalogue, profile
from harness.model.sharding import Shard
from harness.plugin import collecting, features, sight, wiring
from harness.plugin.features import Sketch
from harness.plugin.scheduling import Scheduling
from harness.reporting.record import ScenarioRecord

Tell = Callable[[ScenarioRecord, int, int], None]
_NOT_RUN = "Not run: the run was interrupted."
_INI = Path(wiring.__file__).parent / "pytest.ini"


class Collector:
    """Listens to pytest (and xdist) in the main process."""

    def __init__(self, tell: Tell, cases: dict[str, Sketch]) -> None:
        self._tell = tell
        self._cases = cases
        self._selected: list[str] = []
        self._started: set[str] = set()
        self.records: dict[str, ScenarioRecord] = {}
        self.interrupted = False
        self.troubles: list[str] = []

    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """Ctrl-C, here or in a worker; pytest ends a failed collection by the same way."""
        self.interrupted = not isinstance(excinfo.value, pytest.Session.Interrupted)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Without xdist the items are known here."""
        self._select([item.nodeid for item in session.items])

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: list[str]) -> None:
        """With xdist each worker says what it found."""
        self._select(ids)

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """A scenario begins, here or in a worker."""
        self._started.add(nodeid)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """A feature that cannot be read must not vanish."""
        if report.failed:
            self._trouble(f"{report.nodeid}: {report.longreprtext}")

    def pytest_warning_recorded(self, warning_message: Any) -> None:
        """A warning outside a scenario."""
        self._trouble(f"warning: {warning_message.message}")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """A scenario ended."""
        record = wiring.record_of(report)
        if record is not None:
            self.records[report.nodeid] = record
            self._tell(record, len(self.records), len(self._selected))
        elif report.failed and report.nodeid not in self.records and report.when != "call":
            self._lost(report.nodeid, "errored", report.longreprtext)

    def finish(self) -> None:
        """Give every selected scenario a record: those that were cut off, and those never begun."""
        for nodeid in self._selected:
            if nodeid in self.records:
                continue
            if not self.interrupted:
                self._lost(nodeid, "errored", "Never finished: pytest ended before it.")
            elif nodeid in self._started:
                self._lost(nodeid, "interrupted", "The run was interrupted.")
            else:
                self._lost(nodeid, "skipped", _NOT_RUN)
        if self.interrupted:
            # What pytest had no time to collect.
            for nodeid in self._cases.keys() - self.records.keys():
                self._lost(nodeid, "skipped", _NOT_RUN)

    def _trouble(self, text: str) -> None:
        if text not in self.troubles:  # each worker collects anew
            self.troubles.append(text)

    def _select(self, ids: list[str]) -> None:
        known = set(self._selected)
        self._selected += [nodeid for nodeid in ids if nodeid not in known]

    def _lost(self, nodeid: str, outcome: Any, message: str) -> None:
        # Its worker cannot say what it was about; the feature file can.
        path, _, name = nodeid.partition("::")
        known = self._cases.get(nodeid, Sketch(path, path, name, 0, ()))
        self.records[nodeid] = ScenarioRecord(
            id=collecting.identifier(nodeid),
            feature=known.feature,
            name=known.name,
            outcome=outcome,
            uri=known.path,
            line=known.line,
            tags=known.tags,
            requirements=tuple(t for t in known.tags if catalogue.is_requirement_tag(t)),
            capabilities=tuple(t for t in known.tags if profile.is_capability(t)),
            message=message,
        )


def run(
    session_file: Path,
    *,
    tags: str,
    requirements: tuple[str, ...],
    scenarios: tuple[str, ...],
    workers: int,
    tell: Tell,
    shard: Shard | None = None,
    directory: Path | None = None,
    plugins: tuple[str, ...] = (),
) -> Collector:
    """What the scenarios came to; `directory` and `plugins` are for other suites than our own."""
    folder = directory or data.path("features")
    cases = features.dealt(features.cases(folder, tags, requirements, scenarios), shard)
    if shard:
        if not cases:
            raise UsageError(f"--shard {shard}: too few scenarios are selected, this one is empty.")
        # Workers collect on their own; told by name, they need not know how it was dealt.
        scenarios = tuple(map(collecting.identifier, cases))
    collector = Collector(tell, cases)
    choice = (
        f"--conformance-tags={tags}",
        f"--conformance-requirements={','.join(requirements)}",
        *(f"--conformance-scenario={each}" for each in scenarios),
    )
    many = _useful(cases, workers)
    with contextlib.ExitStack() as stack:
        stack.enter_context(_environment(config.SESSION_VARIABLE, str(session_file)))
        if many > 1 and directory is None:  # other suites have no fleet
            stack.enter_context(sight.shared(session_file))
        try:
            status = _pytest(collector, cases, folder, choice, plugins, many)
        except KeyboardInterrupt:  # before pytest was there to catch it
            collector.interrupted = True
        else:
            if status == pytest.ExitCode.USAGE_ERROR and not collector.interrupted:
                raise UsageError("The scenarios could not be selected; see above.")
    collector.finish()
    if not collector.records and not collector.troubles and not collector.interrupted:
        raise UsageError("No scenario is what was asked for; their ids are in every report.")
    return collector


def _useful(cases: Mapping[str, Sketch], workers: int) -> int:
    """How many workers there is work for; each costs seconds to start."""
    together = sum(not each.alone for each in cases.values())
    return max(1, min(workers, together))


def _pytest(
    collector: Collector,
    cases: Mapping[str, Sketch],
    directory: Path,
    choice: tuple[str, ...],
    plugins: tuple[str, ...],
    workers: int,
) -> int:
    arguments = [
        "-c", str(_INI), "--rootdir", str(directory), "-p", "harness.plugin.wiring",
        "-p", "no:terminal", "--assert=plain", "--continue-on-collection-errors", *choice,
    ]  # fmt: skip
    for plugin in plugins:
        arguments += ["-p", plugin]
    if workers > 1:
        arguments += ["-n", str(workers), "--dist", "load", "--maxschedchunk", "1"]
        arguments += ["--maxprocesses", str(workers)]
    else:
        arguments += ["-p", "no:xdist"]
    schedule = Scheduling(lambda nodeid: cases[nodeid].alone)
    swallowed = io.StringIO()
    with contextlib.redirect_stdout(swallowed):
        status = int(pytest.main([*arguments, str(directory)], plugins=[collector, schedule]))
    if status == pytest.ExitCode.INTERNAL_ERROR:
        collector.troubles.append(swallowed.getvalue())
    return status


@contextlib.contextmanager
def _environment(name: str, value: str) -> Iterator[None]:
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = before
