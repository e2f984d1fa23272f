"""
What a system claims (capabilities) and how it words it (dialect); data, never a question to a step.

The eras of Flux are the columns of the table in `eras`. Deadlines belong to `kit.wait`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

from harness.errors import UsageError
from harness.model import era_detection, eras
from harness.model.eras import Era


@dataclass(frozen=True, slots=True)
class Capability:
    """A named part of a system; every system has the core ones, optional ones are claimed."""

    name: str
    kind: Literal["core", "optional"]
    summary: str


CAPABILITIES: Final[tuple[Capability, ...]] = (
    Capability("source", "core", "GitOps sources are declared in a project."),
    Capability("federated-secret", "core", "Secrets reach the clusters of a project."),
    Capability("auth.anonymous", "core", "Public repositories are read without a secret."),
    Capability("auth.http", "core", "Repositories are read with user name and password."),
    Capability("auth.https-self-signed", "core", "Private certificates are trusted by caFile."),
    Capability("auth.token", "core", "An access token is enough, without a user name."),
    Capability("auth.ssh", "core", "Repositories are read over SSH with known host keys."),
    Capability("sync", "core", "Commits reach every cluster of the project by themselves."),
    Capability("status", "core", "Status and events tell how far a sync is."),
    Capability("suspend", "core", "A source can be suspended and resumed."),
    Capability("delete", "core", "Deleting a source cleans up after it."),
    Capability("multi-source", "core", "A project has several independent sources."),
    Capability("cli", "core", "The documented kubectl commands work."),
    Capability("edit", "optional", "An existing source can be edited."),
    Capability("git-ref", "optional", "Sources follow tags, version ranges and commits."),
    Capability("flux-resources", "optional", "Flux resources in a repository are reconciled."),
    Capability("secret.overrides", "optional", "Federated secrets differ by cluster."),
    Capability("placement.labels", "optional", "Projects choose their clusters by labels."),
    Capability("cluster-lifecycle", "optional", "Clusters join, leave and fail."),
    Capability("helm", "optional", "Helm releases are deployed."),
    Capability("workloads", "optional", "Pods run on the clusters, from an image of the suite."),
    Capability("bootstrap-faults", "optional", "The bootstrap repository can be made unwritable."),
)

OF_CLUSTERS: Final = frozenset({"workloads"})
"""Those that the clusters have or lack, whatever system runs on them."""

_BY_NAME: Final = {capability.name: capability for capability in CAPABILITIES}
CORE: Final = frozenset(c.name for c in CAPABILITIES if c.kind == "core")


def capability(name: str) -> Capability:
    """The capability of that name."""
    try:
        return _BY_NAME[name]
    except KeyError:
        known = ", ".join(_BY_NAME)
        raise UsageError(f"no capability is called {name!r}; known are {known}") from None


def is_capability(tag: str) -> bool:
    """Whether a tag (with or without `@`) names a capability."""
    return tag.removeprefix("@") in _BY_NAME


@dataclass(frozen=True, slots=True)
class Dialect:
    """The wording of a successful fetch, and the era of Flux whose behaviour goes with it."""

    name: str
    source_ready_reason: str
    source_ready_message: str
    revision_separator: str
    era: Era

    def revision(self, ref: str | None, sha: str) -> str:
        """A revision as this dialect writes it."""
        if ref is None:
            return f"sha1:{sha}" if self.revision_separator == "@sha1:" else f"HEAD/{sha}"
        return f"{ref}{self.revision_separator}{sha}"

    def message(self, revision: str) -> str:
        """The Ready message of a GitRepository at that revision."""
        return self.source_ready_message.format(revision=revision)

    def revision_in(self, message: str) -> str | None:
        """The revision that a Ready message names, or None where it is another message."""
        before, _, after = self.source_ready_message.partition("{revision}")
        form = re.fullmatch(re.escape(before) + r"(\S+?)" + re.escape(after), message)
        return None if form is None else form[1]

    def applied_message(self, revision: str) -> str:
        """The Ready message of a Kustomization at that revision."""
        return f"Applied revision: {revision}"


KUSTOMIZATION_READY_REASON: Final = "ReconciliationSucceeded"


def _dialect(name: str, wording: Era, behaviour: Era) -> Dialect:
    return Dialect(
        name=name,
        source_ready_reason=wording.ready_reason,
        source_ready_message=wording.ready_message,
        revision_separator=wording.revision_separator,
        era=behaviour,
    )


# The page's wording is that of E1. The reference speaks it with the behaviour of E6, on purpose:
# `page` and `modern` differ in three words of status and in nothing else (design.md, decision 5).
PAGE: Final = _dialect("page", eras.E1, eras.E6)
MODERN: Final = _dialect("modern", eras.E6, eras.E6)
DIALECTS: Final[dict[str, Dialect]] = {
    **{d.name: d for d in (PAGE, MODERN)},
    **{e.name: _dialect(e.name, e, e) for e in eras.ALL},
}


def dialect(name: str) -> Dialect:
    """
    The dialect of that name: `page`, `modern`, an era of Flux from `E1` to `E7`, or two of them
    (`E6+E7`), the source-controller's and the kustomize-controller's.
    """
    source, plus, applier = name.partition("+")
    if plus and source in DIALECTS and applier in DIALECTS:
        spoken = era_detection.compose(DIALECTS[source].era, DIALECTS[applier].era)
        return _dialect(name, spoken, spoken)
    try:
        return DIALECTS[name]
    except KeyError:
        raise UsageError(
            f"no dialect is called {name!r}; known are {', '.join(DIALECTS)}"
        ) from None


@dataclass(frozen=True, slots=True)
class Profile:
    """What one system claims."""

    name: str
    capabilities: frozenset[str]
    dialect: Dialect
    may_poke: bool

    def __post_init__(self) -> None:
        for name in self.capabilities:
            capability(name)

    def unclaimed(self, tags: Iterable[str]) -> tuple[str, ...]:
        """The capabilities among the tags that the system does not claim."""
        names = {tag.removeprefix("@") for tag in tags}
        return tuple(sorted(n for n in names if n in _BY_NAME and n not in self.capabilities))

    @property
    def variant(self) -> str | None:
        """What to note beside a pass because the wording is not the page's, or None."""
        spoken = self.dialect
        if (spoken.source_ready_reason, spoken.revision_separator) == (
            PAGE.source_ready_reason,
            PAGE.revision_separator,
        ):
            return None
        return (
            f"dialect {spoken.name}: reason {spoken.source_ready_reason}, "
            f"revision {spoken.revision('main', '<sha>')}"
        )
