"""Deleting a source, cluster by cluster (decision 2)."""

from dataclasses import replace
from typing import Any

import pytest

from harness.controllers import gitops_repository_manifests as manifests
from harness.controllers import gitops_repository_removal as removal
from harness.controllers.gitops_repository_manifests import Pace
from harness.controllers.gitops_repository_removal import Sight


def file(*, suspend: bool) -> str:
    source = {
        "metadata": {"name": "apps", "namespace": "shop"},
        "spec": {"cloneUrl": "https://h/o/r", "template": {"suspend": suspend}},
    }
    return manifests.text(manifests.manifests(source, frozenset(), Pace()))


def live(*, suspend: bool) -> dict[str, Any]:
    return {"spec": {"suspend": suspend}}


ACTIVE = file(suspend=False)
SUSPENDED = file(suspend=True)


@pytest.mark.parametrize(
    ("sight", "expected"),
    [
        (Sight(ACTIVE, True, live(suspend=False)), "remove"),
        (Sight(ACTIVE, True, None), "remove"),
        (Sight(SUSPENDED, True, live(suspend=True)), "lift"),
        (Sight(SUSPENDED, True, live(suspend=False)), "lift"),
        (Sight(SUSPENDED, False, live(suspend=True)), "lift"),
        (Sight(removal.lift(SUSPENDED), True, live(suspend=True)), "shown"),
        (Sight(removal.lift(SUSPENDED), True, live(suspend=False), caught_up=False), "shown"),
        (Sight(removal.lift(SUSPENDED), True, live(suspend=False)), "remove"),
        (Sight(removal.lift(SUSPENDED), False, live(suspend=False)), "shown"),
        (Sight(SUSPENDED, True, live(suspend=True), lifts=False), "remove"),
        (Sight(None, True, live(suspend=False)), "gone"),
        (Sight(None, True, None, caught_up=False), "gone"),
        (Sight(None, False, None), "gone"),
        (Sight(None, True, None), "done"),
        (Sight(SUSPENDED, False, None, attached=False), "remove"),
        (Sight(None, False, None, attached=False), "done"),
    ],
)
def test_each_cluster_takes_the_next_step_by_itself(sight: Sight, expected: str) -> None:
    assert removal.step(sight) == expected


def test_lifting_wakes_the_kustomization_and_keeps_the_repository_still() -> None:
    repository, kustomization = manifests.parsed(removal.lift(SUSPENDED))
    assert (repository["kind"], repository["spec"]["suspend"]) == ("GitRepository", True)
    assert (kustomization["kind"], kustomization["spec"]["suspend"]) == ("Kustomization", False)
    assert not removal.suspended_in(removal.lift(SUSPENDED))


def test_an_unreachable_cluster_delays_only_itself() -> None:
    good = Sight(ACTIVE, True, live(suspend=False))
    sights = {"c1": good, "c2": replace(good, reachable=False)}
    assert removal.changes(sights) == {"c1": None}
    told = removal.outstanding({**sights, "c1": Sight(None, True, None)})
    assert len(told) == 1
    assert told[0].startswith("c2")
    assert "not reachable" in told[0]


def test_a_suspended_source_goes_in_two_commits_and_never_in_one() -> None:
    sight = Sight(SUSPENDED, True, live(suspend=True))
    steps = []
    for _ in range(10):
        next_step = removal.step(sight)
        steps.append(next_step)
        match next_step:
            case "lift" | "remove":
                sight = replace(sight, file=removal.changes({"c1": sight})["c1"], caught_up=False)
            case "shown":
                sight = replace(sight, live=live(suspend=False), caught_up=True)
            case "gone":
                sight = replace(sight, live=None, caught_up=True)
            case "done":
                break
    assert steps == ["lift", "shown", "remove", "gone", "done"]
