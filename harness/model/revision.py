"""
Git revisions as the Flux eras write them, and their common form.

Which form a system uses is data of its dialect (`profile`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_REVISION: Final = re.compile(r"(?:(?P<ref>.+?)(?:@sha1:|/))?(?:sha1:)?(?P<sha>[0-9a-f]{40})")


@dataclass(frozen=True, slots=True)
class Revision:
    """What was fetched: the reference, if the text names one, and the commit."""

    ref: str | None
    sha: str


def normalise(text: str) -> Revision:
    """The revision that `main/<sha>`, `main@sha1:<sha>`, `HEAD/<sha>` or `sha1:<sha>` stand for."""
    form = _REVISION.fullmatch(text)
    if form is None:
        raise ValueError(f"{text!r} is no Git revision with a full commit")
    return Revision(form["ref"], form["sha"])


def commit_of(text: str | None) -> str | None:
    """The commit of a revision, or None where there is none to be read."""
    form = _REVISION.fullmatch(text or "")
    return None if form is None else form["sha"]
