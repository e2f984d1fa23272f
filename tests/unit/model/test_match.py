import base64
import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.model import match

KEYS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=8)
SCALARS = st.none() | st.booleans() | st.integers() | st.text(max_size=8)
TREES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=20,
)
MAPS = st.dictionaries(KEYS, TREES, max_size=5)


def paths(expected: Any, actual: Any) -> list[str]:
    return [difference.path for difference in match.differences(expected, actual)]


def pod(**fields: Any) -> dict[str, Any]:
    return {"spec": {"containers": [{"name": "web", **fields}]}}


@given(TREES)
def test_everything_contains_itself(tree: Any) -> None:
    assert match.differences(tree, copy.deepcopy(tree)) == []


@given(MAPS, MAPS)
def test_a_map_is_contained_in_itself_with_more(expected: dict[str, Any], more: Any) -> None:
    assert match.differences(expected, {**more, **expected}) == []


@given(MAPS, KEYS, st.text(min_size=1))
def test_a_changed_value_is_named_by_its_path(tree: dict[str, Any], key: str, value: str) -> None:
    expected = {"data": {**tree, key: value}}
    found = match.differences(expected, {"data": {**tree, key: value + "!"}})
    assert [(d.expected, d.actual) for d in found] == [(value, value + "!")]


@given(MAPS, MAPS)
def test_differences_are_always_explained(one: Any, other: Any) -> None:
    found = match.differences(one, other)
    assert (match.explain(found) == "") == (found == [])


@pytest.mark.parametrize(
    ("expected", "actual", "wanted"),
    [
        ({"spec": {"a": 1, "b": 2}}, {"spec": {"a": 2}}, [".spec.a", ".spec.b"]),
        (pod(image="a"), pod(image="b"), [".spec.containers[name=web].image"]),
        (pod(image="a"), {"spec": {"containers": []}}, [".spec.containers[name=web]"]),
        (pod(args=["x"]), pod(args=["x", "y"]), [".spec.containers[name=web].args[1]"]),
        (
            pod(args=["x", "y"]),
            pod(args=["y", "x"]),
            [f".spec.containers[name=web].args[{n}]" for n in (0, 1)],
        ),
        (
            {"metadata": {"labels": {"app.kubernetes.io/name": "a"}}},
            {"metadata": {"labels": {}}},
            [".metadata.labels['app.kubernetes.io/name']"],
        ),
        (
            {"spec": {"ports": [{"port": 80, "targetPort": 1}]}},
            {"spec": {"ports": [{"port": 80, "protocol": "TCP", "targetPort": 2}]}},
            [".spec.ports[port=80].targetPort"],
        ),
        (
            {"rules": [{"verbs": ["get"]}]},
            {"rules": [{"verbs": ["get", "list"]}]},
            [".rules[0].verbs[1]"],
        ),
        (
            {"subjects": [{"name": "a"}]},
            {"subjects": [{"name": "a"}, {"name": "b"}]},
            [".subjects[1]"],
        ),
        ({"spec": {"replicas": 1}}, {"spec": {"replicas": True}}, [".spec.replicas"]),
        ({"spec": {"paused": True}}, {"spec": {}}, [".spec.paused"]),
        ({"data": {"n": "1000m"}}, {"data": {"n": "1"}}, [".data.n"]),
        ({"data": {"limits": "1000m"}}, {"data": {"limits": "1"}}, [".data.limits"]),
        ({"data": {"empty": ""}}, {"data": {}}, [".data.empty"]),
        ({"data": {"port": "80"}}, {"data": {"port": 80}}, [".data.port"]),
        ({"a": 1}, None, ["."]),
    ],
)
def test_every_differing_path_is_named(expected: Any, actual: Any, wanted: list[str]) -> None:
    assert paths(expected, actual) == wanted


@pytest.mark.parametrize(
    ("expected", "actual"),
    [
        (
            pod(image="a"),
            {"spec": {"containers": [{"name": "side"}, {"name": "web", "image": "a"}]}},
        ),
        (pod(resources={"limits": {"cpu": "500m"}}), pod(resources={"limits": {"cpu": "0.5"}})),
        (pod(resources={"limits": {"cpu": 0.5}}), pod(resources={"limits": {"cpu": "500m"}})),
        (
            pod(resources={"requests": {"memory": "1Gi"}}),
            pod(resources={"requests": {"memory": "1073741824"}}),
        ),
        (
            pod(resources={"limits": {"nvidia.com/gpu": 1}}),
            pod(resources={"limits": {"nvidia.com/gpu": "1"}}),
        ),
        ({"spec": {"strategy": {"maxSurge": 1}}}, {"spec": {"strategy": {"maxSurge": "1"}}}),
        ({"spec": {"x": None, "y": {}, "z": [], "w": ""}}, {"spec": {}}),
        ({"spec": {"hostNetwork": False}}, {"spec": {}}),
        ({"spec": {"resources": {"limits": None}}}, {"spec": {}}),
        ({"metadata": {"finalizers": ["a"]}}, {"metadata": {"finalizers": ["b", "a"]}}),
        (
            {"env": [{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]},
            {"env": [{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]},
        ),
        (
            {"ports": [{"containerPort": 53, "protocol": "UDP"}, {"containerPort": 53}]},
            {
                "ports": [
                    {"containerPort": 53, "protocol": "TCP"},
                    {"containerPort": 53, "protocol": "UDP"},
                ]
            },
        ),
    ],
)
def test_what_the_api_server_rewrites_is_no_difference(expected: Any, actual: Any) -> None:
    assert match.differences(expected, actual) == []


def secret(**fields: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, **fields}


def test_string_data_is_compared_with_data_and_wins() -> None:
    encoded = base64.b64encode(b"hunter22").decode()
    stored = secret(data={"password": encoded, "user": ""})
    assert match.differences(secret(stringData={"password": "hunter22"}), stored) == []
    both = secret(data={"password": "AAAA"}, stringData={"password": "hunter22"})
    assert match.differences(both, stored) == []
    assert match.differences(secret(data={"password": encoded + "\n"}), stored) == []


def test_a_secret_value_never_shows_in_a_difference() -> None:
    wrong = secret(data={"password": base64.b64encode(b"other-value").decode()})
    [difference] = match.differences(secret(stringData={"password": "hunter22"}), wrong)
    assert difference.path == ".data.password"
    for said in (str(difference), repr(difference)):
        assert "hunter22" not in said
        assert "other-value" not in said
        assert "b3RoZXI" not in said


def test_what_git_no_longer_has_is_found_when_it_was_left_behind() -> None:
    before = {
        "metadata": {"labels": {"a": "1", "b": "2"}},
        "data": {"x": "1", "y": "2"},
        **pod(env=[{"name": "OLD", "value": "1"}, {"name": "KEPT", "value": "1"}], tty=True),
    }
    after = {
        "metadata": {"labels": {"a": "1"}},
        "data": {"x": "1"},
        **pod(env=[{"name": "KEPT", "value": "2"}]),
    }
    found = [difference.path for difference in match.leftovers(before, after, before)]
    assert found == [".metadata.labels.b", ".data.y", ".spec.containers[name=web].env[name=OLD]"]
    assert match.leftovers(before, after, after) == []
    # Somebody else gave the key a value of their own: not ours to judge.
    assert match.leftovers(before, after, {"data": {"y": "3"}}) == []


@given(MAPS, MAPS)
def test_nothing_is_left_when_the_cluster_holds_exactly_the_new_state(one: Any, two: Any) -> None:
    assert match.leftovers(one, two, two) == []
