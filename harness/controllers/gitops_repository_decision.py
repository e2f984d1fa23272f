"""What is to be done about a source that is not being deleted, and when it is told; pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from harness.controllers import gitops_repository_manifests as manifests
from harness.controllers import gitops_repository_url as urls
from harness.controllers.bootstrap import Outcome
from harness.controllers.gitops_repository_manifests import REMEDIES, Pace, Remedies
from harness.model import objects
from harness.model.objects import Object

SYNCED = "ManifestSync"
SUCCESS = "ManifestSyncSuccess"
SUCCESS_MESSAGE = "manifests synced to bootstrap repo"


@dataclass(frozen=True, slots=True)
class Facts:
    """What decides about a source, besides itself."""

    placed: frozenset[str] | None  # clusters of its project; None if it is in no project
    known: frozenset[str]  # all attached clusters
    keys: Mapping[str, frozenset[str]]  # keys of its secret on each cluster


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do about a source that is not being deleted."""

    action: Literal["publish", "refuse", "leave"]
    reason: str = ""
    message: str = ""
    files: Mapping[str, str | None] | None = None  # by cluster; None removes


def decide(source: Object, facts: Facts, pace: Pace, remedies: Remedies = REMEDIES) -> Decision:
    """Publish, refuse (what was written stays), or leave alone."""
    if facts.placed is None:
        return Decision("leave", "NoProject", "the namespace does not belong to a project")
    url = str(objects.spec(source).get("cloneUrl") or "")
    every_key = frozenset().union(*(facts.keys.get(each, frozenset()) for each in facts.placed))
    found = urls.fault(url, every_key)
    if found:
        return Decision("refuse", "InvalidURL", found)
    files: dict[str, str | None] = dict.fromkeys(facts.known - facts.placed)
    for cluster in sorted(facts.placed):
        keys = facts.keys.get(cluster, frozenset())
        rendered = manifests.manifests(source, keys, pace, remedies)
        files[cluster] = manifests.text(rendered)
    if not facts.placed:
        return Decision("publish", "NoClusters", "the project is on no cluster", files)
    return Decision("publish", SUCCESS, SUCCESS_MESSAGE, files)


def may_announce(source: Object, outcome: Outcome) -> bool:
    """Whether success is news: something was pushed, or this generation has not been confirmed."""
    return outcome.changed or not confirmed(source)


def confirmed(source: Object) -> bool:
    """Whether the status already says that this generation is in the bootstrap repository."""
    return any(
        each["type"] == SYNCED
        and each["status"] == "True"
        and each.get("observedGeneration") == objects.generation(source)
        for each in objects.status(source).get("conditions") or []
    )
