"""
Project: a namespace of one name on the management cluster and on each chosen cluster.

    namespace -> FederatedNamespace -> namespaces on the clusters (federation_sync)
              -> directory in the bootstrap repository, one for each cluster
              -> account and role on each cluster, and with the first source Kustomization `project`

Deletion goes the other way: see `project_removal`.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping, Set

from harness.cluster import errors
from harness.cluster.client import Cluster
from harness.cluster.reflector import Change
from harness.controllers import bootstrap_layout as layout
from harness.controllers import management_objects as kinds
from harness.controllers import project_objects, project_view
from harness.controllers.attachment_flux import Upstream, follower
from harness.controllers.attachment_members import Member, Members
from harness.controllers.bootstrap import Bootstrap, BootstrapError
from harness.controllers.project_removal import Copies, ProjectRemoval
from harness.controllers.project_view import Projects
from harness.controllers.runtime import Key, Retry
from harness.kit.clock import Clock, system_clock
from harness.model import objects
from harness.model.objects import Object, Ref

log = logging.getLogger(__name__)

FINALIZER = "workspaces.kommander.mesosphere.io/project"


class ProjectController:
    """The reconciler of Projects."""

    def __init__(
        self,
        cluster: Cluster,
        copies: Copies,
        view: Projects,
        members: Members,
        bootstrap: Bootstrap,
        upstream: Upstream,
        *,
        interval: str,
        clock: Clock = system_clock,
    ) -> None:
        self._cluster = cluster
        self._copies = copies
        self._view = view
        self._members = members
        self._bootstrap = bootstrap
        self._upstream = upstream
        self._interval = interval
        self._clock = clock
        self._removal = ProjectRemoval(cluster, copies, members, bootstrap)
        self._finalizer = kinds.Finalizer(cluster, FINALIZER)
        self._applied: dict[tuple[str, str], str] = {}

    def keys_of_member_change(self, change: Change) -> list[Key]:
        """What a change on a member cluster makes due: namespaces, served groups, `project`."""
        if change.object["kind"] == "APIService":
            return [] if change.type == "MODIFIED" else self._view.keys()
        if change.object["kind"] == "Namespace":
            return [] if change.type == "MODIFIED" else self._view.key_of(_name(change))
        if change.type == "DELETED" and _name(change) == kinds.PROJECT:
            namespace = objects.namespace(change.object) or ""
            self._applied.pop((change.cluster, namespace), None)
            return self._view.key_of(namespace)
        return []

    def keys_of_push(self, place: layout.Place) -> list[Key]:
        """What a commit makes due: the Project whose first source on a cluster it may bring."""
        member = self._members.get(place.cluster)
        if member is None or member.find("Kustomization", place.namespace, kinds.PROJECT):
            return []
        return self._view.key_of(place.namespace)

    def reconcile(self, key: Key) -> float | None:
        """Bring one Project about, or take it down."""
        project = self._copies.projects.get(key.namespace, key.name)
        if project is None:
            return None
        try:
            if objects.deleting(project):
                self._remove(project)
            else:
                self._bring_about(self._finalizer.put(project))
        except BootstrapError as error:
            message = f"the bootstrap repository cannot be written: {error}"
            self._report(project, "BootstrapUnavailable", message)
            raise Retry(message) from error
        return None

    # -- bringing about --------------------------------------------------------------------

    def _bring_about(self, project: Object) -> None:
        name = project_objects.claimed(project) or project_objects.namespace_name(project)
        namespace = self._copies.namespaces.get(None, name) or self._create(project, name)
        match project_objects.standing(project, namespace):
            case "taken":
                message = f"namespace {name} exists and does not belong to this project"
                self._report(project, "NamespaceTaken", message)
                return
            case "leaving":
                message = f"namespace {name} is still being deleted"
                self._report(project, "NamespaceLeaving", message)
                return  # its end wakes us
        self._federate(project, name)
        kinds.write_status(self._cluster, project, {"namespaceRef": {"name": name}})
        members = self._members.all()
        placed = project_view.placed(project, members)
        self._write_directories(name, placed, members.keys() - placed)
        missing = self._equip(name, {each: members[each] for each in placed})
        if missing:
            told = "; ".join(f"{cluster}: {why}" for cluster, why in sorted(missing.items()))
            self._report(project, "WaitingForClusters", told)
        else:
            message = f"namespace {name} is on {', '.join(sorted(placed)) or 'no cluster'}"
            self._report(project, "Federated", message, ready=True)

    def _create(self, project: Object, name: str) -> Object:
        try:
            return self._cluster.create(project_objects.namespace(project, name))
        except errors.AlreadyExists:  # ours, not seen yet, or somebody's who was quicker
            return self._cluster.get(Ref("v1", "Namespace", name))

    def _federate(self, project: Object, name: str) -> None:
        wanted = project_objects.federated_namespace(project, name)
        known = self._copies.federated_namespaces.get(name, name)
        if known is None or objects.spec(known) != objects.spec(wanted):
            self._cluster.apply(wanted, field_manager=kinds.MANAGER)

    def _write_directories(self, name: str, placed: frozenset[str], others: Set[str]) -> None:
        # A detached cluster is not known any more: what it has stays, directory included.
        left = self._bootstrap.clusters(name) & others
        changes: dict[str, str | None] = {layout.keep(cluster, name): "" for cluster in placed}
        directories = tuple(f"{layout.directory(cluster, name)}" for cluster in sorted(left))
        self._bootstrap.publish(changes, directories=directories, why=f"project {name}")

    def _equip(self, name: str, members: Mapping[str, Member]) -> Mapping[str, str]:
        """Give each cluster its objects; the clusters that do not have them yet, and why."""

        def one(cluster: str) -> str | None:
            return self._equip_member(members[cluster], name)

        found = self._members.each(members, one)
        return {cluster: why for cluster, why in found.items() if why}

    def _equip_member(self, member: Member, name: str) -> str | None:
        if not member.ready:
            return "the cluster is not ready"
        namespace = member.find("Namespace", None, name)
        if namespace is None or objects.deleting(namespace):
            return self._federation_says(member.name, name)
        groups = {
            objects.spec(each).get("group", "") for each in member.copies["APIService"].items()
        }
        wanted = project_objects.account(name, groups)
        if self._applies(member, name):
            applier = project_objects.applier(name, member.name, interval=self._interval)
            wanted += [follower(self._upstream, namespace), applier]
        text = json.dumps([objects.uid(namespace), wanted], sort_keys=True)
        digest = hashlib.sha256(text.encode()).hexdigest()
        if self._applied.get((member.name, name)) == digest:
            return None
        try:
            for obj in wanted:
                member.cluster.apply(obj, field_manager=kinds.MANAGER)
        except errors.Unreachable:
            self._members.suspect(member.name)
            return "the cluster does not answer"
        except errors.ClusterError as error:
            return str(error)
        self._applied[member.name, name] = digest
        return None

    def _applies(self, member: Member, name: str) -> bool:
        """Whether there are, or were, CD manifests for a cluster; what applies them stays."""
        there = member.find("Kustomization", name, kinds.PROJECT) is not None
        return there or self._bootstrap.has_sources(member.name, name)

    def _federation_says(self, cluster: str, name: str) -> str:
        federated = self._copies.federated_namespaces.get(name, name) or {}
        for each in objects.status(federated).get("clusters") or []:
            if each["name"] == cluster and each.get("status"):
                return f"namespace {name}: {each['status']}"
        return f"namespace {name} is not there yet"

    # -- deletion --------------------------------------------------------------------------

    def _remove(self, project: Object) -> None:
        if not self._finalizer.on(project):
            return
        name = project_objects.claimed(project)
        waiting = self._removal.advance(project, name) if name else None
        if waiting:
            self._report(project, "Deleting", waiting)
            return
        self._finalizer.take(project)
        self._forget(name)
        log.info("project %s is gone", project_objects.owner(project))

    def _forget(self, name: str | None) -> None:
        for cluster, namespace in list(self._applied):
            if namespace == name:
                self._applied.pop((cluster, namespace), None)

    # -- status ----------------------------------------------------------------------------

    def _report(self, project: Object, reason: str, message: str, *, ready: bool = False) -> None:
        condition = kinds.condition(project, "Ready", "True" if ready else "False", reason, message)
        kinds.write_conditions(self._cluster, project, [condition], clock=self._clock)


def _name(change: Change) -> str:
    return objects.name(change.object)
