"""
Text that every format can hold: control characters and lone surrogates made visible.

Each writer passes what others wrote (messages, names, logs) through here once.
"""

from __future__ import annotations

import re
from typing import Any, Final

# What XML 1.0 cannot hold is shown as an escape in all formats, so that they stay equal.
_UNPRINTABLE: Final = re.compile(
    "[^\t\n\r\u0020-\u007e\u0085\u00a0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"
)
_COLOUR: Final = re.compile("\x1b\\[[0-9;]*m")


def printable(text: str) -> str:
    """The text without colours, its unprintable characters as escapes such as x1b."""
    if text.isascii() and text.isprintable():  # nearly all of the many there are
        return text
    plain = _COLOUR.sub("", text).replace("\r\n", "\n").replace("\r", "\n")
    return _UNPRINTABLE.sub(lambda found: ascii(found[0])[1:-1], plain)


def printable_all(value: Any) -> Any:
    """The value with every text in it made printable."""
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, dict):
        return {printable_all(key): printable_all(member) for key, member in value.items()}
    if isinstance(value, list | tuple):
        return [printable_all(member) for member in value]
    return value


def first_line(text: str, *, limit: int = 160) -> str:
    """The first line, cut with an ellipsis."""
    line = text.strip().partition("\n")[0]
    return line if len(line) <= limit else line[: limit - 1] + "…"


def seconds(duration: float) -> str:
    """A duration for people."""
    if duration >= 60:
        minutes, rest = divmod(round(duration), 60)
        return f"{minutes} min {rest} s"
    return f"{duration:.1f} s" if duration >= 1 else f"{duration * 1000:.0f} ms"
