"""
Removal of objects that were applied once: only what is still ours, and each failure told.

Which objects these are is for `kustomization_inventory` and `kustomization` to say.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from harness.cluster import errors
from harness.cluster.client import Cluster
from harness.controllers import apply, apply_order, kustomization_inventory
from harness.model import objects
from harness.model.objects import Ref


@dataclass(slots=True)
class Pruned:
    """What became of the objects that had to go."""

    deleted: list[Ref] = field(default_factory=list)
    skipped: list[Ref] = field(default_factory=list)
    refused: dict[Ref, str] = field(default_factory=dict)

    def lines(self) -> list[str]:
        """One line an object, as events list them, in the order in which they went."""
        done = dict.fromkeys(self.deleted, "deleted") | dict.fromkeys(self.skipped, "skipped")
        ordered = sorted(done, key=apply_order.sort_key, reverse=True)
        return [f"{apply.subject(ref)} {done[ref]}" for ref in ordered]

    def complaint(self) -> str:
        """What is said of those that could not be deleted."""
        said = "; ".join(
            f"{apply.subject(ref)} delete failed: {why}" for ref, why in self.refused.items()
        )
        return f"delete failed, errors: {said}"


def prune(cluster: Cluster, refs: Iterable[Ref], owner: dict[str, str]) -> Pruned:
    """Delete each object in the background; what is gone already counts as deleted, as in Flux."""
    pruned = Pruned()
    for ref in refs:
        try:
            live = cluster.find(ref)
            if live is None:
                pruned.deleted.append(ref)
                continue
            if not kustomization_inventory.may_delete(live, owner):
                pruned.skipped.append(ref)
                continue
            cluster.delete(ref, propagation="Background", uid=objects.uid(live))
            pruned.deleted.append(ref)
        except errors.NotFound:
            pruned.deleted.append(ref)
        except errors.NoSuchKind:
            continue
        except errors.ApiError as error:
            pruned.refused[ref] = error.message
    return pruned


def remaining(cluster: Cluster, refs: Iterable[Ref]) -> list[Ref]:
    """Those that are still there."""
    found = []
    for ref in refs:
        try:
            if cluster.find(ref) is not None:
                found.append(ref)
        except (errors.NoSuchKind, errors.Forbidden):
            continue
    return found
