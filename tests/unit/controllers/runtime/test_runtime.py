import logging
import threading
from collections import Counter
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from harness.cluster.reflector import Change, Reflector
from harness.controllers import runtime
from harness.controllers.runtime import Backoff, Controller, Key, Manager, Queue, Retry
from harness.kit.clock import ManualClock
from tests.fakes import FakeCluster, config_map

A, B, C = (Key("demo", name) for name in "abc")


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def queue(clock) -> Queue:
    return Queue(clock)


def _drain(queue: Queue) -> list[Key]:
    """All that is due, each worked on."""
    taken = []
    while (key := queue.take(block=False)) is not None:
        taken.append(key)
        queue.done(key)
    return taken


def test_a_key_is_due_once_however_often_it_was_added(queue):
    for key in (A, B, A, A):
        queue.add(key)

    assert _drain(queue) == [A, B]


def test_a_key_that_is_added_while_it_is_worked_on_comes_back_afterwards(queue):
    queue.add(A)
    assert queue.take() == A
    queue.add(A)
    assert queue.take(block=False) is None, "never twice at once"
    queue.done(A)

    assert _drain(queue) == [A]


def test_a_key_that_ripens_while_it_is_worked_on_comes_back_afterwards(queue, clock):
    queue.add(A)
    queue.take()
    queue.add_after(A, 1)
    clock.advance(2)
    assert queue.take(block=False) is None
    queue.done(A)

    assert _drain(queue) == [A]


@pytest.mark.parametrize("pauses", [(1, 5), (5, 1)])
def test_of_two_times_the_earlier_wins(queue, clock, pauses):
    for pause in pauses:
        queue.add_after(A, pause)
    assert _drain(queue) == []
    clock.advance(1)
    assert _drain(queue) == [A]
    clock.advance(10)
    assert _drain(queue) == [], "the later one is forgotten"


def test_what_is_due_now_does_not_come_again_later(queue, clock):
    queue.add_after(A, 5)
    queue.add(A)
    assert _drain(queue) == [A]
    clock.advance(10)

    assert _drain(queue) == []


def test_a_later_time_can_be_set_anew_once_the_first_is_over(queue, clock):
    queue.add_after(A, 1)
    clock.advance(1)
    assert _drain(queue) == [A]
    queue.add_after(A, 5)
    clock.advance(5)

    assert _drain(queue) == [A]


def test_closing_lets_waiting_workers_go(queue):
    got: list[Key | None] = []
    worker = threading.Thread(target=lambda: got.append(queue.take()))
    worker.start()
    queue.close()
    worker.join(5.0)

    assert got == [None]


class QueueMachine(RuleBasedStateMachine):
    """The queue against a model: the moment at which each key is to be worked on next."""

    keys = st.sampled_from([A, B, C])

    def __init__(self) -> None:
        super().__init__()
        self.clock = ManualClock()
        self.queue = Queue(self.clock)
        self.due: dict[Key, float] = {}
        self.later: dict[Key, float] = {}
        self.working: set[Key] = set()

    def _ripe(self) -> set[Key]:
        now = self.clock.monotonic()
        return set(self.due) | {key for key, when in self.later.items() if when <= now}

    @rule(key=keys)
    def add(self, key):
        self.queue.add(key)
        self.due[key] = self.clock.monotonic()
        self.later.pop(key, None)

    @rule(key=keys, pause=st.sampled_from([0.0, 0.5, 1.0, 3.0]))
    def add_after(self, key, pause):
        self.queue.add_after(key, pause)
        when = self.clock.monotonic() + pause
        self.later[key] = min(self.later.get(key, when), when)

    @rule(seconds=st.sampled_from([0.5, 1.0, 5.0]))
    def advance(self, seconds):
        self.clock.advance(seconds)

    @rule()
    def take(self):
        key = self.queue.take(block=False)
        free = self._ripe() - self.working
        if key is None:
            assert not free
        else:
            assert key in free
            now = self.clock.monotonic()
            self.due.pop(key, None)
            if self.later.get(key, now + 1) <= now:
                del self.later[key]
            self.working.add(key)
        # What ripened was moved, whether or not it was taken.
        for ripe in {k for k, when in self.later.items() if when <= self.clock.monotonic()}:
            del self.later[ripe]
            self.due.setdefault(ripe, self.clock.monotonic())

    @precondition(lambda self: self.working)
    @rule(data=st.data())
    def done(self, data):
        key = data.draw(st.sampled_from(sorted(self.working)))
        self.queue.done(key)
        self.working.discard(key)

    @invariant()
    def nothing_is_worked_on_twice(self):
        assert not self.working & set(self.queue._due)

    def teardown(self):
        """Nothing is ever lost."""
        for key in list(self.working):
            self.queue.done(key)
        self.clock.advance(100)
        assert set(_drain(self.queue)) == set(self.due) | set(self.later)


TestQueueAgainstItsModel = QueueMachine.TestCase
TestQueueAgainstItsModel.settings = settings(max_examples=40, deadline=None)


def test_no_key_is_worked_on_twice_at_once_by_many_workers():
    busy: Counter[Key] = Counter()
    overlaps, lock, finished = [], threading.Lock(), threading.Event()
    runs: Counter[Key] = Counter()

    def reconcile(key: Key) -> None:
        with lock:
            busy[key] += 1
            runs[key] += 1
            overlaps.append(busy[key])
        controller.queue.add(Key("demo", "other"))
        with lock:
            busy[key] -= 1
            if runs[A] >= 20 and runs[B] >= 20:
                finished.set()
        if not finished.is_set():
            controller.queue.add(key)

    controller = Controller("test", reconcile, workers=4)
    controller.queue.add(A)
    controller.queue.add(B)
    controller.start()
    assert finished.wait(10.0)
    controller.stop()

    assert max(overlaps) == 1


def test_the_pause_after_a_failure_doubles_up_to_the_most():
    backoff = Backoff(first=1.0, most=5.0)
    assert [backoff.next(A) for _ in range(5)] == [1.0, 2.0, 4.0, 5.0, 5.0]
    assert backoff.next(B) == 1.0, "each key has its own"
    backoff.forget(A)
    assert backoff.next(A) == 1.0


def test_the_pause_stays_finite_after_thousands_of_failures():
    backoff = Backoff(first=1.0, most=5.0)
    for _ in range(5000):
        last = backoff.next(A)

    assert last == 5.0


class Script:
    """A reconciler that does as it is told, once each time."""

    def __init__(self, *outcomes) -> None:
        self._outcomes = list(outcomes)
        self.seen: list[Key] = []

    def __call__(self, key: Key) -> float | None:
        self.seen.append(key)
        outcome = self._outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


def _controller(clock, *outcomes) -> tuple[Controller, Script]:
    script = Script(*outcomes)
    return Controller("test", script, backoff=Backoff(1.0, 8.0), clock=clock), script


def test_a_step_works_on_one_due_key_in_this_thread(clock):
    controller, script = _controller(clock, None, None)
    assert controller.step() is False
    controller.queue.add(A)
    controller.queue.add(B)

    assert controller.step() is True
    assert script.seen == [A]
    assert controller.step() is True
    assert controller.step() is False


def test_a_reconciler_says_when_it_wants_to_run_again(clock):
    controller, script = _controller(clock, 5.0, None)
    controller.queue.add(A)
    controller.step()
    clock.advance(4.9)
    assert controller.step() is False
    clock.advance(0.1)
    assert controller.step() is True
    assert script.seen == [A, A]


@pytest.mark.parametrize("failure", [Retry("not there yet"), ValueError("a bug")])
def test_a_failure_runs_again_after_a_growing_pause_and_a_success_resets_it(clock, failure):
    controller, _ = _controller(clock, failure, failure, None, failure, None)
    controller.queue.add(A)
    pauses = []
    for _ in range(2):
        assert controller.step()
        waited = 0.0
        while not controller.queue._due and not _ripens(controller, clock):
            clock.advance(0.5)
            waited += 0.5
        pauses.append(waited)
    assert controller.step()
    controller.queue.add(A)
    assert controller.step()
    clock.advance(1.0)

    assert pauses == [1.0, 2.0]
    assert controller.step(), "after a success the first pause is short again"


def _ripens(controller: Controller, clock: ManualClock) -> bool:
    return any(when <= clock.monotonic() for when in controller.queue._when.values())


def test_a_wish_to_retry_has_no_stack_trace_and_a_mistake_has_one(clock, caplog):
    caplog.set_level(logging.INFO)
    controller, _ = _controller(clock, Retry("not there yet"), ValueError("a bug"))
    for key in (A, B):
        controller.queue.add(key)
        controller.step()

    wish, mistake = caplog.records
    assert wish.getMessage() == "test demo/a: not there yet; again in 1.0 s"
    assert wish.exc_info is None
    assert mistake.exc_info is not None


def _change(kind: Any, old=None, **metadata) -> Change:
    obj = {"kind": "ConfigMap", "metadata": {"name": "a", "namespace": "demo", **metadata}}
    return Change("c1", kind, obj, old)


@pytest.mark.parametrize(
    ("metadata", "more"),
    [
        ({"resourceVersion": "2"}, False),
        ({"generation": 2}, True),
        ({"deletionTimestamp": "now"}, True),
        ({"finalizers": ["x"]}, True),
        ({"annotations": {"asked": "now"}}, True),
        ({"annotations": {"other": "now"}}, False),
    ],
)
def test_a_write_of_the_status_is_told_from_a_change(metadata, more):
    old = _change("ADDED", generation=1).object
    change = _change("MODIFIED", old, **{"generation": 1, **metadata})

    assert runtime.spec_changed(change, annotations=["asked"]) is more


@pytest.mark.parametrize("kind", ["ADDED", "DELETED"])
def test_new_and_deleted_objects_are_changes(kind):
    assert runtime.spec_changed(_change(kind))


def test_a_change_feeds_its_own_key(queue):
    runtime.feed(queue, runtime.own_key)(_change("ADDED"))

    assert _drain(queue) == [A]


def test_keys_are_told_as_people_write_them():
    assert str(A) == "demo/a"
    assert str(Key("", "demo")) == "demo"
    assert Key.of(config_map("a", None)) == Key("", "a")


def test_a_manager_starts_workers_after_the_first_lists_and_stops_all():
    cluster, worked = FakeCluster(), threading.Event()
    cluster.put(config_map("a"))
    synced_before = []

    def reconcile(key: Key) -> None:
        synced_before.append(reflector.synced.is_set())
        worked.set()

    controller = Controller("test", reconcile)
    reflector = Reflector(
        cluster.cluster,
        "v1",
        "ConfigMap",
        on_change=runtime.feed(controller.queue, runtime.own_key),
    )
    manager = Manager()
    manager.add(controller, reflector)
    manager.start()
    assert worked.wait(5.0)
    manager.stop()

    assert synced_before == [True]
    assert controller.queue.take() is None
