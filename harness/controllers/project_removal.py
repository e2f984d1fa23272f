"""
Deleting a Project: sources, secrets, directories, namespaces on the clusters, the namespace here.

Each stage waits for the one before it: what its sources applied must be gone before the account
that may remove it is.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sized
from dataclasses import dataclass
from typing import Literal

from harness.cluster import errors
from harness.cluster.client import Cluster
from harness.cluster.reflector import Reflector
from harness.controllers import bootstrap_layout as layout
from harness.controllers import management_objects as kinds
from harness.controllers import project_objects
from harness.controllers.attachment_flux import follower_of
from harness.controllers.attachment_members import Members
from harness.controllers.bootstrap import Bootstrap
from harness.model import objects
from harness.model.objects import Object, Ref

Stage = Literal["sources", "contents", "clusters", "namespace", "done"]


@dataclass(frozen=True, slots=True)
class Copies:
    """What the Project controller reads on the management cluster."""

    projects: Reflector
    namespaces: Reflector
    federated_namespaces: Reflector
    sources: Reflector
    federated_secrets: Reflector


def stage(
    sources: Sized, contents: Sized, federated: Object | None, namespace: Object | None
) -> Stage:
    """
    What the deletion of a Project has to wait for next.

    Whatever has a finalizer goes before its namespace: the namespace controller, once it has met
    one, comes back after eight seconds only.
    """
    if sources:
        return "sources"
    if contents:
        return "contents"
    if federated is not None:
        return "clusters"
    return "namespace" if namespace is not None else "done"


class ProjectRemoval:
    """Takes the stages."""

    def __init__(
        self, cluster: Cluster, copies: Copies, members: Members, bootstrap: Bootstrap
    ) -> None:
        self._cluster = cluster
        self._copies = copies
        self._members = members
        self._bootstrap = bootstrap

    def advance(self, project: Object, name: str) -> str | None:
        """Do what can be done now; what is waited for, or None when nothing is left."""
        sources = _within(self._copies.sources, name)
        secrets = _within(self._copies.federated_secrets, name)
        appliers = self._appliers(name)
        federated = self._copies.federated_namespaces.get(name, name)
        namespace = self._copies.namespaces.get(None, name)
        if namespace is not None and project_objects.standing(project, namespace) == "taken":
            namespace = None
        match stage(sources, [*secrets, *appliers], federated, namespace):
            case "sources":
                self._delete(*sources)
                names = ", ".join(sorted(objects.name(each) for each in sources))
                return f"waiting for the sources {names} to go"
            case "contents":
                self._delete(*secrets)
                applier = Ref(kinds.FLUX_KUSTOMIZE, "Kustomization", kinds.PROJECT, name)
                self._members.each(appliers, lambda each: self._delete_at(each, applier))
                return "waiting for its secrets and Kustomizations to go"
            case "clusters":
                clusters = self._bootstrap.clusters(name)
                # Before the branch goes that they follow: they would go with the namespace, but
                # Kubernetes collects by owner only some twenty seconds after it.
                self._members.each(
                    [each for each in clusters if self._answers(each)],
                    lambda each: self._delete_at(each, follower_of(name)),
                )
                directories = tuple(layout.directory(each, name) for each in sorted(clusters))
                self._bootstrap.publish({}, directories=directories, why=f"no project {name}")
                self._delete(federated)
                return outstanding(federated, name)
            case "namespace":
                self._delete(namespace)
                return f"waiting for namespace {name} to go"
            case "done":
                return None

    def _delete(self, *gone: Object | None) -> None:
        for obj in gone:
            if obj is not None and not objects.deleting(obj):
                with contextlib.suppress(errors.NotFound):
                    self._cluster.delete(Ref.of(obj))

    def _appliers(self, name: str) -> dict[str, Object]:
        """The Kustomization `project` of each cluster that can be asked to remove it."""
        found = {
            cluster: member.find("Kustomization", name, kinds.PROJECT)
            for cluster, member in self._members.all().items()
            if member.ready
        }
        return {cluster: each for cluster, each in found.items() if each is not None}

    def _answers(self, cluster: str) -> bool:
        member = self._members.get(cluster)
        return member is not None and member.ready

    def _delete_at(self, cluster: str, ref: Ref) -> None:
        member = self._members.get(cluster)
        if member is None:
            return
        try:
            member.cluster.delete(ref)
        except errors.NotFound:
            return
        except errors.Unreachable:
            self._members.suspect(cluster)


def outstanding(federated: Object | None, name: str) -> str:
    """Which clusters a deletion waits for."""
    clusters = objects.status(federated or {}).get("clusters") or []
    told = ", ".join(f"{each['name']} ({each['status']})" for each in clusters if "status" in each)
    return f"waiting for namespace {name} to go from the clusters" + (f": {told}" if told else "")


def _within(copy: Reflector, namespace: str) -> list[Object]:
    return [each for each in copy.items() if objects.namespace(each) == namespace]
