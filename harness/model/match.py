"""
Does this object contain that one? If not, every path that differs, with both values.

What Git says is `expected`, what a cluster holds is `actual`. The cluster may hold more: defaults,
and fields of other managers. Where to get either from belongs to the oracle and the callers.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from harness.model import secrets_shape
from harness.model.listkeys import Key, key_of, shown
from harness.model.objects import Object
from harness.model.quantity import same_quantity


class _Absent:
    def __repr__(self) -> str:
        return "nothing"


ABSENT: Final = _Absent()

# Maps of text to text: here an empty string is a value, and nothing is a number.
_FREE_MAPS: Final = frozenset(
    {"data", "stringData", "binaryData", "labels", "annotations", "matchLabels", "nodeSelector"}
)
_QUANTITY_MAPS: Final = frozenset(
    {"limits", "requests", "capacity", "allocatable", "hard", "used", "overhead"}
    | {"max", "min", "default", "defaultRequest", "maxLimitRequestRatio"}
)
_QUANTITY_FIELDS: Final = frozenset({"sizeLimit", "storage", "averageValue", "divisor"})
_INT_OR_STRING: Final = frozenset(
    {"targetPort", "port", "maxSurge", "maxUnavailable", "minAvailable"}
)
# What a removed entry of Git must not leave behind; elsewhere the server may put a default.
_LEFTOVERS: Final = frozenset({"data", "stringData", "binaryData", "labels", "annotations"})

Path = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Difference:
    """One path at which the cluster does not hold what Git says."""

    path: str
    expected: Any
    actual: Any

    def __str__(self) -> str:
        return f"{self.path}: expected {_shown(self.expected)}, found {_shown(self.actual)}"


def differences(expected: Any, actual: Any) -> list[Difference]:
    """Every path at which `actual` does not contain `expected`; empty when it does."""
    expected, actual = secrets_shape.comparable(expected), secrets_shape.comparable(actual)
    return list(_compare(expected, actual, (), in_free_map=False))


def leftovers(before: Object, after: Object, actual: Object) -> list[Difference]:
    """What `before` said and `after` does not, and `actual` still holds: it was not taken away.

    Only keys of text maps (data, labels, annotations) and entries of keyed lists are judged; for
    other fields the server's default may equal the old value.
    """
    before, after, actual = (secrets_shape.comparable(o) for o in (before, after, actual))
    return list(_left(before, after, actual, ()))


def explain(found: Iterable[Difference]) -> str:
    """The differences as lines of text, "" when there are none."""
    return "\n".join(str(difference) for difference in found)


def _compare(expected: Any, actual: Any, path: Path, *, in_free_map: bool) -> Iterator[Difference]:
    if isinstance(expected, dict) and isinstance(actual, dict):
        yield from _compare_maps(expected, actual, path, in_free_map=in_free_map)
    elif isinstance(expected, list) and isinstance(actual, list):
        yield from _compare_lists(expected, actual, path)
    elif not _same(expected, actual, path, in_free_map=in_free_map):
        yield Difference(_join(path), expected, actual)


def _compare_maps(
    expected: dict[str, Any], actual: dict[str, Any], path: Path, *, in_free_map: bool
) -> Iterator[Difference]:
    field = _field(path)
    free = in_free_map or field in _FREE_MAPS
    for key, value in expected.items():
        yield from _compare(
            value, actual.get(key, ABSENT), (*path, _member(str(key))), in_free_map=free
        )


def _compare_lists(expected: list[Any], actual: list[Any], path: Path) -> Iterator[Difference]:
    key = key_of(_field(path), expected, actual)
    if key is not None:
        yield from _compare_keyed(expected, actual, path, key)
        return
    if _field(path) == "finalizers":
        for item in expected:
            if item not in actual:
                yield Difference(f"{_join(path)}[{item}]", item, ABSENT)
        return
    for index, item in enumerate(expected):
        seen = actual[index] if index < len(actual) else ABSENT
        yield from _compare(item, seen, (*path, f"[{index}]"), in_free_map=False)
    # An atomic list belongs wholly to Git: one more entry is a difference.
    for index in range(len(expected), len(actual)):
        yield Difference(_join((*path, f"[{index}]")), ABSENT, actual[index])


def _compare_keyed(
    expected: list[Any], actual: list[Any], path: Path, key: Key
) -> Iterator[Difference]:
    present = {key.value(item): item for item in actual}
    for item in expected:
        value = key.value(item)
        yield from _compare(
            item, present.get(value, ABSENT), (*path, shown(key, value)), in_free_map=False
        )


def _same(expected: Any, actual: Any, path: Path, *, in_free_map: bool) -> bool:
    if isinstance(expected, bool) or isinstance(actual, bool):
        # 1 == True in Python, never in Kubernetes.
        if isinstance(expected, bool) and isinstance(actual, bool):
            return expected == actual
        return expected is False and not in_free_map and (actual is ABSENT or actual is None)
    if expected == actual:
        return True
    if _empty(expected, in_free_map=in_free_map) and _empty(actual, in_free_map=in_free_map):
        return True
    if in_free_map or actual is ABSENT:
        return False
    if _is_quantity(path):
        return same_quantity(expected, actual)
    if _field(path) in _INT_OR_STRING and not isinstance(expected, dict | list):
        return str(expected) == str(actual)
    return False


def _empty(value: Any, *, in_free_map: bool) -> bool:
    """Whether the API server treats the value as if it were not there."""
    if value is ABSENT or value is None:
        return True
    if isinstance(value, dict):
        return all(_empty(member, in_free_map=in_free_map) for member in value.values())
    if isinstance(value, list):
        return not value
    # omitempty drops zero values, but the maps of text keep "".
    return not in_free_map and not isinstance(value, bool) and value in ("", 0)


def _is_quantity(path: Path) -> bool:
    names = [_name(part) for part in path if _name(part)]
    if not names:
        return False
    return names[-1] in _QUANTITY_FIELDS or (len(names) > 1 and names[-2] in _QUANTITY_MAPS)


def _left(before: Any, after: Any, actual: Any, path: Path) -> Iterator[Difference]:
    if isinstance(before, dict) and isinstance(actual, dict):
        after = after if isinstance(after, dict) else {}
        for name, value in before.items():
            if name not in actual:
                continue
            here = (*path, _member(str(name)))
            if name in after or _field(path) not in _LEFTOVERS:
                yield from _left(value, after.get(name), actual[name], here)
            elif value == actual[name]:
                yield Difference(_join(here), ABSENT, actual[name])
    elif isinstance(before, list) and isinstance(actual, list):
        yield from _left_in_list(before, after if isinstance(after, list) else [], actual, path)


def _left_in_list(
    before: list[Any], after: list[Any], actual: list[Any], path: Path
) -> Iterator[Difference]:
    key = key_of(_field(path), before + after, actual, repeated=True)
    if key is None:
        return
    kept = {key.value(item): item for item in after}
    present = {key.value(item): item for item in actual}
    for item in before:
        value = key.value(item)
        if value not in present:
            continue
        here = (*path, shown(key, value))
        if value in kept:
            yield from _left(item, kept[value], present[value], here)
        elif not list(_compare(item, present[value], here, in_free_map=False)):
            yield Difference(_join(here), ABSENT, present[value])


def _member(key: str) -> str:
    plain = key.replace("_", "").replace("-", "").isalnum()
    return f".{key}" if plain else "['" + key.replace("'", "\\'") + "']"


def _name(part: str) -> str:
    """The key that a part of a path names, "" for a position in a list."""
    if part.startswith("['"):
        return part[2:-2]
    return part[1:] if part.startswith(".") else ""


def _field(path: Path) -> str:
    """The name of the innermost field, list positions left out."""
    return next((_name(part) for part in reversed(path) if _name(part)), "")


def _join(path: Path) -> str:
    return "".join(path) or "."


def _shown(value: Any) -> str:
    if value is ABSENT or isinstance(value, secrets_shape.Hidden):
        return repr(value)
    return json.dumps(value, ensure_ascii=False, sort_keys=True, default=repr)
