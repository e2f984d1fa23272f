"""What is told is what a watch shows: the same objects at any moment, each change once."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.cluster import errors
from harness.errors import SetupError
from harness.kit import wait
from harness.observe.copies import Copy, News
from harness.observe.sharing import Broadcaster, Subscription
from tests import fakes
from tests.fakes import FakeCluster, config_map

CONFIG_MAP = ("v1", "ConfigMap")
SECRET = ("v1", "Secret")


@pytest.fixture
def cluster() -> FakeCluster:
    return FakeCluster()


@contextmanager
def broadcasting(cluster: FakeCluster) -> Iterator[Broadcaster]:
    made = Broadcaster({"c1": cluster.cluster}, {"c1": [CONFIG_MAP]})
    try:
        yield made
    finally:
        made.close()


@contextmanager
def told(broadcaster: Broadcaster, cluster: FakeCluster) -> Iterator[tuple[Copy, list[News]]]:
    subscription = Subscription(broadcaster.address)
    news: list[News] = []
    copy = subscription.watch(cluster.cluster, CONFIG_MAP, news.append)
    subscription.start()
    assert copy.synced.wait(5.0)
    try:
        yield copy, news
    finally:
        copy.stop()
        subscription.close()


def await_names(copy: Copy, *names: str) -> None:
    wait.eventually(
        lambda: None if _names(copy) == sorted(names) else f"{_names(copy)}",
        within=5.0,
        what=f"the copy has {names}",
    )


def _names(copy: Copy) -> list[str]:
    return sorted(obj["metadata"]["name"] for obj in copy.items())


def test_who_comes_later_knows_what_there_is_and_hears_what_follows(cluster):
    cluster.put(config_map("early"))
    with broadcasting(cluster) as broadcaster, told(broadcaster, cluster) as (first, _):
        await_names(first, "early")
        cluster.put(config_map("early", text="changed"))
        cluster.put(config_map("gone"))
        cluster.remove(fakes.ref("gone"))
        cluster.put(config_map("second"))
        await_names(first, "early", "second")

        with told(broadcaster, cluster) as (late, news):
            await_names(late, "early", "second")
            assert (late.get("demo", "early") or {})["data"] == {"text": "changed"}
            assert {each.type for each in news} == {"ADDED"}
            cluster.remove(fakes.ref("early"))
            await_names(late, "second")
            await_names(first, "second")
            wait.eventually(
                lambda: None if len(news) == 3 else f"{news}", within=5.0, what="the removal"
            )
            assert (news[-1].type, news[-1].key) == ("DELETED", ("demo", "early"))
            assert news[-1].read()["data"] == {"text": "changed"}


@settings(max_examples=15, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("put"), st.sampled_from("abc"), st.integers(0, 3)),
            st.tuples(st.just("remove"), st.sampled_from("abc"), st.none()),
            st.tuples(st.sampled_from(["break", "forget", "join"]), st.none(), st.none()),
        ),
        max_size=12,
    )
)
def test_whatever_happens_and_whenever_one_joins_all_end_alike(happenings):
    cluster = FakeCluster()
    there: dict[str, int] = {}
    with broadcasting(cluster) as broadcaster:
        opened = [told(broadcaster, cluster)]
        copies_ = [opened[0].__enter__()]
        for what, name, value in happenings:
            match what:
                case "put":
                    there[name] = value
                    cluster.put(config_map(name, text=str(value)))
                case "remove" if name in there:
                    del there[name]
                    cluster.remove(fakes.ref(name))
                case "break":
                    cluster.disconnect()
                case "forget":
                    cluster.forget()
                case "join":
                    opened.append(told(broadcaster, cluster))
                    copies_.append(opened[-1].__enter__())
        cluster.put(config_map("last"))
        expected = {name: {"text": str(value)} for name, value in there.items()} | {"last": {}}
        for copy, news in copies_:
            await_names(copy, *expected)
            assert {o["metadata"]["name"]: o["data"] for o in copy.items()} == expected
            wait.eventually(
                partial(_not_replayed, news, expected),
                within=5.0,
                what="the news amount to the same",
            )
        for each in opened:
            each.__exit__(None, None, None)


def _not_replayed(news: list[News], expected: dict[str, dict[str, str]]) -> str | None:
    known = _replayed(news)
    return None if known == expected else f"{known}"


def _replayed(news: list[News]) -> dict[str, dict[str, str]]:
    known: dict[str, dict[str, str]] = {}
    for each in list(news):
        if each.type == "DELETED":
            del known[each.key[1]]  # of nothing that was not told before
        else:
            assert (each.type == "ADDED") == (each.key[1] not in known), "told once"
            known[each.key[1]] = each.read()["data"]
    return known


def test_trouble_is_told_and_its_end(cluster):
    with broadcasting(cluster) as broadcaster, told(broadcaster, cluster) as (copy, _):
        cluster.refuse(errors.Unreachable("c1: no answer"))
        cluster.disconnect()
        wait.eventually(
            lambda: None if copy.trouble == "c1: no answer" else f"{copy.trouble}",
            within=5.0,
            what="the trouble",
        )
        with told_without_list(broadcaster, cluster) as late:
            assert late.trouble == "c1: no answer"

        cluster.refuse(None)
        wait.eventually(lambda: copy.trouble, within=10.0, what="the trouble is over")


@contextmanager
def told_without_list(broadcaster: Broadcaster, cluster: FakeCluster) -> Iterator[Copy]:
    subscription = Subscription(broadcaster.address)
    copy = subscription.watch(cluster.cluster, CONFIG_MAP, lambda _: None)
    subscription.start()
    wait.eventually(
        lambda: None if copy.trouble else "nothing is told", within=5.0, what="the trouble"
    )
    yield copy
    subscription.close()


def test_a_copy_is_not_synced_before_the_first_list_is_in(cluster):
    cluster.refuse(errors.Unreachable("c1: no answer"))
    with broadcasting(cluster) as broadcaster, told_without_list(broadcaster, cluster) as copy:
        assert not copy.synced.is_set()
        cluster.refuse(None)
        assert copy.synced.wait(10.0)


def test_what_nobody_tells_is_watched_directly(cluster):
    cluster.put({**config_map("a"), "kind": "Secret"})
    with broadcasting(cluster) as broadcaster:
        subscription = Subscription(broadcaster.address)
        copy = subscription.watch(cluster.cluster, SECRET, lambda _: None)
        assert copy.synced.wait(5.0)
        assert _names(copy) == ["a"]
        copy.stop()
        subscription.close()


def test_an_object_that_nobody_looks_at_is_not_parsed(cluster, monkeypatch):
    parsed: list[bytes] = []
    loads = json.loads

    def noting(text: bytes) -> object:
        parsed.append(text)
        return loads(text)

    monkeypatch.setattr(json, "loads", noting)
    cluster.put(config_map("a"))
    with broadcasting(cluster) as broadcaster, told(broadcaster, cluster) as (copy, news):
        wait.eventually(lambda: None if news else "no news", within=5.0, what="news")
        assert parsed == []
        assert copy.get("demo", "a") is copy.get("demo", "a")
        assert len(parsed) == 1


def test_without_the_key_nothing_is_told_and_others_are_not_disturbed(cluster):
    cluster.put(config_map("a"))
    with broadcasting(cluster) as broadcaster:
        with pytest.raises(SetupError, match="The run does not tell what it sees"):
            Subscription(replace(broadcaster.address, key="00" * 32))
        with told(broadcaster, cluster) as (copy, _):
            await_names(copy, "a")


def test_the_end_of_the_broadcaster_is_a_trouble_of_who_listens(cluster):
    with broadcasting(cluster) as broadcaster:
        subscription = Subscription(broadcaster.address)
        copy = subscription.watch(cluster.cluster, CONFIG_MAP, lambda _: None)
        subscription.start()
        assert copy.synced.wait(5.0)
    wait.eventually(
        lambda: None if "has ended" in str(copy.trouble) else f"{copy.trouble}",
        within=5.0,
        what="the trouble",
    )
    subscription.close()
    with pytest.raises(SetupError):
        Subscription(broadcaster.address)


def test_nothing_is_left_running(cluster):
    before = set(threading.enumerate())
    with broadcasting(cluster) as broadcaster, told(broadcaster, cluster):
        pass
    wait.eventually(
        lambda: ", ".join(t.name for t in set(threading.enumerate()) - before) or None,
        within=5.0,
        what="every thread has ended",
    )
