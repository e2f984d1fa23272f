"""
KommanderCluster: connects a cluster, gives its Flux the bootstrap repository, watches its health.

    kubeconfig Secret -> connection -> kommander-flux with GitRepository `management`
                                    -> KubeFedCluster with the same labels, Ready by /readyz

Detaching forgets the cluster and leaves everything on it as it is.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
import json
import logging
from collections.abc import Mapping
from typing import Any

import yaml

from harness.cluster import client, errors
from harness.cluster.client import Cluster
from harness.cluster.reflector import Change, Reflector
from harness.controllers import attachment_flux as flux
from harness.controllers import management_objects as kinds
from harness.controllers import status
from harness.controllers.attachment_flux import Health, Upstream
from harness.controllers.attachment_members import Member, Members
from harness.controllers.runtime import Key, spec_changed
from harness.errors import SetupError
from harness.kit.clock import Clock, system_clock
from harness.model import objects
from harness.model.objects import Object, Ref

log = logging.getLogger(__name__)

FINALIZER = "kommander.mesosphere.io/attachment"
_SYNC_PAUSE = 0.1
_TRY_AGAIN = 2.0


class Attachment:
    """The reconciler of KommanderClusters."""

    def __init__(
        self,
        cluster: Cluster,
        attached: Reflector,
        members: Members,
        upstream: Upstream,
        *,
        health_interval: float,
        clock: Clock = system_clock,
    ) -> None:
        self._cluster = cluster
        self._attached = attached
        self._members = members
        self._upstream = upstream
        self._health_interval = health_interval
        self._clock = clock
        self._finalizer = kinds.Finalizer(cluster, FINALIZER)
        self._connections: dict[str, str] = {}
        self._applied: dict[str, str] = {}

    def keys(self, name: str) -> list[Key]:
        """The keys of the KommanderClusters of that name."""
        return [Key.of(each) for each in self._attached.items() if objects.name(each) == name]

    def keys_of(self, change: Change) -> list[Key]:
        """What a changed KommanderCluster or KubeFedCluster makes due."""
        if not relevant(change):
            return []
        if change.object["kind"] == "KubeFedCluster":
            return self.keys(objects.name(change.object))
        return [Key.of(change.object)]

    def reconcile(self, key: Key) -> float | None:
        """Bring one cluster to where it should be; seconds until its health is looked at again."""
        attached = self._attached.get(key.namespace, key.name)
        if attached is None:
            return None
        if objects.deleting(attached):
            self._detach(attached)
            return None
        attached = self._finalizer.put(attached)
        name = objects.name(attached)
        try:
            kubeconfig = self._kubeconfig(attached)
            kubefed = self._register(attached, kubeconfig)
            member = self._connected(name, kubeconfig, objects.labels(kubefed))
        except SetupError as error:
            self._members.update(name, ready=False)
            self._report(attached, "Pending", Health("malformed", str(error)), "")
            return _TRY_AGAIN
        health = probe(member)
        trouble = self._equip(member) if health.state == "ok" else health.message
        if not trouble and not member.synced():
            return _SYNC_PAUSE
        self._members.update(name, labels=objects.labels(kubefed), ready=not trouble)
        self._report_kubefed(kubefed, health)
        if trouble and health.state == "ok":
            health = Health("unhealthy", trouble)
        self._report(attached, "Pending" if trouble else "Joined", health, name)
        return _TRY_AGAIN if trouble else self._health_interval

    # -- steps -----------------------------------------------------------------------------

    def _connected(
        self, name: str, kubeconfig: dict[str, Any], labels: Mapping[str, str]
    ) -> Member:
        digest = hashlib.sha256(json.dumps(kubeconfig, sort_keys=True).encode()).hexdigest()
        member = self._members.get(name)
        if member is None or self._connections.get(name) != digest:
            try:
                cluster = client.connect_document(
                    kubeconfig, name=name, user_agent="kommander-management"
                )
            except Exception as error:  # the library raises many kinds, all about this document
                raise SetupError(f"the kubeconfig is not usable: {type(error).__name__}") from error
            self._applied.pop(name, None)
            member = self._members.attach(name, cluster, labels)
            self._connections[name] = digest
        return member

    def _kubeconfig(self, attached: Object) -> dict[str, Any]:
        ref = Ref("v1", "Secret", flux.secret_name(attached), objects.namespace(attached))
        secret = self._cluster.find(ref)
        if secret is None:
            raise SetupError(f"{ref} does not exist")
        try:
            document = yaml.safe_load(base64.b64decode(secret["data"]["kubeconfig"]))
        except (KeyError, TypeError) as error:
            raise SetupError(f"{ref} has no key `kubeconfig`") from error
        except (binascii.Error, yaml.YAMLError) as error:
            raise SetupError(f"{ref} holds no YAML under `kubeconfig`") from error
        if not isinstance(document, dict) or not flux.connection(document).get("server"):
            raise SetupError(f"{ref} holds no kubeconfig with a current context")
        return document

    def _equip(self, member: Member) -> str | None:
        """Put on the cluster what it needs; None, or what is in the way."""
        readers = self._upstream.readers
        reader = readers.get(member.name)
        if reader is None:
            return "the bootstrap repository has no reader for this cluster"
        wanted = flux.on_cluster(self._upstream, reader)
        digest = hashlib.sha256(json.dumps(wanted, sort_keys=True).encode()).hexdigest()
        if self._applied.get(member.name) == digest:
            return None
        try:
            for obj in wanted:
                member.cluster.apply(obj, field_manager=kinds.MANAGER)
        except errors.ClusterError as error:
            return str(error)
        self._applied[member.name] = digest
        return None

    def _register(self, attached: Object, kubeconfig: dict[str, Any]) -> Object:
        wanted = flux.kubefed_cluster(attached, kubeconfig)
        known = self._cluster.find(Ref.of(wanted))
        if known and unchanged(known, wanted):
            return known
        return self._cluster.apply(wanted, field_manager=kinds.MANAGER)

    def _detach(self, attached: Object) -> None:
        name = objects.name(attached)
        self._members.detach(name)
        self._connections.pop(name, None)
        ref = Ref(kinds.KUBEFED_CORE, "KubeFedCluster", name, kinds.FEDERATION_NAMESPACE)
        with contextlib.suppress(errors.NotFound):
            self._cluster.delete(ref)
        self._finalizer.take(attached)
        log.info("cluster %s was detached", name)

    # -- status ----------------------------------------------------------------------------

    def _report(self, attached: Object, phase: str, health: Health, kubefed: str) -> None:
        joined = phase == "Joined"
        reason = "Joined" if joined else flux.conditions(health)[0][2]
        ready = kinds.condition(
            attached, "Ready", "True" if joined else "False", reason, health.message
        )
        more: dict[str, Any] = {"phase": phase}
        if kubefed:
            more["kubefedclusterRef"] = {"name": kubefed}
        if joined and not objects.status(attached).get("kubernetesVersion"):
            more["kubernetesVersion"] = self._version(objects.name(attached))
        kinds.write_conditions(self._cluster, attached, [ready], clock=self._clock, **more)

    def _version(self, name: str) -> str:
        member = self._members.get(name)
        try:
            return member.cluster.server_version() if member else ""
        except errors.ClusterError:
            return ""

    def _report_kubefed(self, kubefed: Object, health: Health) -> None:
        wanted = [
            {"type": kind, "status": value, "reason": reason, "message": message}
            for kind, value, reason, message in flux.conditions(health)
        ]
        old = objects.status(kubefed).get("conditions") or []
        conditions = status.merged(old, wanted, now=status.timestamp(self._clock))
        kinds.write_status(self._cluster, kubefed, {"conditions": conditions})


def probe(member: Member) -> Health:
    """How a cluster answers to a health check."""
    said = member.cluster.ready()
    if said is None:
        return Health("ok", "/readyz responded with ok")
    answered = "/readyz said" in said
    return Health("unhealthy" if answered else "unreachable", said)


def unchanged(known: Object, wanted: Object) -> bool:
    """Whether a KubeFedCluster already is as wanted; labels of others may stay, ours may not."""
    mine = managed_labels(known)
    return objects.spec(known) == objects.spec(wanted) and mine == objects.labels(wanted)


def managed_labels(obj: Object) -> dict[str, str]:
    """The labels that this controller applied."""
    owned: set[str] = set()
    for entry in obj["metadata"].get("managedFields") or []:
        if entry.get("manager") == kinds.MANAGER and not entry.get("subresource"):
            fields = (entry.get("fieldsV1") or {}).get("f:metadata", {}).get("f:labels", {})
            owned |= {key.removeprefix("f:") for key in fields if key.startswith("f:")}
    return {key: value for key, value in objects.labels(obj).items() if key in owned}


def relevant(change: Change) -> bool:
    """Whether a change is more than a status write."""
    if spec_changed(change) or change.old is None:
        return True
    return objects.labels(change.old) != objects.labels(change.object)
