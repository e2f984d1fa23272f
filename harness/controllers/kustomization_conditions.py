"""
What a Kustomization's conditions say, state by state.

Pure. `observedGeneration` of the object follows only when it is ready, or will never be (Stalled).
"""

from __future__ import annotations

from harness.controllers.attached_fields import Failure
from harness.controllers.status import condition
from harness.model import objects
from harness.model.objects import Object


def succeeded(kustomization: Object, revision: str) -> list[Object]:
    """Everything of the revision is in the cluster."""
    generation = objects.generation(kustomization)
    message = f"Applied revision: {revision}"
    return [condition("Ready", "True", "ReconciliationSucceeded", message, generation=generation)]


def progressing(kustomization: Object, message: str) -> list[Object]:
    """Something new is being applied."""
    generation = objects.generation(kustomization)
    return [
        condition("Reconciling", "True", "Progressing", message, generation=generation),
        condition(
            "Ready", "Unknown", "Progressing", "Reconciliation in progress", generation=generation
        ),
    ]


def failed(kustomization: Object, failure: Failure, message: str) -> list[Object]:
    """A step failed; what is in the cluster stays. `message` says what was done, if anything."""
    generation = objects.generation(kustomization)
    state = [
        condition("Stalled", "True", failure.reason, failure.message, generation=generation)
        if failure.stalled
        else condition(
            "Reconciling", "True", "ProgressingWithRetry", message, generation=generation
        )
    ]
    if not failure.stalled and not message:
        # Nothing was begun: what an earlier attempt was doing when it failed is still said.
        listed = objects.status(kustomization).get("conditions") or []
        state = [
            {**item, "reason": "ProgressingWithRetry"}
            for item in listed
            if item["type"] == "Reconciling"
        ]
    return [
        *state,
        condition("Ready", "False", failure.reason, failure.message, generation=generation),
    ]
