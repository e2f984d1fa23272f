"""
Deleting a source: everything that was applied goes, nothing that was withheld appears; pure.

Flux prunes nothing when a suspended Kustomization is deleted. So, on each cluster by itself:

    lift      commit `suspend: false` on the Kustomization; the GitRepository stays suspended,
              or a commit that the user held back would be deployed
    shown     wait until the cluster has that: with one commit for both, it could fetch the
              removal before it ever saw the suspension lifted, and leave everything behind
    remove    commit the removal of the file
    gone      wait until the Kustomization, whose finalizer prunes, is gone, and the cluster is past
              that commit: while it is busy with an older one, the Kustomization may yet come

What the source says meanwhile is not looked at any more.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from harness.controllers import gitops_repository_manifests as manifests
from harness.model import objects
from harness.model.objects import Object

Step = Literal["lift", "shown", "remove", "gone", "done"]


@dataclass(frozen=True, slots=True)
class Sight:
    """What is known about a source on one cluster."""

    file: str | None  # what the bootstrap repository holds for it
    reachable: bool  # whether `live` can be believed
    live: Object | None  # its Kustomization there
    caught_up: bool = True  # whether it has applied the last commit that lifted or removed
    attached: bool = True  # a detached cluster is not waited for
    lifts: bool = True  # whether a suspension is lifted first, or Flux left to keep everything


def step(sight: Sight) -> Step:
    """What comes next on one cluster."""
    if not sight.attached:
        return "done" if sight.file is None else "remove"
    if sight.file is not None:
        if not sight.lifts:
            return "remove"
        if suspended_in(sight.file):
            return "lift"
        if not sight.reachable:
            return "shown"
        if sight.live is not None and not (sight.caught_up and lifted(sight.live)):
            return "shown"
        return "remove"
    settled = sight.reachable and sight.live is None and sight.caught_up
    return "done" if settled else "gone"


def changes(sights: Mapping[str, Sight]) -> dict[str, str | None]:
    """For each cluster that has something to commit: its new file, or None for its removal."""
    wanted: dict[str, str | None] = {}
    for cluster, sight in sights.items():
        match step(sight):
            case "lift":
                wanted[cluster] = lift(sight.file or "")
            case "remove":
                wanted[cluster] = None
    return wanted


def outstanding(sights: Mapping[str, Sight]) -> list[str]:
    """The clusters on which something is still to happen, and what."""
    why = {
        "lift": "lifting the suspension",
        "shown": "waiting for the suspension to be lifted",
        "remove": "removing its manifests",
        "gone": "waiting for its Kustomization to go",
    }
    told = []
    for cluster, sight in sorted(sights.items()):
        next_step = step(sight)
        if next_step != "done":
            unreachable = " (not reachable)" if not sight.reachable else ""
            told.append(f"{cluster}: {why[next_step]}{unreachable}")
    return told


def lift(content: str) -> str:
    """The file with the Kustomization working again and the GitRepository kept still."""
    lifted_manifests = copy.deepcopy(manifests.parsed(content))
    for each in lifted_manifests:
        each["spec"]["suspend"] = each["kind"] == "GitRepository"
    return manifests.text(lifted_manifests)


def suspended_in(content: str) -> bool:
    """Whether a file has its Kustomization suspended."""
    return any(
        each["kind"] == "Kustomization" and bool(objects.spec(each).get("suspend"))
        for each in manifests.parsed(content)
    )


def lifted(live: Object) -> bool:
    """Whether a Kustomization would prune if it were deleted now."""
    return not objects.spec(live).get("suspend")
