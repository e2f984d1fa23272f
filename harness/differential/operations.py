"""
What can be done to a source: pure data, so that the same can be done twice.

Nothing here knows a cluster; how an operation is carried out is for `playing`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from harness.gitserver.faults import Kind as FaultKind
from harness.model.objects import Object

SOURCE: Final = "GitRepository"
KUSTOMIZATION: Final = "Kustomization"
Subject = Literal["GitRepository", "Kustomization"]

NAMESPACE: Final = "NAMESPACE"
"""Stands in manifests and specs for the namespace of the sequence."""

Tree = tuple[tuple[str, str], ...]
"""The files of a commit: paths and contents, sorted."""


def tree(files: Mapping[str, str]) -> Tree:
    """Files as a value."""
    return tuple(sorted(files.items()))


@dataclass(frozen=True, slots=True)
class Commit:
    """The whole content of a branch becomes this tree."""

    files: Tree
    branch: str = "main"
    tag: str = ""

    def __str__(self) -> str:
        tagged = f", tagged {self.tag}" if self.tag else ""
        return f"commit {len(self.files)} files to {self.branch}{tagged}"


@dataclass(frozen=True, slots=True)
class Rewrite:
    """The branch is replaced by one commit without a parent: a force push."""

    files: Tree

    def __str__(self) -> str:
        return f"force-push {len(self.files)} files"


@dataclass(frozen=True, slots=True)
class Edit:
    """The spec of one of the two objects is changed by a merge patch."""

    subject: Subject
    patch: str
    """JSON, so that it is a value."""

    def __str__(self) -> str:
        return f"edit {self.subject} {self.patch}"


@dataclass(frozen=True, slots=True)
class Manual:
    """Somebody changes an object that the source applies, or deletes it (no patch)."""

    api_version: str
    kind: str
    name: str
    patch: str = ""
    manager: str = "kubectl-edit"

    def __str__(self) -> str:
        done = f"{self.patch} as {self.manager}" if self.patch else "deleted"
        return f"by hand: {self.kind} {self.name} {done}"


@dataclass(frozen=True, slots=True)
class Credentials:
    """The Secret that the source names becomes this."""

    state: Literal["right", "wrong", "password-only", "empty", "missing"]

    def __str__(self) -> str:
        return f"credentials: {self.state}"


@dataclass(frozen=True, slots=True)
class Outage:
    """The Git server fails in this way from now on; None ends it."""

    kind: FaultKind | None

    def __str__(self) -> str:
        return f"the Git server answers {self.kind}" if self.kind else "the Git server is well"


@dataclass(frozen=True, slots=True)
class Delete:
    """One of the two objects is deleted."""

    subject: Subject

    def __str__(self) -> str:
        return f"delete {self.subject}"


@dataclass(frozen=True, slots=True)
class Create:
    """One of the two objects is made anew, as at the beginning, where it is not there."""

    subject: Subject

    def __str__(self) -> str:
        return f"create {self.subject}"


@dataclass(frozen=True, slots=True)
class Account:
    """The account that the Kustomization acts as is there, or is not."""

    present: bool

    def __str__(self) -> str:
        return f"the service account is {'made' if self.present else 'removed'}"


Operation = Commit | Rewrite | Edit | Manual | Credentials | Outage | Delete | Create | Account


@dataclass(frozen=True, slots=True)
class Sequence:
    """Operations in order, after a first commit and the creation of both objects."""

    name: str
    first: Tree
    operations: tuple[Operation, ...] = ()
    path: str = "./app"
    private: bool = False
    """Whether the repository asks for credentials."""
    suspended: bool = False
    """Whether both objects are created suspended."""


def edit(subject: Subject, **spec: Any) -> Edit:
    """An edit of fields of the spec; None removes one."""
    return Edit(subject, json.dumps(spec, sort_keys=True))


def suspend(subject: Subject) -> Edit:
    """What a person does who wants to be left alone."""
    return edit(subject, suspend=True)


def resume(subject: Subject) -> Edit:
    """The end of a suspension."""
    return edit(subject, suspend=False)


def by_hand(obj: str, patch: Object | None, manager: str = "kubectl-edit") -> Manual:
    """A change of `ConfigMap/name`, `Deployment/name`, ...; None deletes it."""
    kind, _, name = obj.partition("/")
    version = "apps/v1" if kind == "Deployment" else "v1"
    text = json.dumps(patch, sort_keys=True) if patch is not None else ""
    return Manual(version, kind, name, text, manager)
