"""KubeFed's placement, as golden data: read in its source and user guide, never observed."""

from typing import Any

import pytest

from harness.controllers import federation

CLUSTERS = {"c1": {"tier": "gold", "zone": "a"}, "c2": {"tier": "silver"}, "c3": {}}
ALL = {"c1", "c2", "c3"}
GOLD = {"clusterSelector": {"matchLabels": {"tier": "gold"}}}

TABLE: list[tuple[str, Any, set[str]]] = [
    ("no placement", None, set()),
    ("empty placement", {}, set()),
    ("empty selector", {"clusterSelector": {}}, ALL),
    ("empty matchLabels", {"clusterSelector": {"matchLabels": {}}}, ALL),
    ("labels", GOLD, {"c1"}),
    ("empty list", {"clusters": []}, set()),
    ("empty list with selector", {"clusters": [], "clusterSelector": {}}, set()),
    ("list", {"clusters": [{"name": "c2"}]}, {"c2"}),
    ("list wins over selector", {"clusters": [{"name": "c2"}], **GOLD}, {"c2"}),
    (
        "list wins over empty selector",
        {"clusters": [{"name": "c2"}], "clusterSelector": {}},
        {"c2"},
    ),
    ("unknown cluster", {"clusters": [{"name": "c9"}, {"name": "c1"}]}, {"c1"}),
    ("null list is none", {"clusters": None, "clusterSelector": {}}, ALL),
    ("null selector is none", {"clusterSelector": None}, set()),
]


@pytest.mark.parametrize(
    ("placement", "expected"), [row[1:] for row in TABLE], ids=[r[0] for r in TABLE]
)
def test_placement_follows_the_documented_table(placement: Any, expected: set[str]) -> None:
    assert federation.placement(placement, CLUSTERS) == expected


@pytest.mark.parametrize(
    ("operator", "values", "expected"),
    [
        ("In", ["gold"], {"c1"}),
        ("NotIn", ["gold"], {"c2", "c3"}),
        ("Exists", None, {"c1", "c2"}),
        ("DoesNotExist", None, {"c3"}),
    ],
)
def test_expressions_select_as_label_selectors_do(
    operator: str, values: list[str] | None, expected: set[str]
) -> None:
    expression = {"key": "tier", "operator": operator, "values": values}
    placement = {"clusterSelector": {"matchExpressions": [expression]}}
    assert federation.placement(placement, CLUSTERS) == expected


def federated(placement: Any, **metadata: str) -> dict[str, Any]:
    return {
        "metadata": {"name": "n", "namespace": "n", **metadata},
        "spec": {"placement": placement},
    }


def test_the_namespace_bounds_what_is_federated_in_it() -> None:
    bounds = federated({"clusters": [{"name": "c1"}, {"name": "c2"}]})
    placed = federation.selected(federated({"clusterSelector": {}}), bounds, CLUSTERS)
    assert sorted(placed or ()) == ["c1", "c2"]


@pytest.mark.parametrize(
    "bounds", [None, federated({"clusterSelector": {}}, deletionTimestamp="2026-01-01T00:00:00Z")]
)
def test_without_a_federated_namespace_nothing_is_placed(bounds: Any) -> None:
    assert federation.selected(federated({"clusterSelector": {}}), bounds, CLUSTERS) is None


def test_a_federated_namespace_of_another_name_is_ignored() -> None:
    other = federated({"clusterSelector": {}}, namespace="other")
    assert federation.selected_namespace(other, CLUSTERS) is None
