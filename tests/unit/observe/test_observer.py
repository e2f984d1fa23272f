import re
import threading
import time
from collections.abc import Iterator
from functools import partial

import pytest

from harness.cluster import errors
from harness.errors import HarnessBug, NotYet, SetupError
from harness.kit import wait
from harness.observe.observer import Observer, first_missing
from harness.observe.sharing import Broadcaster, Subscription
from tests import fakes
from tests.fakes import FakeCluster, config_map

KINDS = (("v1", "ConfigMap"), ("v1", "Secret"))
CONFIG_MAP = KINDS[0]


@pytest.fixture
def clusters() -> dict[str, FakeCluster]:
    return {name: FakeCluster(name) for name in ("management", "c1")}


@pytest.fixture(params=["watching by itself", "told by another"])
def observer(request, clusters: dict[str, FakeCluster]) -> Iterator[Observer]:
    fleet = {name: fake.cluster for name, fake in clusters.items()}
    kinds = dict.fromkeys(clusters, KINDS)
    if request.param == "watching by itself":
        made = Observer(fleet, kinds)
        made.start(within=5.0)
        yield made
        made.stop()
        return
    broadcaster = Broadcaster(fleet, kinds)
    subscription = Subscription(broadcaster.address)
    made = Observer(fleet, kinds, watch=subscription.watch)
    made.begin()
    subscription.start()
    made.await_synced(within=5.0)
    yield made
    made.stop()
    subscription.close()
    broadcaster.close()


def _lacks(scope, name, cluster="c1"):
    return lambda: None if scope.get(cluster, *CONFIG_MAP, name) else f"no ConfigMap {name}"


def test_a_wait_ends_with_the_change_that_it_waits_for(observer, clusters):
    with observer.scope("demo") as scope:
        timer = threading.Timer(0.05, clusters["c1"].put, [config_map("greeting")])
        timer.start()
        waited = scope.until(_lacks(scope, "greeting"), within=5.0, budget="sync")

        assert waited < 2.0
        assert [entry.change for entry in scope.history()] == ["ADDED"]


def test_a_probe_is_asked_only_when_something_changed(observer, clusters):
    asked = []

    def probe() -> str | None:
        asked.append(time.monotonic())
        return "never"

    with pytest.raises(NotYet):
        observer.until(probe, within=0.3, budget="sync", scope=None)

    assert len(asked) == 2, "once at the start, once at the end"


def test_changes_elsewhere_are_taken_together_but_not_missed(observer, clusters):
    asked = []

    def probe() -> str | None:
        asked.append(time.monotonic())
        met = observer.follow("c1", CONFIG_MAP).get("elsewhere", "last")
        return None if met else "no last"

    def others() -> None:
        for number in range(100):
            clusters["c1"].put(config_map(f"n{number}", namespace="elsewhere"))
        clusters["c1"].put(config_map("last", namespace="elsewhere"))

    with observer.scope("demo") as scope:
        timer = threading.Timer(0.05, others)
        timer.start()
        waited = scope.until(probe, within=5.0, budget="sync")

    assert waited < 2.0
    assert len(asked) < 10


def test_a_change_here_is_not_kept_waiting_by_changes_elsewhere(observer, clusters):
    asked = []

    def probe() -> str | None:
        asked.append(len(scope.entries))
        return None if len(scope.entries) == 3 else "three changes"

    def was_asked(entries: int) -> str | None:
        return None if entries in asked else f"not asked with {entries}"

    def steps() -> None:
        for number in range(3):
            clusters["c1"].put(config_map(f"n{number}", namespace="elsewhere"))
            clusters["c1"].put(config_map(f"n{number}"))
            wait.eventually(partial(was_asked, number + 1), within=5.0, what="the probe")

    with observer.scope("demo") as scope:
        timer = threading.Timer(0.05, steps)
        timer.start()
        scope.until(probe, within=5.0, budget="sync")

    assert sorted(set(asked)) == [0, 1, 2, 3]


def test_what_is_already_there_takes_no_time(observer):
    assert observer.until(lambda: None, within=0.0, budget="sync", scope=None) < 0.5


def test_a_wait_in_vain_tells_what_is_missing_the_budget_and_the_history(observer, clusters):
    with observer.scope("demo") as scope:
        clusters["c1"].put(config_map("other", text="hello"))
        scope.until(_lacks(scope, "other"), within=5.0, budget="sync")
        with pytest.raises(NotYet) as caught:
            scope.until(_lacks(scope, "greeting"), within=0.05, budget="resume")

    told = str(caught.value)
    assert re.search(r"after 0\.\d s \(resume\): no ConfigMap greeting", told)
    assert "namespace demo" in told
    assert re.search(r"c1 +ADDED +ConfigMap demo/other +data=\{'text': 'hello'\}", told)


def test_a_wait_in_vain_says_when_nothing_was_seen_at_all(observer):
    with observer.scope("demo") as scope, pytest.raises(NotYet, match="Nothing was seen"):
        scope.until(lambda: "no project", within=0.0, budget="sync")


def test_a_wait_in_vain_tells_the_trouble_of_the_observation_itself(observer, clusters):
    clusters["c1"].refuse(errors.Unreachable("c1: no answer"))
    clusters["c1"].disconnect()
    reflector = observer.follow("c1", CONFIG_MAP)
    wait.eventually(
        lambda: None if "no answer" in str(reflector.trouble) else f"trouble: {reflector.trouble}",
        within=5.0,
        what="the trouble",
    )

    with pytest.raises(NotYet, match="observation itself has trouble: c1 ConfigMap: c1: no answer"):
        observer.until(lambda: "it", within=0.0, budget="sync", scope=None)


def test_a_scope_sees_its_own_namespace_on_every_cluster_and_no_other(observer, clusters):
    with observer.scope("demo") as scope, observer.scope("other") as other:
        clusters["c1"].put(config_map("a"))
        clusters["management"].put(config_map("b"))
        clusters["c1"].put(config_map("c", "other"))
        scope.until(_lacks(scope, "a"), within=5.0, budget="sync")
        scope.until(_lacks(scope, "b", "management"), within=5.0, budget="sync")
        other.until(_lacks(other, "c"), within=5.0, budget="sync")

        assert {(e.cluster, e.ref.name) for e in scope.history()} == {
            ("c1", "a"),
            ("management", "b"),
        }
        assert [e.ref.name for e in other.history()] == ["c"]
        assert scope.get("c1", *CONFIG_MAP, "c") is None
        assert [o["metadata"]["name"] for o in scope.all("c1", *CONFIG_MAP)] == ["a"]


def test_a_namespace_has_one_scope_at_a_time(observer):
    twice = pytest.raises(HarnessBug, match="demo")
    with observer.scope("demo"), twice, observer.scope("demo"):
        pass
    with observer.scope("demo"):
        pass


def test_history_begins_at_a_moment(observer, clusters):
    with observer.scope("demo") as scope:
        clusters["c1"].put(config_map("early"))
        scope.until(_lacks(scope, "early"), within=5.0, budget="sync")
        moment = scope.now()
        clusters["c1"].remove(fakes.ref("early"))
        scope.until(
            lambda: "still there" if scope.get("c1", *CONFIG_MAP, "early") else None,
            within=5.0,
            budget="delete",
        )
        # The cache changes before its listeners are told.
        scope.until(
            lambda: None if scope.history(since=moment) else "not told",
            within=5.0,
            budget="delete",
        )

        assert [e.change for e in scope.history(since=moment)] == ["DELETED"]
        assert scope.history(since=moment, cluster="management") == []


def test_a_cluster_that_does_not_answer_is_a_fault_of_the_bench():
    fake = FakeCluster()
    fake.refuse(errors.Forbidden(403, "Forbidden", "configmaps is forbidden", {}))
    observer = Observer({"c1": fake.cluster}, {"c1": KINDS})
    try:
        with pytest.raises(SetupError, match="c1: ConfigMap could not be watched within 0 s"):
            observer.start(within=0.2)
    finally:
        observer.stop()


def test_a_kind_can_be_followed_later(observer, clusters):
    clusters["c1"].put({**config_map("late"), "kind": "Service"})

    assert [o["kind"] for o in observer.follow("c1", ("v1", "Service")).items()] == ["Service"]


def test_of_several_probes_the_first_discontent_speaks():
    probe = first_missing([lambda: None, lambda: "second", lambda: "third"])

    assert probe() == "second"
    assert first_missing([lambda: None])() is None
