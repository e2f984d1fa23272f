"""
Which lists of Kubernetes objects are keyed, and by what: facts of the API, as data.

How two lists are compared belongs to `match`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class Key:
    """The fields whose values tell the entries of a list apart."""

    fields: tuple[str, ...]
    defaults: tuple[tuple[str, str], ...] = ()

    def value(self, item: dict[str, Any]) -> tuple[str, ...]:
        """What identifies the entry."""
        defaults = dict(self.defaults)
        return tuple(str(item.get(field, defaults.get(field, ""))) for field in self.fields)


_TCP: Final = (("protocol", "TCP"),)
_BY_NAME: Final = Key(("name",))

# Lists that Kubernetes' own types declare as keyed ("listType=map" or a patch merge key).
_KEYED: Final[dict[str, tuple[Key, ...]]] = {
    "ports": (Key(("containerPort", "protocol"), _TCP), Key(("port", "protocol"), _TCP)),
    "volumeMounts": (Key(("mountPath",)),),
    "volumeDevices": (Key(("devicePath",)),),
    "hostAliases": (Key(("ip",)),),
    "conditions": (Key(("type",)),),
    "ownerReferences": (Key(("uid",)),),
    "topologySpreadConstraints": (Key(("topologyKey", "whenUnsatisfiable")),),
}
# Lists of entries with a name that are atomic all the same.
_ATOMIC: Final = frozenset({"subjects", "rules", "envFrom", "tolerations", "items", "options"})


def key_of(
    field: str, expected: Sequence[Any], actual: Sequence[Any], *, repeated: bool = False
) -> Key | None:
    """What the entries of the list called `field` are told apart by; None for an atomic list.

    `repeated` allows the same key twice within `expected`.
    """
    entries = [*expected, *actual]
    if field in _ATOMIC or not entries or not all(isinstance(item, dict) for item in entries):
        return None
    for key in _KEYED.get(field, (_BY_NAME,)):
        if all(key.fields[0] in item for item in entries):
            unique = (actual,) if repeated else (expected, actual)
            if all(len({key.value(item) for item in side}) == len(side) for side in unique):
                return key
    return None


def shown(key: Key, value: tuple[str, ...]) -> str:
    """The part of a path that names the entry, as `[name=web]`."""
    return f"[{key.fields[0]}={value[0]}]"
