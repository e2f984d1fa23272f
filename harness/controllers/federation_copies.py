"""One copy of a federated object on one member cluster: which step it needs, and taking it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from harness.cluster import errors
from harness.controllers import federation
from harness.controllers import management_objects as kinds
from harness.controllers.attachment_members import Member
from harness.controllers.status import Events
from harness.model import objects
from harness.model.objects import Object, Ref

Step = Literal["nothing", "report", "create", "update", "remove", "release", "wait"]


@dataclass(frozen=True, slots=True)
class Sort:
    """What differs between the federated kinds."""

    kind: str  # of the copies
    copy: Callable[[Object, str], Object]
    selected: Callable[[Object, Mapping[str, federation.Labels]], frozenset[str] | None]
    adopts: bool  # take over an object that is there already


def decide(
    *, selected: bool, ready: bool, live: Object | None, wanted: Object | None, orphan: bool = False
) -> Step:
    """What to do about one copy; `live` is what the cluster is known to hold under the label."""
    if not selected and live is None:
        return "nothing"
    if not ready:
        return "report" if selected else "nothing"
    if orphan:
        return "release"
    if live is not None and objects.deleting(live):
        return "wait"
    if not selected:
        return "remove"
    if live is None:
        return "create"
    if wanted is not None and federation.matches(live, wanted):
        return "nothing"
    return "update"


class Copies:
    """Takes the steps; each answer is the status of the cluster (facts.md C.4), empty when fine."""

    def __init__(self, sort: Sort, events: Events) -> None:
        self._sort = sort
        self._events = events

    def live(self, member: Member, federated: Object) -> Object | None:
        """The copy that a cluster is known to hold."""
        namespace = None if self._sort.kind == "Namespace" else objects.namespace(federated)
        return member.find(self._sort.kind, namespace, objects.name(federated))

    def take(
        self,
        step: Step,
        member: Member,
        federated: Object,
        live: Object | None,
        wanted: Object | None,
    ) -> str | None:
        """Take one step; None for a cluster that is not to be listed."""
        listed = "" if wanted is not None else None
        match step:
            case "nothing":
                return listed
            case "report":
                return "ClusterNotReady"
            case "wait":
                return "WaitingForRemoval"
            case "create":
                assert wanted is not None
                return self._create(member, federated, wanted)
            case "update":
                assert wanted is not None
                assert live is not None
                return self._update(member, federated, live, wanted)
            case "remove":
                assert live is not None
                return self._delete(member, federated, live)
            case "release":
                return self._release(member, live) if live else None

    def _create(self, member: Member, federated: Object, wanted: Object) -> str:
        ref = Ref.of(wanted)
        if ref.namespace and not member.find("Namespace", None, ref.namespace):
            return "CreationFailed"  # the namespace is on its way; its arrival wakes us
        try:
            member.cluster.create(wanted, field_manager=kinds.MANAGER)
        except errors.AlreadyExists:
            return self._adopt(member, federated, wanted)
        except errors.ApiError as error:
            self._failed(federated, "CreateInClusterFailed", "create", ref, member, error)
            return "CreationFailed"
        self._events.normal(federated, "CreateInCluster", _telling("Creating", ref, member))
        return ""

    def _adopt(self, member: Member, federated: Object, wanted: Object) -> str:
        ref = Ref.of(wanted)
        there = member.cluster.find(ref)
        if there is None:
            return "CreationFailed"
        label = objects.labels(there).get(federation.MANAGED)
        if label == "false":
            return "ManagedLabelFalse"
        if objects.deleting(there):
            return "WaitingForRemoval"
        if label != "true":
            if not self._sort.adopts:
                return "AlreadyExists"
            self.warn(
                federated,
                member,
                "CreateInClusterFailed",
                f"{_telling('Failed to create', ref, member)}: An update will be attempted "
                "instead of a creation due to an existing resource",
            )
        if federation.matches(there, wanted):
            return ""
        return self._update(member, federated, there, wanted)

    def _update(self, member: Member, federated: Object, live: Object, wanted: Object) -> str:
        ref = Ref.of(wanted)
        try:
            if self._sort.kind == "Namespace":
                patch = {"metadata": {"labels": objects.labels(wanted)}}
                member.cluster.patch(ref, patch, field_manager=kinds.MANAGER)
            else:
                member.cluster.replace(federation.merged(live, wanted), field_manager=kinds.MANAGER)
        except (errors.Conflict, errors.NotFound):
            return "UpdateFailed"  # changed under our hands: the next try sees how
        except errors.ApiError as error:
            self._failed(federated, "UpdateInClusterFailed", "update", ref, member, error)
            return "UpdateFailed"
        self._events.normal(federated, "UpdateInCluster", _telling("Updating", ref, member))
        return ""

    def _delete(self, member: Member, federated: Object, live: Object) -> str | None:
        ref = Ref.of(live)
        try:
            member.cluster.delete(ref, uid=objects.uid(live))
        except (errors.NotFound, errors.Conflict):
            return None
        except errors.ApiError as error:
            self._failed(federated, "DeleteInClusterFailed", "delete", ref, member, error)
            return "DeletionFailed"
        self._events.normal(federated, "DeleteInCluster", _telling("Deleting", ref, member))
        return "WaitingForRemoval"  # until the cluster shows that it is gone

    def _release(self, member: Member, live: Object) -> str | None:
        patch = {"metadata": {"labels": {federation.MANAGED: None}}}
        with contextlib.suppress(errors.NotFound):
            member.cluster.patch(Ref.of(live), patch, field_manager=kinds.MANAGER)
        return None

    def _failed(
        self,
        federated: Object,
        reason: str,
        verb: str,
        ref: Ref,
        member: Member,
        error: errors.ApiError,
    ) -> None:
        # An API server quotes bad values, and these are secrets: its reason must do.
        said = error.reason or f"HTTP {error.status}"
        message = f"{_telling(f'Failed to {verb}', ref, member)}: {said}"
        self.warn(federated, member, reason, message)

    def warn(self, federated: Object, member: Member, reason: str, message: str) -> None:
        """Tell of a failure, once for each generation and cluster."""
        if not reported(federated, member.name):
            self._events.warning(federated, reason, message)


def settled(federated: Object) -> bool:
    """Whether the status is about the current generation."""
    return objects.status(federated).get("observedGeneration") == objects.generation(federated)


def reported(federated: Object, cluster: str) -> bool:
    """Whether the status already says that something is wrong on a cluster."""
    clusters = objects.status(federated).get("clusters") or []
    return settled(federated) and any(
        each["name"] == cluster and each.get("status") for each in clusters
    )


def _telling(doing: str, ref: Ref, member: Member) -> str:
    name = f"{ref.namespace}/{ref.name}" if ref.namespace else ref.name
    return f'{doing} {ref.kind} "{name}" in cluster "{member.name}"'
