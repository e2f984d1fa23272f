"""Which changes of an object make a reconciler's key due."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from harness.cluster.reflector import Change
from harness.controllers import federation
from harness.controllers.runtime import Key
from harness.model import objects

KeysOf = Callable[[Change], Iterable[Key]]


def when(condition: Callable[[Change], bool], keys: KeysOf) -> KeysOf:
    """`keys` for the changes that meet a condition."""
    return lambda change: keys(change) if condition(change) else ()


def spec_moved(change: Change) -> bool:
    """New, gone, or changed in what a user writes; not in what controllers do."""
    if change.old is None or change.type == "DELETED":
        return True
    old, new = change.old, change.object
    orphaned = federation.ORPHAN in objects.annotations(old)
    return (
        objects.generation(old) != objects.generation(new)
        or objects.deleting(old) != objects.deleting(new)
        or orphaned != (federation.ORPHAN in objects.annotations(new))
    )


def gone(change: Change) -> bool:
    """Deleted."""
    return change.type == "DELETED"


def appeared(change: Change) -> bool:
    """New."""
    return change.type == "ADDED"
