"""What is done about a Kustomization, and what becomes of its objects."""

import pytest

from harness.controllers import kustomization, kustomization_inputs
from harness.controllers.attached_fields import Failure
from harness.controllers.kustomization import Plan
from harness.controllers.runtime import Key
from harness.model.objects import Object


def made(*, deleted: bool = False, status: Object | None = None, **spec: object) -> Object:
    metadata: Object = {"name": "app", "namespace": "team", "uid": "1", "generation": 2}
    if deleted:
        metadata["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    return {
        "apiVersion": "kustomize.toolkit.fluxcd.io/v1",
        "kind": "Kustomization",
        "metadata": metadata,
        "spec": {
            "interval": "10s",
            "prune": True,
            "sourceRef": {"kind": "GitRepository", "name": "app"},
            **spec,
        },
        "status": status or {"observedGeneration": -1},
    }


@pytest.mark.parametrize(
    ("about", "plan"),
    [
        (made(), Plan.RECONCILE),
        (made(suspend=True), Plan.REST),
        (made(deleted=True), Plan.FINALIZE),
        (made(deleted=True, suspend=True), Plan.FINALIZE),
        (made(decryption={"provider": "sops"}), Plan.REFUSE),
        (made(wait=True), Plan.REFUSE),
        (made(wait=False), Plan.RECONCILE),
        (made(wait=True, suspend=True), Plan.REST),
    ],
)
def test_the_plan_follows_from_the_object_alone(about: Object, plan: Plan) -> None:
    assert kustomization.decide(about) is plan


@pytest.mark.parametrize(
    ("spec", "fate"),
    [
        ({}, "deleted"),
        ({"prune": False}, "kept"),
        ({"suspend": True}, "kept"),
        ({"suspend": True, "deletionPolicy": "Delete"}, "kept"),
        ({"deletionPolicy": "Orphan"}, "kept"),
        ({"deletionPolicy": "MirrorPrune", "prune": False}, "kept"),
        ({"deletionPolicy": "Delete", "prune": False}, "deleted"),
        ({"deletionPolicy": "WaitForTermination", "prune": False}, "deleted"),
    ],
)
def test_the_fate_of_objects_when_the_kustomization_goes(spec: Object, fate: str) -> None:
    assert kustomization.fate_of_objects(made(deleted=True, **spec)) == fate


@pytest.mark.parametrize(
    ("spec", "reason", "pause"),
    [
        ({}, "ReconciliationFailed", 10.0),
        ({"retryInterval": "3s"}, "BuildFailed", 3.0),
        ({}, "ArtifactFailed", 2.0),
        ({"interval": "1s"}, "DependencyNotReady", 1.0),
    ],
)
def test_the_pause_after_a_failure_does_not_grow(spec: Object, reason: str, pause: float) -> None:
    assert kustomization.retry_after(made(**spec), Failure(reason, "x")) == pause


def ready(generation: int, revision: str) -> Object:
    condition = {"type": "Ready", "status": "True", "reason": "x", "message": "x"}
    return {
        "observedGeneration": generation,
        "conditions": [condition],
        "lastAppliedRevision": revision,
    }


@pytest.mark.parametrize(
    ("other", "problem"),
    [
        (None, "dependency 'team/base' not found: "),
        (made(), "dependency 'team/base' is not ready"),
        (made(status=ready(1, "main/1")), "dependency 'team/base' is not ready"),
        (made(status=ready(2, "main/0")), "dependency 'team/base' revision is not up to date"),
        (made(status=ready(2, "main/1")), None),
        (
            made(status=ready(2, "x/0"), sourceRef={"kind": "GitRepository", "name": "other"}),
            None,
        ),
    ],
)
def test_a_dependency_holds_up_until_it_is_ready(other: Object | None, problem: str | None) -> None:
    said = kustomization_inputs.dependency_problem(made(), Key("team", "base"), other, "main/1")
    if problem is None:
        assert said is None
    else:
        assert said is not None
        assert said.startswith(problem)
