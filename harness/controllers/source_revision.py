"""
Which commit a source means: the order among the fields of `spec.ref`, and how it is written.

Pure: works on the references that the remote has listed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from harness.controllers import source_semver

Dialect = Literal["page", "modern"]
Choice = Literal["commit", "name", "tag", "semver", "branch"]

DEFAULT_BRANCH: Final = "master"
_SHA: Final = re.compile(r"[0-9a-f]{40}")


class Unresolved(Exception):
    """The remote has nothing of that name."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What `spec.ref` asks for."""

    by: Choice
    value: str
    branch: str = ""
    """The branch that a commit is looked for on; every one when empty."""

    @property
    def patterns(self) -> list[str]:
        """What to ask the remote to list."""
        return {
            "commit": [],
            "name": [self.value],
            "tag": [f"refs/tags/{self.value}", f"refs/tags/{self.value}^{{}}"],
            "semver": ["refs/tags/*"],
            "branch": [f"refs/heads/{self.value}"],
        }[self.by]


@dataclass(frozen=True, slots=True)
class Target:
    """What to fetch; `commit` is empty while only the fetch can tell."""

    reference: str
    commit: str
    label: str


def wanted(ref: Mapping[str, Any]) -> Wanted:
    """What is asked for where several fields are set: commit, name, tag, semver, branch."""
    if ref.get("commit"):
        return Wanted("commit", ref["commit"], ref.get("branch") or "")
    for by in ("name", "tag", "semver"):
        if ref.get(by):
            return Wanted(by, ref[by])
    return Wanted("branch", ref.get("branch") or DEFAULT_BRANCH)


def can_fetch_at_once(want: Wanted) -> bool:
    """Whether the reference is known without asking the remote what it has."""
    return want.by == "branch"


def resolve(want: Wanted, references: Mapping[str, str]) -> Target:
    """What the remote has for `want`; raises Unresolved where it has nothing."""
    match want.by:
        case "commit":
            if not _SHA.fullmatch(want.value):
                raise Unresolved(missing_commit(want.value))
            return Target("", want.value, want.branch)
        case "name":
            if want.value not in references:
                raise Unresolved(f"unable to resolve ref '{want.value}' to a specific commit")
            return _pointed_to(want.value, references, label=want.value)
        case "tag":
            return _tag(want.value, references)
        case "semver":
            return _tag(_fitting_tag(want.value, references), references)
        case "branch":
            reference = f"refs/heads/{want.value}"
            if reference not in references:
                raise Unresolved(missing_reference(reference))
            return Target(reference, references[reference], want.value)


def text(label: str, commit: str, dialect: Dialect) -> str:
    """A revision: `main/<sha>` as the page has it, `main@sha1:<sha>` as Flux writes it now."""
    if dialect == "page":
        return f"{label or 'HEAD'}/{commit}"
    return f"{label}@sha1:{commit}" if label else f"sha1:{commit}"


def commit_of(revision: str) -> str:
    """The commit that a revision of either dialect names."""
    found = _SHA.findall(revision)
    return found[-1] if found else ""


def missing_reference(reference: str) -> str:
    """What is said of a branch or tag that is not there."""
    return f'couldn\'t find remote ref "{reference}"'


def missing_commit(commit: str) -> str:
    """What is said of a commit that is not there."""
    return f"unable to resolve commit object for '{commit}': object not found"


def _tag(name: str, references: Mapping[str, str]) -> Target:
    reference = f"refs/tags/{name}"
    if reference not in references:
        raise Unresolved(missing_reference(reference))
    return _pointed_to(reference, references, label=name)


def _pointed_to(reference: str, references: Mapping[str, str], *, label: str) -> Target:
    # An annotated tag is an object of its own; the commit behind it is listed with `^{}`.
    commit = references.get(f"{reference}^{{}}", references[reference])
    return Target(reference, commit, label)


def _fitting_tag(expression: str, references: Mapping[str, str]) -> str:
    names = (name.removeprefix("refs/tags/") for name in references if not name.endswith("^{}"))
    try:
        found = source_semver.highest(names, expression)
    except ValueError as error:
        raise Unresolved(f"semver parse error: {error}") from None
    if found is None:
        raise Unresolved(f"no match found for semver: {expression}")
    return found
