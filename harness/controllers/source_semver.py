"""
Semantic versions and ranges of them, as `spec.ref.semver` uses both.

Pure. Ranges: `1.2.3`, `=`, `!=`, `>`, `>=`, `<`, `<=`, `~1.2`, `^1.2`, `1.x`, `*`, `1.2 - 1.4`,
`,` or a blank for and, `||` for or. Versions before a release count only where a range names one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

Release = tuple[int, int, int]

_VERSION: Final = re.compile(
    r"v?(\d+)(?:\.(\d+))?(?:\.(\d+))?(?:-([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?"
)
_BOUND: Final = re.compile(
    r"(=|==|!=|>=|=>|<=|=<|>|<|~>|~|\^)?\s*v?(\d+|[xX*])(?:\.(\d+|[xX*]))?(?:\.(\d+|[xX*]))?"
    r"(?:-([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?"
)
_SPAN: Final = re.compile(r"(\S+)\s+-\s+(\S+)")


@dataclass(frozen=True, slots=True)
class Version:
    """One version."""

    release: Release
    before: tuple[str, ...] = ()
    """What comes before the release, such as ("rc", "1")."""

    def rank(self) -> tuple[Release, bool, list[tuple[bool, int, str]]]:
        """What versions are ordered by."""
        parts = [
            (not part.isdigit(), int(part) if part.isdigit() else 0, part) for part in self.before
        ]
        return self.release, not self.before, parts


def version(text: str) -> Version | None:
    """The version that a tag names, or None."""
    found = _VERSION.fullmatch(text)
    if not found:
        return None
    major, minor, patch = (int(part or 0) for part in found.group(1, 2, 3))
    return Version((major, minor, patch), tuple(found[4].split(".")) if found[4] else ())


def highest(names: Iterable[str], expression: str) -> str | None:
    """The name of the highest version within the range; raises ValueError if that is no range."""
    allowed = parse(expression)
    versions = ((name, found) for name in names if (found := version(name)))
    fitting = [(found.rank(), name) for name, found in versions if allowed(found)]
    return max(fitting)[1] if fitting else None


def parse(expression: str) -> Callable[[Version], bool]:
    """Whether a version is within the range."""
    alternatives = [_all_of(part) for part in expression.split("||")]
    return lambda found: any(fits(found) for fits in alternatives)


def _all_of(text: str) -> Callable[[Version], bool]:
    text = _SPAN.sub(r">=\1 <=\2", text)
    bounds = list(_BOUND.finditer(text))
    if not bounds or re.sub(r"[\s,]", "", _BOUND.sub("", text)):
        raise ValueError("improper constraint")
    tests = [_test(bound) for bound in bounds]
    names_one_before_release = any(bound[5] for bound in bounds)

    def fits(found: Version) -> bool:
        if found.before and not names_one_before_release:
            return False
        return all(test(found) for test in tests)

    return fits


def _test(bound: re.Match[str]) -> Callable[[Version], bool]:
    operator = {"": "=", "==": "=", "=>": ">=", "=<": "<=", "~>": "~"}.get(
        bound[1] or "", bound[1] or "="
    )
    given = [int(part) for part in bound.group(2, 3, 4) if part and part.isdigit()]
    low = Version(_release(given), tuple(bound[5].split(".")) if bound[5] else ())
    high = Version(_release(_next(operator, given)))
    within: dict[str, Callable[[Version], bool]] = {
        "=": lambda v: v == low if len(given) == 3 else low.rank() <= v.rank() < high.rank(),
        "!=": lambda v: v != low if len(given) == 3 else not low.rank() <= v.rank() < high.rank(),
        ">": lambda v: v.rank() > low.rank() if len(given) == 3 else v.rank() >= high.rank(),
        ">=": lambda v: v.rank() >= low.rank(),
        "<": lambda v: v.rank() < low.rank(),
        "<=": lambda v: v.rank() <= low.rank() if len(given) == 3 else v.rank() < high.rank(),
        "~": lambda v: low.rank() <= v.rank() < high.rank(),
        "^": lambda v: low.rank() <= v.rank() < high.rank(),
    }
    return within[operator]


def _next(operator: str, given: list[int]) -> list[int]:
    """The first version behind those that the bound's given numbers stand for."""
    if not given:
        return [2**62]
    if operator == "^":
        place = next((n for n, number in enumerate(given) if number), len(given) - 1)
    elif operator == "~":
        place = min(len(given) - 1, 1)
    else:
        place = len(given) - 1
    return [*given[:place], given[place] + 1]


def _release(numbers: list[int]) -> Release:
    major, minor, patch = (*numbers, 0, 0, 0)[:3]
    return major, minor, patch
