import threading
from collections.abc import Iterator
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.cluster import errors, reflector
from harness.cluster.reflector import Change, Reflector
from harness.kit import wait
from harness.model.objects import Object, Ref
from tests import fakes
from tests.fakes import FakeCluster, config_map

names = st.sampled_from("abc")
happenings = st.one_of(
    st.tuples(st.just("put"), names, st.integers(0, 3)),
    st.tuples(st.just("remove"), names),
    st.sampled_from(
        [("show",), ("bookmark",), ("break",), ("end",), ("expire",), ("fail",), ("nonsense",)]
    ),
)


class Scripted(FakeCluster):
    """A cluster whose changes, broken watches and failed lists follow a script."""

    def __init__(self, script) -> None:
        super().__init__()
        self._script = list(script)
        self._failing = False
        self.over = threading.Event()

    def list(self, *address, **options):
        while self._script and self._script[0][0] in ("put", "remove"):
            self._change(*self._script.pop(0))
        if self._failing:
            self._failing = False
            raise errors.Unreachable("no answer")
        return super().list(*address, **options)

    def watch(self, *_, resource_version, **__):
        seen = int(resource_version)
        while True:
            if seen < self._forgotten:
                raise errors.Expired(410, "Expired", "too old resource version", {})
            pending = [entry for entry in self._log if entry[0] > seen]
            match self._script.pop(0) if self._script else ("rest",):
                case ("put" | "remove", *_) as change:
                    self._change(*change)
                case ("show",) if pending:
                    seen = pending[0][0]
                    yield pending[0][1], dict(pending[0][2])
                case ("bookmark",) if not pending:
                    yield "BOOKMARK", {"metadata": {"resourceVersion": str(self._version)}}
                case ("end",):
                    return
                case ("break",):
                    raise errors.Unreachable("the watch broke")
                case ("expire",):
                    self.forget()
                case ("fail",):
                    self._failing = True
                    raise errors.Unreachable("the watch broke")
                case ("nonsense",):
                    raise KeyError("metadata")
                case ("rest",):
                    for _version, event, obj in pending:
                        yield event, dict(obj)
                    self.over.set()
                    return

    def _change(self, what: str, name: str, value: int = 0) -> None:
        if what == "put":
            self.put(config_map(name, text=str(value)))
        elif self.find(fakes.ref(name)):
            self.remove(fakes.ref(name))


class Listener:
    """Replays what it is told, and minds when it cannot be."""

    def __init__(self) -> None:
        self.known: dict[Ref, Object] = {}

    def __call__(self, change: Change) -> None:
        ref = Ref.of(change.object)
        before = self.known.get(ref)
        assert change.old == before
        if change.type == "ADDED":
            assert before is None
        else:
            assert before is not None
            assert before["metadata"]["uid"] == change.object["metadata"]["uid"]
        if change.type == "MODIFIED":
            assert before != change.object
        if change.type == "DELETED":
            del self.known[ref]
        else:
            self.known[ref] = change.object


@settings(max_examples=200, deadline=None)
@given(st.lists(happenings, max_size=25))
def test_whatever_happens_the_copy_ends_as_a_list_and_each_difference_is_told_once(script):
    cluster, listener, complaints = Scripted(script), Listener(), []

    def told(change: Change) -> None:
        try:
            listener(change)
        except AssertionError as error:
            complaints.append(error)

    made = Reflector(cluster.cluster, "v1", "ConfigMap", on_change=told)
    made._stopping = _Until(cluster.over)
    with mock.patch.object(reflector, "_RETRY_FIRST", 0.0):
        made._run()

    wanted = {Ref.of(obj): obj for obj in cluster.list("v1", "ConfigMap").items}
    assert complaints == []
    assert {Ref.of(obj): obj for obj in made.items()} == wanted
    assert listener.known == wanted


class _Until(threading.Event):
    """Set as soon as the script is over; nobody waits on it for long."""

    def __init__(self, over: threading.Event) -> None:
        super().__init__()
        self._over = over

    def is_set(self) -> bool:
        return self._over.is_set()

    def wait(self, timeout: float | None = None) -> bool:
        return self.is_set()


@pytest.fixture
def cluster() -> FakeCluster:
    return FakeCluster()


@pytest.fixture
def changes() -> list[Change]:
    return []


@pytest.fixture
def running(cluster, changes) -> Iterator[Reflector]:
    made = Reflector(cluster.cluster, "v1", "ConfigMap", on_change=changes.append).start()
    yield made
    made.stop()


def _eventually(probe) -> None:
    wait.eventually(lambda: None if probe() else "not so", within=5.0, what="it")


def test_the_first_list_is_told_before_synced_is_set(cluster, changes):
    cluster.put(config_map("a"))
    made = Reflector(cluster.cluster, "v1", "ConfigMap", on_change=changes.append).start()

    assert made.synced.wait(5.0)
    assert [(c.cluster, c.type, c.object["kind"]) for c in changes] == [
        ("c1", "ADDED", "ConfigMap")
    ]
    made.stop()


def test_one_known_object_is_found_by_namespace_and_name(cluster, running):
    cluster.put(config_map("a", text="x"))
    _eventually(lambda: running.get("demo", "a"))

    assert running.get("demo", "a")["data"] == {"text": "x"}
    assert running.get("other", "a") is None


def test_an_object_that_was_replaced_while_nobody_watched_was_deleted_and_added(cluster, changes):
    script = [("put", "a", 1), ("break",), ("remove", "a"), ("put", "a", 1)]
    scripted = Scripted(script)
    made = Reflector(scripted.cluster, "v1", "ConfigMap", on_change=changes.append).start()
    assert scripted.over.wait(5.0)
    made.stop()

    assert [c.type for c in changes] == ["ADDED", "DELETED", "ADDED"]


def test_a_listeners_mistake_does_not_end_the_copy(cluster, caplog):
    def fail(_: Change) -> None:
        raise ZeroDivisionError

    made = Reflector(cluster.cluster, "v1", "ConfigMap", on_change=fail).start()
    cluster.put(config_map("a"))
    cluster.put(config_map("b"))
    _eventually(lambda: len(made.items()) == 2)
    made.stop()

    assert "a listener failed" in caplog.text


def test_trouble_is_told_while_it_lasts(cluster, running):
    assert running.synced.wait(5.0)
    cluster.refuse(errors.Unreachable("c1: no answer"))
    cluster.disconnect()
    _eventually(lambda: running.trouble == "c1: no answer")
    cluster.refuse(None)
    _eventually(lambda: running.trouble is None)


def test_stop_ends_the_thread_and_may_be_called_twice_or_without_a_start(cluster):
    never = Reflector(cluster.cluster, "v1", "ConfigMap", on_change=lambda _: None)
    never.stop()
    made = Reflector(cluster.cluster, "v1", "ConfigMap", on_change=lambda _: None).start()
    assert made.synced.wait(5.0)
    made.stop()
    made.stop()

    assert not made._thread.is_alive()
