"""
What a GitRepository and a Kustomization have in common: addresses, shared fields, how a step fails.

Pure; what only one of the two has belongs to `source` or `kustomization`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from harness.controllers.runtime import Key
from harness.model import objects
from harness.model.objects import Object

SOURCE_GROUP: Final = "source.toolkit.fluxcd.io"
SOURCE_API: Final = f"{SOURCE_GROUP}/v1"
KUSTOMIZE_GROUP: Final = "kustomize.toolkit.fluxcd.io"
KUSTOMIZE_API: Final = f"{KUSTOMIZE_GROUP}/v1"
FINALIZER: Final = "finalizers.fluxcd.io"
REQUESTED_AT: Final = "reconcile.fluxcd.io/requestedAt"
NOT_IMPLEMENTED: Final = "NotImplemented"

_UNITS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_PART: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h)")


class Failure(Exception):
    """A step of a reconciliation failed, with what the conditions are to say about it."""

    def __init__(self, reason: str, message: str, *, stalled: bool = False) -> None:
        super().__init__(f"{reason}: {message}")
        self.reason = reason
        self.message = message
        self.stalled = stalled
        """Whether only an edit of the object can help, so that trying again is in vain."""


def duration(text: str | None, default: float) -> float:
    """The seconds of a Go duration such as `1m30s`."""
    if not text:
        return default
    return sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(text))


def interval(obj: Object) -> float:
    """The pause between two reconciliations of a healthy object."""
    return max(duration(objects.spec(obj).get("interval"), 60.0), 0.1)


def is_suspended(obj: Object) -> bool:
    """Whether a person has asked to leave the object alone."""
    return bool(objects.spec(obj).get("suspend"))


def requested_at(obj: Object) -> str | None:
    """The last request for an early reconciliation."""
    return objects.annotations(obj).get(REQUESTED_AT)


def source_key(kustomization: Object) -> Key:
    """The source that a Kustomization takes its objects from; it may be in another namespace."""
    ref = objects.spec(kustomization)["sourceRef"]
    return Key(ref.get("namespace") or objects.namespace(kustomization) or "", ref["name"])


def handled(obj: Object, status: Mapping[str, Any]) -> dict[str, Any]:
    """`status` with the request for a reconciliation marked as dealt with."""
    request = requested_at(obj)
    return {**status, "lastHandledReconcileAt": request} if request else dict(status)


def is_current(obj: Object) -> bool:
    """Whether the status speaks of the spec as it is now."""
    return objects.status(obj).get("observedGeneration") == objects.generation(obj)


def status_patch(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """The merge patch that makes `after` of `before`; empty if they are the same."""
    changed = {key: value for key, value in after.items() if before.get(key) != value}
    for key, value in changed.items():
        old = before.get(key)
        if isinstance(value, Mapping) and isinstance(old, Mapping):
            changed[key] = {**dict.fromkeys(old.keys() - value.keys()), **value}
    return {**dict.fromkeys(before.keys() - after.keys()), **changed}


def age(obj: Object, now: datetime) -> float:
    """The seconds since the object was asked to go."""
    since = datetime.fromisoformat(obj["metadata"]["deletionTimestamp"])
    return (now - since).total_seconds()
