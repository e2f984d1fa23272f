"""
Which files of a repository stay out of its artifact: patterns with the meaning of .gitignore.

Pure. The last pattern that matches decides, and what lies below a directory that is left out is
left out too, unless a later pattern takes it back.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

# What Flux leaves out by itself.
DEFAULTS: Final = """\
.git/
.gitignore
.gitmodules
.gitattributes
*.jpg
*.jpeg
*.gif
*.png
*.wmv
*.flv
*.tar.gz
*.zip
.github/
.circleci/
.travis.yml
.gitlab-ci.yml
appveyor.yml
.drone.yml
cloudbuild.yaml
codeship-services.yml
codeship-steps.yml
**/.goreleaser.yml
**/.sops.yaml
**/.flux.yaml
"""


@dataclass(frozen=True, slots=True)
class Pattern:
    """One line of an ignore file."""

    expression: re.Pattern[str]
    takes_back: bool
    only_directories: bool


@functools.cache
def defaults() -> tuple[Pattern, ...]:
    """What Flux leaves out by itself, parsed."""
    return tuple(parse(DEFAULTS.splitlines()))


def parse(lines: Iterable[str], domain: str = "") -> list[Pattern]:
    """The patterns of an ignore file that lies in the directory `domain`."""
    return [pattern for line in lines if (pattern := _parse_line(line, domain))]


def is_left_out(patterns: Sequence[Pattern], path: str, *, directory: bool = False) -> bool:
    """Whether the file or directory at `path` stays out."""
    parts = path.split("/")
    above = ["/".join(parts[:end]) for end in range(1, len(parts))]
    every = [*above, path]
    for pattern in reversed(patterns):
        fitting = above if pattern.only_directories and not directory else every
        if any(map(pattern.expression.fullmatch, fitting)):
            return not pattern.takes_back
    return False


def _parse_line(line: str, domain: str) -> Pattern | None:
    text = line.rstrip("\n")
    if not text.endswith("\\ "):
        text = text.rstrip()
    if not text or text.startswith("#"):
        return None
    takes_back = text.startswith("!")
    text = text.removeprefix("!").removeprefix("\\")
    only_directories = text.endswith("/")
    text = text.rstrip("/")
    if not text:
        return None
    # A slash that is not the last character ties the pattern to the directory of its file.
    anywhere = "/" not in text
    prefix = re.escape(domain.rstrip("/") + "/") if domain.rstrip("/") else ""
    body = prefix + ("(?:.*/)?" if anywhere else "") + _expression(text.lstrip("/"))
    return Pattern(re.compile(body, re.DOTALL), takes_back, only_directories)


_TOKENS: Final = re.compile(
    r"(?P<anywhere>^\*\*/)|(?P<below>/\*\*$)|(?P<between>/\*\*/)|(?P<stars>\*+)|(?P<one>\?)"
    r"|\[(?P<negated>[!^]?)(?P<members>\]?[^\]]*)\]|\\(?P<escaped>.)|(?P<plain>.)",
    re.DOTALL,
)


def _expression(glob: str) -> str:
    return "".join(_translated(token) for token in _TOKENS.finditer(glob))


def _translated(token: re.Match[str]) -> str:
    if token["anywhere"]:
        return "(?:.*/)?"
    if token["below"]:
        return "/.+"
    if token["between"]:
        return "/(?:.*/)?"
    if token["stars"]:
        return "[^/]*"
    if token["one"]:
        return "[^/]"
    if token["members"] is not None:
        members = token["members"].replace("\\", "\\\\").replace("[", "\\[")
        return f"[{'^' if token['negated'] else ''}{members}]"
    return re.escape(token["escaped"] or token["plain"])
