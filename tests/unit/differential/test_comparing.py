"""What is compared: an injected difference in each class surfaces, and nothing else does."""

import copy
from typing import Any

import pytest

from harness.differential import comparing

SNAPSHOT: dict[str, dict[str, Any]] = {
    "objects": {"ConfigMap/a": {"data": {"k": "1"}, "incarnation": 1}},
    "managers": {"ConfigMap/a": {"kustomize-controller Apply": {"/f:data/f:k": "has"}}},
    "inventory": {"Kustomization/app": ["ns_a__ConfigMap v1", "ns_b__ConfigMap v1"]},
    "conditions": {"GitRepository/app": {"Ready": {"status": "True", "reason": "Succeeded"}}},
    "revisions": {"GitRepository/app": {"artifact": "main@sha1:1"}},
    "events": {"GitRepository/app": ["Normal NewArtifact: one", "Normal NewArtifact: two"]},
    "settling": {"all": {"at rest": "yes"}},
}
INJECTED: dict[str, tuple[str, Any, tuple[str, str, str]]] = {
    "objects": ("ConfigMap/a", {"data": {"k": "2"}, "incarnation": 1}, ("data.k", "1", "2")),
    "managers": (
        "ConfigMap/a",
        {"kustomize-controller Apply": {}},
        ("kustomize-controller Apply./f:data/f:k", "has", "absent"),
    ),
    "inventory": (
        "Kustomization/app",
        ["ns_a__ConfigMap v1"],
        ("entry", "ns_b__ConfigMap v1", "absent"),
    ),
    "conditions": (
        "GitRepository/app",
        {"Ready": {"status": "False", "reason": "Succeeded"}},
        ("Ready.status", "True", "False"),
    ),
    "revisions": (
        "GitRepository/app",
        {"artifact": "main@sha1:2"},
        ("artifact", "main@sha1:1", "main@sha1:2"),
    ),
    "events": (
        "GitRepository/app",
        ["Normal NewArtifact: one", "Warning Failed: x"],
        ("entry", "Normal NewArtifact: two", "Warning Failed: x"),
    ),
    "settling": ("all", {"at rest": "never"}, ("at rest", "yes", "never")),
}


def test_the_same_is_no_difference() -> None:
    assert comparing.differences(SNAPSHOT, copy.deepcopy(SNAPSHOT)) == []


def test_every_class_has_an_injected_difference() -> None:
    assert set(INJECTED) == set(comparing.CLASSES) == set(SNAPSHOT)


@pytest.mark.parametrize("kind", comparing.CLASSES)
def test_an_injected_difference_surfaces_alone(kind: str) -> None:
    subject, value, expected = INJECTED[kind]
    other = copy.deepcopy(SNAPSHOT)
    other[kind][subject] = value
    [found] = comparing.differences(SNAPSHOT, other, operation=3)
    assert (found.kind, found.operation, found.subject) == (kind, 3, subject)
    assert (found.path, found.left, found.right) == expected
    assert found.swapped() == comparing.differences(other, SNAPSHOT, operation=3)[0]


@pytest.mark.parametrize("kind", sorted(set(comparing.CLASSES) - {"inventory", "events"}))
def test_a_subject_that_one_side_lacks_is_a_difference(kind: str) -> None:
    [found] = comparing.differences(SNAPSHOT, {**SNAPSHOT, kind: {}})
    assert (found.kind, found.right) == (kind, "absent")


def test_order_of_events_counts() -> None:
    first, second = SNAPSHOT["events"]["GitRepository/app"]
    other = {**SNAPSHOT, "events": {"GitRepository/app": [second, first]}}
    assert comparing.differences(SNAPSHOT, other)
