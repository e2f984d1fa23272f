"""
Taking from a cluster all that a run has put there, when nothing of the run works any more.

In the order in which nothing waits for a controller that is no more: finalizers, then namespaces
and roles, then the kinds. What a run may have made is said by `model.installed`.
"""

import threading
from collections.abc import Collection, Iterable
from contextlib import suppress

from harness.cluster.client import Cluster
from harness.cluster.errors import ClusterError, Conflict, NotFound
from harness.cluster.reflector import Reflector
from harness.errors import SetupError
from harness.kit.clock import SYSTEM
from harness.model import installed, objects
from harness.model.objects import Object, Ref

WITHIN = 180.0
"""Seconds within which all of it is gone; a pod alone may take half a minute to end."""

_CRD = "CustomResourceDefinition"
_ROUNDS = 3


def removable(cluster: Cluster) -> list[Object]:
    """What a run may have made on a cluster, and what looks like it."""
    found = [obj for kind in installed.KINDS for obj in cluster.list(*kind).items]
    return installed.of_a_run(found)


def remove(cluster: Cluster, spared: Collection[str]) -> list[str]:
    """Remove it, but for what is spared (`installed.told`); says what went. SetupError if stuck."""
    doomed = [obj for obj in removable(cluster) if installed.told(Ref.of(obj)) not in spared]
    kinds = [obj for obj in doomed if obj["kind"] == _CRD]
    others = [obj for obj in doomed if obj["kind"] != _CRD]
    for crd in kinds:
        _unbind(cluster, crd)
    for part in (others, kinds):
        delete(cluster, [Ref.of(obj) for obj in part])
    return [installed.told(Ref.of(obj)) for obj in (*others, *kinds)]


def delete(cluster: Cluster, refs: Iterable[Ref]) -> None:
    """Delete cluster-wide objects; returns when none of them is there any more."""
    wanted = set(refs)
    if not wanted:
        return
    changed = threading.Event()
    kinds = dict.fromkeys((ref.api_version, ref.kind) for ref in wanted)
    watched = [Reflector(cluster, *kind, on_change=lambda _: changed.set()) for kind in kinds]
    for ref in wanted:
        with suppress(NotFound):
            cluster.delete(ref)
    try:
        for each in watched:
            each.start()
        _await_gone(cluster, watched, wanted, changed)
    finally:
        for each in watched:
            each.stop()


def _await_gone(
    cluster: Cluster, watched: list[Reflector], wanted: set[Ref], changed: threading.Event
) -> None:
    deadline = SYSTEM.monotonic() + WITHIN
    for each in watched:
        each.synced.wait(deadline - SYSTEM.monotonic())
    while True:
        changed.clear()
        there = {Ref.of(obj): obj for each in watched for obj in each.items()}
        left = [
            ref for ref in wanted if ref in there or not all(w.synced.is_set() for w in watched)
        ]
        if not left:
            return
        if not changed.wait(max(0.0, deadline - SYSTEM.monotonic())):
            stuck = "; ".join(f"{ref}{_why(there.get(ref))}" for ref in sorted(left, key=str))
            raise SetupError(f"{cluster.name} does not let go of {stuck}.")


def _why(obj: Object | None) -> str:
    """What a namespace says about what keeps it."""
    conditions = objects.status(obj or {}).get("conditions") or []
    said = [str(each.get("message")) for each in conditions if each.get("status") == "True"]
    return f" ({'; '.join(said)})" if said else ""


def _unbind(cluster: Cluster, crd: Object) -> None:
    """Let the objects of a kind go when they are deleted: whoever had a say in it is no more."""
    spec = objects.spec(crd)
    version = next(each["name"] for each in spec["versions"] if each["served"])
    kind = (f"{spec['group']}/{version}", spec["names"]["kind"])
    for _ in range(_ROUNDS):
        try:
            held = [obj for obj in cluster.list(*kind).items if objects.finalizers(obj)]
        except ClusterError:  # no longer served, so that there is none
            return
        for obj in held:
            with suppress(NotFound, Conflict):
                cluster.patch(Ref.of(obj), {"metadata": {"finalizers": None}})
        if not held:
            return
