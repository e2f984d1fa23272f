"""
Kubernetes quantities: whether "500m" and "0.5" are the same amount.

Which fields hold a quantity is known to `match`.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any, Final

_FORM: Final = re.compile(
    r"(?P<number>[-+]?(?:\d+(?:\.\d*)?|\.\d+))(?P<suffix>[KMGTPE]i|[numkMGTPE]|[eE][-+]?\d{1,3})?"
)
_BINARY: Final[dict[str, int]] = {
    f"{letter}i": 1024 ** (n + 1) for n, letter in enumerate("KMGTPE")
}
_DECIMAL: Final = {"n": -9, "u": -6, "m": -3, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}


def amount(value: Any) -> Decimal | None:
    """The number that a quantity stands for, or None when the value is no quantity."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    form = _FORM.fullmatch(str(value))
    if form is None:
        return None
    number, suffix = Decimal(form["number"]), form["suffix"] or ""
    if suffix in _BINARY:
        return number * Decimal(_BINARY[suffix])
    if suffix in _DECIMAL:
        return number.scaleb(_DECIMAL[suffix])
    return number.scaleb(int(suffix[1:])) if suffix else number


def same_quantity(one: Any, other: Any) -> bool:
    """Whether both are quantities of the same amount."""
    amounts = amount(one), amount(other)
    return amounts[0] is not None and amounts[0] == amounts[1]
