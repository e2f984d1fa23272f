"""
FederatedSecret and FederatedNamespace: their copies on the member clusters, and their status.

Where a copy goes and what it looks like is said in `federation`; here it is brought about:
created, corrected when somebody changed it, removed when the cluster is no longer selected.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.cluster import errors
from harness.cluster.client import Cluster
from harness.cluster.reflector import Reflector
from harness.controllers import attachment_members, federation, federation_copies, status
from harness.controllers import management_objects as kinds
from harness.controllers.attachment_members import Member, Members
from harness.controllers.federation_copies import Copies, Sort
from harness.controllers.runtime import Key, Retry
from harness.controllers.status import Events
from harness.kit.clock import Clock, system_clock
from harness.model import objects
from harness.model.objects import Object

# These heal by another try (facts.md C.4); the rest need an edit or an event.
_RECOVERABLE = frozenset(("CreationFailed", "UpdateFailed", "DeletionFailed", "LabelRemovalFailed"))


class Sync:
    """The reconciler of one federated kind."""

    def __init__(
        self,
        cluster: Cluster,
        federated: Reflector,
        members: Members,
        events: Events,
        sort: Sort,
        *,
        clock: Clock = system_clock,
    ) -> None:
        self._cluster = cluster
        self._federated = federated
        self._members = members
        self._events = events
        self._sort = sort
        self._copies = Copies(sort, events)
        self._clock = clock
        self._finalizer = kinds.Finalizer(cluster, federation.FINALIZER)

    def reconcile(self, key: Key) -> float | None:
        """Bring all copies of one federated object about."""
        federated = self._federated.get(key.namespace, key.name)
        if federated is None:
            return None
        if objects.deleting(federated):
            self._remove(federated)
            return None
        federated = self._finalizer.put(federated)
        if not federation_copies.settled(federated):
            for reason, message in federation.dropped(federated):
                self._events.warning(federated, reason, message)
        members = self._members.all()
        chosen = self._sort.selected(federated, attachment_members.labels(members))
        found = self._bring_about(federated, members, chosen or frozenset())
        self._report(federated, found, chosen is not None)
        if _RECOVERABLE & set(found.values()):
            raise Retry(f"copies of {federated['kind']} {key}: {_failures(found)}")
        return None

    # -- deletion --------------------------------------------------------------------------

    def _remove(self, federated: Object) -> None:
        if not self._finalizer.on(federated):
            return
        orphan = objects.annotations(federated).get(federation.ORPHAN) == "true"
        # The placement of this moment: copies elsewhere went when they were no longer selected.
        members = self._members.all()
        chosen = self._sort.selected(federated, attachment_members.labels(members)) or frozenset()
        found = self._bring_about(federated, members, frozenset(), orphan=orphan)
        for name in chosen:
            if not members[name].ready:
                found[name] = "ClusterNotReady"
        if not {name for name, said in found.items() if said}:
            self._finalizer.take(federated)
            return
        self._report(federated, found, True)
        if _RECOVERABLE & set(found.values()):
            raise Retry(f"removal of {federated['kind']}: {_failures(found)}")

    # -- copies ----------------------------------------------------------------------------

    def _bring_about(
        self,
        federated: Object,
        members: Mapping[str, Member],
        chosen: frozenset[str],
        *,
        orphan: bool = False,
    ) -> dict[str, str]:
        """What is to be said of each cluster: empty when all is well."""

        def one(name: str) -> str | None:
            return self._on(members[name], federated, name in chosen, orphan)

        found = self._members.each(members, one)
        return {name: said for name, said in found.items() if said is not None}

    def _on(self, member: Member, federated: Object, selected: bool, orphan: bool) -> str | None:
        """Take one step on one cluster; None for a cluster that is not to be listed."""
        live = self._copies.live(member, federated)
        wanted: Object | None = None
        if selected:
            try:
                wanted = self._sort.copy(federated, member.name)
            except federation.OverrideError as error:
                self._copies.warn(federated, member, "ApplyOverridesFailed", str(error))
                return "ApplyOverridesFailed"
        step = federation_copies.decide(
            selected=selected, ready=member.ready, live=live, wanted=wanted, orphan=orphan
        )
        try:
            return self._copies.take(step, member, federated, live, wanted)
        except errors.Unreachable:
            self._members.suspect(member.name)
            return "ClusterNotReady"

    # -- telling ---------------------------------------------------------------------------

    def _report(self, federated: Object, found: Mapping[str, str], federated_ns: bool) -> None:
        wanted = federated_status(
            federated, found, namespace=federated_ns, now=status.timestamp(self._clock)
        )
        kinds.write_status(self._cluster, federated, wanted)


def federated_status(
    federated: Object, found: Mapping[str, str], *, namespace: bool, now: str
) -> dict[str, Any]:
    """The status of a federated object: facts.md C.4."""
    clusters = [
        {"name": name, "status": said} if said else {"name": name}
        for name, said in sorted(found.items())
    ]
    fine = namespace and not any(found.values())
    condition: Object = {"type": "Propagation", "status": "True" if fine else "False"}
    if not fine:
        condition["reason"] = "CheckClusters" if namespace else "NamespaceNotFederated"
    known = objects.status(federated)
    old = next(iter(known.get("conditions") or []), None) or {}
    same = all(old.get(key) == condition.get(key) for key in ("status", "reason"))
    unmoved = old.get("status") == condition["status"]
    condition["lastTransitionTime"] = old["lastTransitionTime"] if unmoved else now
    untouched = same and (known.get("clusters") or []) == clusters
    condition["lastUpdateTime"] = old["lastUpdateTime"] if untouched else now
    wanted: dict[str, Any] = {
        "observedGeneration": objects.generation(federated),
        "conditions": [condition],
    }
    if clusters or known.get("clusters"):
        wanted["clusters"] = clusters
    return wanted


def _failures(found: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {said}" for name, said in sorted(found.items()) if said)
