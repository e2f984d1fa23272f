"""Workspace: its namespace on the management cluster, in which Projects and clusters live."""

from __future__ import annotations

import contextlib

from harness.cluster import errors
from harness.cluster.client import Cluster
from harness.cluster.reflector import Reflector
from harness.controllers import management_objects as kinds
from harness.controllers.runtime import Key
from harness.kit.clock import Clock, system_clock
from harness.model import objects
from harness.model.objects import Object, Ref


class Workspaces:
    """The reconciler of Workspaces."""

    def __init__(
        self, cluster: Cluster, workspaces: Reflector, clock: Clock = system_clock
    ) -> None:
        self._cluster = cluster
        self._workspaces = workspaces
        self._clock = clock

    def reconcile(self, key: Key) -> float | None:
        """Give a Workspace its namespace and say which it is."""
        workspace = self._workspaces.get(key.namespace, key.name)
        if workspace is None or objects.deleting(workspace):
            return None
        name = namespace_name(workspace)
        if self._cluster.find(Ref("v1", "Namespace", name)) is None:
            with contextlib.suppress(errors.AlreadyExists):
                self._cluster.create(namespace(workspace, name))
        message = f"namespace {name} exists"
        ready = kinds.condition(workspace, "Ready", "True", "NamespaceReady", message)
        kinds.write_conditions(
            self._cluster, workspace, [ready], clock=self._clock, namespaceRef={"name": name}
        )
        return None


def namespace_name(workspace: Object) -> str:
    """The workspace namespace: as given, or named like the workspace."""
    return str(objects.spec(workspace).get("namespaceName") or objects.name(workspace))


def namespace(workspace: Object, name: str) -> Object:
    """The Namespace, which goes with its Workspace."""
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {
            "name": name,
            "ownerReferences": [
                {
                    "apiVersion": workspace["apiVersion"],
                    "kind": workspace["kind"],
                    "name": objects.name(workspace),
                    "uid": objects.uid(workspace),
                }
            ],
        },
    }
