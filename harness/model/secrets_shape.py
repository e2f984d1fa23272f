"""
Secrets made comparable: `stringData` against `data`, with values that never show in a message.

Searching artefacts for leaked secrets belongs to `reporting.secrets`.
"""

from __future__ import annotations

import base64
import binascii
from typing import Any


class Hidden:
    """A secret value: comparable, never shown."""

    __slots__ = ("_value",)

    def __init__(self, value: bytes) -> None:
        self._value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Hidden) and self._value == other._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __repr__(self) -> str:
        return f"(a secret value of {len(self._value)} bytes)"


def comparable(obj: Any) -> Any:
    """The object as it is; a Secret with `data` and `stringData` merged, decoded and hidden."""
    if not isinstance(obj, dict) or obj.get("kind") != "Secret":
        return obj
    if "data" not in obj and "stringData" not in obj:
        return obj
    merged = {key: Hidden(_decoded(value)) for key, value in (obj.get("data") or {}).items()}
    for key, value in (obj.get("stringData") or {}).items():
        merged[key] = Hidden(("" if value is None else str(value)).encode())
    rest = {key: value for key, value in obj.items() if key not in ("data", "stringData")}
    return {**rest, "data": merged}


def _decoded(value: Any) -> bytes:
    if isinstance(value, Hidden):
        return value._value
    text = "" if value is None else str(value)
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        return text.encode()
