"""
Two snapshots, and every single fact in which they differ.

Pure. Whether a difference is a fault is for `rows` to say.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

CLASSES: Final = (
    "objects", "managers", "inventory", "conditions", "revisions", "events", "settling",
)  # fmt: skip
_ORDERED: Final = ("inventory", "events")
"""Lists whose entries are what is compared, each with its place in the order."""

Snapshot = Mapping[str, Mapping[str, Any]]
"""Facts by class and subject."""

ABSENT: Final = "absent"


@dataclass(frozen=True, slots=True)
class Difference:
    """One fact that is not the same on both sides."""

    kind: str
    operation: int
    """After which operation it was seen; -1 for the creation."""
    subject: str
    path: str
    left: str
    right: str

    def __str__(self) -> str:
        return (
            f"after operation {self.operation}: {self.kind} of {self.subject}, {self.path or '.'}: "
            f"{self.left!r} against {self.right!r}"
        )

    def swapped(self) -> Difference:
        """The same with the sides exchanged."""
        return Difference(self.kind, self.operation, self.subject, self.path, self.right, self.left)


def differences(left: Snapshot, right: Snapshot, *, operation: int = 0) -> list[Difference]:
    """Everything in which two snapshots differ, in the same order each time."""
    found: list[Difference] = []
    for kind in CLASSES:
        ours, theirs = left.get(kind, {}), right.get(kind, {})
        for subject in sorted({*ours, *theirs}):
            pairs = (
                _sequences(ours.get(subject), theirs.get(subject))
                if kind in _ORDERED
                else _values(ours.get(subject), theirs.get(subject), "")
            )
            found += [Difference(kind, operation, subject, *pair) for pair in pairs]
    return found


def shown(value: Any) -> str:
    """A value as rows match it."""
    if value is None:
        return ABSENT
    if isinstance(value, str):
        return value
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


def _values(left: Any, right: Any, path: str) -> Iterator[tuple[str, str, str]]:
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        for key in sorted({*left, *right}, key=str):
            where = f"{path}.{key}" if path else str(key)
            yield from _values(left.get(key), right.get(key), where)
    elif left != right:
        yield path, shown(left), shown(right)


def _sequences(left: Any, right: Any) -> Iterator[tuple[str, str, str]]:
    ours, theirs = [shown(one) for one in left or ()], [shown(one) for one in right or ()]
    matcher = difflib.SequenceMatcher(None, ours, theirs, autojunk=False)
    for operation, begin, end, other_begin, other_end in matcher.get_opcodes():
        if operation == "equal":
            continue
        gone, come = ours[begin:end], theirs[other_begin:other_end]
        # What is replaced is told as a pair, so that a row can say what stands for what.
        for place in range(max(len(gone), len(come))):
            yield (
                "entry",
                gone[place] if place < len(gone) else ABSENT,
                come[place] if place < len(come) else ABSENT,
            )
