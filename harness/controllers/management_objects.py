"""
What the management tier's controllers share: wire names, finalizers, status writes.

Nothing here decides anything; a rule about one kind belongs in the module of that kind.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

from harness.cluster import errors
from harness.cluster.client import Cluster
from harness.cluster.reflector import Change
from harness.controllers import status
from harness.controllers.runtime import Retry
from harness.kit.clock import Clock, system_clock
from harness.model import objects
from harness.model.objects import Object, Ref

MANAGER = "kommander"

WORKSPACES = "workspaces.kommander.mesosphere.io/v1alpha1"
KOMMANDER = "kommander.mesosphere.io/v1beta1"
DISPATCH = "dispatch.d2iq.io/v1alpha2"
KUBEFED_CORE = "core.kubefed.io/v1beta1"
KUBEFED_TYPES = "types.kubefed.io/v1beta1"
FLUX_SOURCE = "source.toolkit.fluxcd.io/v1"
FLUX_KUSTOMIZE = "kustomize.toolkit.fluxcd.io/v1"

FLUX_NAMESPACE = "kommander-flux"
FEDERATION_NAMESPACE = "kube-federation-system"
MANAGEMENT = "management"
PROJECT = "project"
REQUESTED_AT = "reconcile.fluxcd.io/requestedAt"

Listener = Callable[[Change], None]


class Finalizer:
    """One finalizer: put on before the first effect, taken off after the last."""

    def __init__(self, cluster: Cluster, name: str) -> None:
        self._cluster = cluster
        self.name = name

    def on(self, obj: Object) -> bool:
        """Whether `obj` carries it."""
        return self.name in objects.finalizers(obj)

    def put(self, obj: Object) -> Object:
        """`obj` with the finalizer; Retry if somebody wrote meanwhile."""
        if self.on(obj):
            return obj
        return self._write(obj, [*objects.finalizers(obj), self.name])

    def take(self, obj: Object) -> None:
        """Let `obj` go; content if it is gone already."""
        if self.on(obj):
            with contextlib.suppress(errors.NotFound):
                self._write(obj, [each for each in objects.finalizers(obj) if each != self.name])

    def _write(self, obj: Object, finalizers: list[str]) -> Object:
        # The resource version makes the list safe against a finalizer that somebody adds now.
        version = obj["metadata"]["resourceVersion"]
        patch = {"metadata": {"finalizers": finalizers, "resourceVersion": version}}
        try:
            return self._cluster.patch(Ref.of(obj), patch, field_manager=MANAGER)
        except errors.Conflict as error:
            raise Retry(f"{Ref.of(obj)} was changed meanwhile") from error


def write_status(cluster: Cluster, obj: Object, wanted: dict[str, Any]) -> None:
    """Make `wanted` part of the status of `obj`, with a request only if something differs."""
    known = objects.status(obj)
    changed = {key: value for key, value in wanted.items() if known.get(key) != value}
    if not changed:
        return
    with contextlib.suppress(errors.NotFound):
        cluster.patch(Ref.of(obj), {"status": changed}, subresource="status", field_manager=MANAGER)


def write_conditions(
    cluster: Cluster,
    obj: Object,
    conditions: list[Object],
    *,
    clock: Clock = system_clock,
    **more: Any,
) -> None:
    """Make `conditions`, `more` and the current generation the status of `obj`."""
    old = objects.status(obj).get("conditions") or []
    merged = status.merged(old, conditions, now=status.timestamp(clock))
    wanted = {"observedGeneration": objects.generation(obj), "conditions": merged, **more}
    write_status(cluster, obj, wanted)


def condition(obj: Object, kind: str, value: status.Status, reason: str, message: str) -> Object:
    """A condition about the current generation of `obj`."""
    return status.condition(kind, value, reason, message, generation=objects.generation(obj))


def namespaced(change: Change) -> tuple[str, str]:
    """(namespace, name) of what changed."""
    return objects.namespace(change.object) or "", objects.name(change.object)
