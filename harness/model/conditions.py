"""
Reading and explaining `status.conditions`.

Judging what a reason should be belongs to the dialect (`profile`); waiting belongs to `kit.wait`.
"""

from __future__ import annotations

from typing import Any

from harness.model.objects import Object, Ref, generation, status

Condition = dict[str, Any]


def find(obj: Object, type: str) -> Condition | None:
    """The condition of that type, or None."""
    for condition in status(obj).get("conditions") or []:
        if condition.get("type") == type:
            return dict(condition)
    return None


def ready(obj: Object) -> bool:
    """Whether the object is Ready for the specification that it has now."""
    return explain_ready(obj) is None


def reason(obj: Object, type: str = "Ready") -> str | None:
    """The reason of the condition, or None where the condition is absent."""
    condition = find(obj, type)
    return None if condition is None else str(condition.get("reason", ""))


def message(obj: Object, type: str = "Ready") -> str | None:
    """The message of the condition, or None where the condition is absent."""
    condition = find(obj, type)
    return None if condition is None else str(condition.get("message", ""))


def explain(obj: Object, type: str = "Ready") -> str:
    """One sentence on what the condition says now, for failure messages."""
    subject = _subject(obj)
    condition = find(obj, type)
    if condition is None:
        present = sorted(str(c.get("type")) for c in status(obj).get("conditions") or [])
        others = f" (it has {', '.join(present)})" if present else ""
        return f"{subject} has no condition {type}{others}"
    text = f"{subject}: {type}={condition.get('status')}"
    if condition.get("reason"):
        text += f", reason {condition['reason']}"
    if condition.get("message"):
        text += f": {condition['message']}"
    return text


def explain_ready(obj: Object) -> str | None:
    """Why the object is not Ready for its present specification, or None when it is."""
    condition = find(obj, "Ready")
    if condition is None or condition.get("status") != "True":
        return explain(obj)
    # Ready=True may still speak of the specification before the last edit; the object's own
    # observedGeneration decides, the condition's only where the object has none.
    observed = status(obj).get("observedGeneration", condition.get("observedGeneration"))
    wanted = generation(obj)
    if observed is not None and int(observed) != wanted:
        return (
            f"{_subject(obj)} is Ready for generation {observed}, "
            f"but its specification is at generation {wanted}"
        )
    # Flux keeps Ready=True while it builds a new revision; Reconciling tells.
    reconciling = find(obj, "Reconciling")
    if reconciling is not None and reconciling.get("status") == "True":
        return explain(obj, "Reconciling")
    return None


def _subject(obj: Object) -> str:
    try:
        return str(Ref.of(obj))
    except KeyError:
        return str(obj.get("kind", "object"))
