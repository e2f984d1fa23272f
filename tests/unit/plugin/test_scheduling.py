"""Whoever runs alone has nobody beside them, and everybody runs once."""

from datetime import datetime, timedelta
from itertools import chain
from types import SimpleNamespace
from typing import Any

import pytest

from harness.plugin.scheduling import AloneFirst
from tests.unit.plugin.tiny import Suite


class Worker:
    """As xdist's: runs what it was sent in turn, but the last only once it knows what comes."""

    def __init__(self) -> None:
        self.sent: list[int] = []
        self.ran: list[int] = []
        self.shutting_down = False
        self.gateway = SimpleNamespace(id="gw")

    def send_runtest_some(self, indices: list[int]) -> None:
        assert not self.shutting_down
        self.sent += indices

    def shutdown(self) -> None:
        self.shutting_down = True

    @property
    def current(self) -> int | None:
        left = self.sent[len(self.ran) :]
        return left[0] if len(left) > 1 or (left and self.shutting_down) else None


class Config:
    """What of pytest's configuration a schedule asks for."""

    def __init__(self, workers: int) -> None:
        self._options = {"tx": [f"{workers}*popen"], "maxschedchunk": 1}

    def getvalue(self, name: str) -> Any:
        return self._options[name]

    getoption = getvalue


class Run:
    """A schedule and its workers; `end` ends the scenario that one of them runs."""

    def __init__(self, names: list[str], workers: int) -> None:
        self.names = names
        self.workers = [Worker() for _ in range(workers)]
        config: Any = Config(workers)
        self.schedule = AloneFirst(config, None, lambda name: name.startswith("alone"))
        for worker in self.workers:
            self.add(worker)
        self.schedule.schedule()

    def add(self, worker: Worker) -> None:
        self.schedule.add_node(worker)
        self.schedule.add_node_collection(worker, self.names)

    @property
    def running(self) -> list[str]:
        return [self.names[w.current] for w in self.workers if w.current is not None]

    def end(self, worker: Worker) -> None:
        assert worker.current is not None
        worker.ran.append(worker.current)
        self.schedule.mark_test_complete(worker, worker.ran[-1], 5.0)

    def crash(self, worker: Worker) -> None:
        self.workers.remove(worker)
        worker.ran += worker.sent[len(worker.ran) :][:1]
        self.schedule.remove_node(worker)
        self.workers.append(Worker())
        self.add(self.workers[-1])
        self.schedule.schedule()

    def play(self) -> list[str]:
        """All that runs at each moment, to the end; it never stands still with work left."""
        seen = []
        while running := self.running:
            seen.append(" ".join(running))
            self.end(next(w for w in self.workers if w.current is not None))
        return seen


@pytest.mark.parametrize("workers", [2, 3, 6])
@pytest.mark.parametrize(("alone", "together"), [(0, 9), (1, 3), (1, 20), (2, 6), (2, 30), (3, 0)])
def test_alone_first_then_everybody_once(workers, alone, together):
    names = [f"beside-{n}" for n in range(together)] + [f"alone-{n}" for n in range(alone)]
    run = Run(names, workers)

    seen = run.play()

    assert seen[:alone] == [f"alone-{n}" for n in range(alone)]
    assert not any("alone" in moment for moment in seen[alone:])
    assert sorted(chain(*(w.ran for w in run.workers))) == list(range(len(names)))
    assert run.schedule.tests_finished
    if together > 2 * workers:
        assert len(seen[alone].split()) == workers, "all of them begin"


def test_what_a_crashed_worker_left_still_runs_alone():
    names = [*(f"beside-{n}" for n in range(8)), "alone-0", "alone-1"]
    run = Run(names, 2)
    assert run.running == ["alone-0"]

    run.crash(run.workers[0])

    assert run.running == ["alone-1"]
    seen = run.play()
    assert not any("alone" in moment for moment in seen[1:])
    assert len({*chain(*(w.ran for w in run.workers))}) == 9, "all but the one that crashed"


@pytest.mark.slow
def test_workers_of_xdist_keep_to_it(tmp_path):
    scenario = "\n  @CD-SYNC-01 @sync {}\n  Scenario: {}\n    When it takes a moment\n"
    feature = "Feature: Tiny\n" + "".join(
        scenario.format("@disruptive" if n in (3, 5) else "", f"Nr {n}") for n in range(8)
    )
    result = Suite(tmp_path, {"tiny.feature": feature}).run(workers=3)

    assert set(result.outcomes.values()) == {"passed"}, result.output
    spans = {}
    for name, record in result.records.items():
        began = datetime.fromisoformat(record["started"])
        spans[name] = (began, began + timedelta(seconds=record["duration"]))
    (_, first_ended), (second_began, second_ended) = spans.pop("Nr 3"), spans.pop("Nr 5")
    others = sorted(spans.values())
    slack = timedelta(milliseconds=2)  # moments are kept in milliseconds
    assert first_ended <= second_began + slack
    assert second_ended <= others[0][0] + slack
    assert others[1][0] < others[0][1], "the others run beside each other"
