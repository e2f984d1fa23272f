"""
What a GitRepository's conditions say, state by state.

Pure. The dialect changes the reason and the message of a ready source and nothing else; the
revision in them is already written in it.
"""

from __future__ import annotations

from typing import Final

from harness.controllers import attached_fields as fields
from harness.controllers.attached_fields import Failure
from harness.controllers.source_revision import Dialect
from harness.controllers.status import condition
from harness.model import objects
from harness.model.objects import Object

_STORED: Final = "ArtifactInStorage"


def succeeded(source: Object, revision: str, dialect: Dialect) -> list[Object]:
    """The latest revision is in storage."""
    generation = objects.generation(source)
    reason, message = ready_text(revision, dialect)
    return [
        condition("Ready", "True", reason, message, generation=generation),
        condition(_STORED, "True", "Succeeded", stored_text(revision), generation=generation),
    ]


def ready_text(revision: str, dialect: Dialect) -> tuple[str, str]:
    """Reason and message of a ready source."""
    if dialect == "page":
        return "GitOperationSucceed", f"Fetched revision: {revision}"
    return "Succeeded", stored_text(revision)


def stored_text(revision: str) -> str:
    """What is said of an archive that is there."""
    return f"stored artifact for revision '{revision}'"


def progressing(source: Object) -> list[Object]:
    """A new spec is being looked at; what was stored stays."""
    generation = objects.generation(source)
    message = new_generation(source)
    return [
        condition("Reconciling", "True", "Progressing", message, generation=generation),
        condition("Ready", "Unknown", "Progressing", message, generation=generation),
        *kept(source),
    ]


def failed(source: Object, failure: Failure) -> list[Object]:
    """The latest attempt failed; the archive of an earlier one stays in use."""
    generation = objects.generation(source)
    why = (failure.reason, failure.message)
    state = (
        condition("Stalled", "True", *why, generation=generation)
        if failure.stalled
        else condition(
            "Reconciling",
            "True",
            "ProgressingWithRetry",
            _doing(source),
            generation=generation,
        )
    )
    return [
        state,
        condition("Ready", "False", *why, generation=generation),
        condition("FetchFailed", "True", *why, generation=generation),
        *kept(source),
    ]


def resting(source: Object) -> list[Object]:
    """A suspended source: as before, but Ready speaks of the spec that says so."""
    return [
        {**item, "observedGeneration": objects.generation(source)}
        if item["type"] == "Ready"
        else item
        for item in objects.status(source).get("conditions") or []
    ]


def kept(source: Object) -> list[Object]:
    """The condition that an archive is in storage, if one is."""
    conditions = objects.status(source).get("conditions") or []
    return [item for item in conditions if item["type"] == _STORED]


def is_announced(source: Object) -> bool:
    """Whether the conditions already speak of the spec as it is now."""
    conditions = objects.status(source).get("conditions") or []
    return fields.is_current(source) or any(
        item["type"] == "Ready" and item.get("observedGeneration") == objects.generation(source)
        for item in conditions
    )


def new_generation(source: Object) -> str:
    """What is said while a new spec is being looked at."""
    observed = objects.status(source).get("observedGeneration", -1)
    return f"processing object: new generation {observed} -> {objects.generation(source)}"


def _doing(source: Object) -> str:
    if not kept(source):
        return "building artifact"
    return "reconciliation in progress" if fields.is_current(source) else new_generation(source)
