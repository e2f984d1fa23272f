"""
A controller as Kubernetes runs it: the objects of its Deployment, account and settings.

Pure. What a controller may do and is told is said by its system; here is what holds for each of
them: not root, no privileges, a root file system that nobody writes to, probes, and a memory limit.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from harness.model import taints
from harness.model.objects import Object

SETTINGS = "/etc/gitops-conformance/settings"
"""Where a controller finds the files of its Secret."""

TRUSTED = "/etc/gitops-conformance/trusted/ca.pem"
"""The authority that controllers trust besides what their image does (decision 9)."""

DATA = "/data"
TEMPORARY = "/tmp"  # noqa: S108 - of the container, which has it for itself

SERVED = 9090
"""The port of what a controller serves to others."""

_RBAC = "rbac.authorization.k8s.io"
_GRACE = 10
_NAME = "app.kubernetes.io/name"

Rule = Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True)
class Probes:
    """How Kubernetes sees that a controller is ready, lives and has begun: handlers of probes."""

    ready: Object
    alive: Object
    begun: Object
    """Until it holds nothing else is asked: a slow start is no death."""


@dataclass(frozen=True, slots=True)
class Controller:
    """One controller: a Deployment of one pod, and all that the pod needs."""

    name: str
    """Of the Deployment and of the ServiceAccount, which `account` makes."""
    namespace: str
    log: str
    """Which log of the fleet gets its output."""
    image: str
    arguments: Sequence[str]
    account: Sequence[Object]
    """Namespace, ServiceAccount and roles."""
    probes: Probes
    user: int
    memory: str
    """At most; a pod that takes more is started again."""
    command: Sequence[str] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict, repr=False)
    trusted: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    serves: bool = False
    """Whether a Service of its name leads to it."""

    @property
    def selector(self) -> str:
        """Its pods, as a label selector."""
        return f"{_NAME}={self.name}"


def objects(controller: Controller) -> list[Object]:
    """All of it, in the order in which it can be created."""
    made = [*controller.account]
    if controller.settings:
        made.append(_holder(controller, "Secret", "settings", stringData=controller.settings))
    if controller.trusted:
        authority = {"ca.pem": controller.trusted}
        made.append(_holder(controller, "ConfigMap", "trusted", data=authority))
    if controller.serves:
        made.append(_service(controller))
    return [*made, _deployment(controller)]


def account(name: str, namespace: str, rules: Sequence[Rule]) -> list[Object]:
    """A ServiceAccount in its namespace that may do, on the whole cluster, what the rules say."""
    role = {"name": f"{namespace}-{name}"}
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}},
        {
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": {"name": name, "namespace": namespace},
        },
        {
            "apiVersion": f"{_RBAC}/v1",
            "kind": "ClusterRole",
            "metadata": role,
            "rules": [dict(rule) for rule in rules],
        },
        {
            "apiVersion": f"{_RBAC}/v1",
            "kind": "ClusterRoleBinding",
            "metadata": role,
            "roleRef": {"apiGroup": _RBAC, "kind": "ClusterRole", **role},
            "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": namespace}],
        },
    ]


def _metadata(controller: Controller, name: str) -> Object:
    labels = {_NAME: controller.name, **controller.labels}
    return {"name": name, "namespace": controller.namespace, "labels": labels}


def _holder(controller: Controller, kind: str, suffix: str, **content: Any) -> Object:
    metadata = _metadata(controller, f"{controller.name}-{suffix}")
    return {"apiVersion": "v1", "kind": kind, "metadata": metadata, **content}


def _service(controller: Controller) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": _metadata(controller, controller.name),
        "spec": {
            "selector": {_NAME: controller.name},
            "ports": [{"name": "http", "port": 80, "protocol": "TCP", "targetPort": SERVED}],
        },
    }


def _deployment(controller: Controller) -> Object:
    labels = {_NAME: controller.name, **controller.labels}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": _metadata(controller, controller.name),
        "spec": {
            "replicas": 1,
            # Two of them would work on the same objects.
            "strategy": {"type": "Recreate"},
            "selector": {"matchLabels": {_NAME: controller.name}},
            "template": {
                # Other settings are another pod.
                "metadata": {"labels": labels, "annotations": {"settings": _digest(controller)}},
                "spec": _pod(controller),
            },
        },
    }


def _pod(controller: Controller) -> Object:
    return {
        "serviceAccountName": controller.name,
        "terminationGracePeriodSeconds": _GRACE,
        "enableServiceLinks": False,
        "tolerations": [taints.TOLERATION],
        # The pause container is the first process: it buries what a killed git leaves.
        "shareProcessNamespace": True,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": controller.user,
            "runAsGroup": controller.user,
            "fsGroup": controller.user,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [_container(controller)],
        "volumes": [
            {"name": "data", "emptyDir": {}},
            {"name": "temporary", "emptyDir": {}},
            *_volumes(controller),
        ],
    }


def _container(controller: Controller) -> Object:
    environment = {"TMPDIR": TEMPORARY, **controller.environment}
    mounts: list[Object] = [
        {"name": "data", "mountPath": DATA},
        {"name": "temporary", "mountPath": TEMPORARY},
    ]
    if controller.settings:
        mounts.append({"name": "settings", "mountPath": SETTINGS, "readOnly": True})
    if controller.trusted:
        folder, _, _ = TRUSTED.rpartition("/")
        mounts.append({"name": "trusted", "mountPath": folder, "readOnly": True})
        environment["SSL_CERT_FILE"] = TRUSTED
    made: Object = {
        "name": "controller",
        "image": controller.image,
        # It was brought to the node; under its name somebody else's might be in a registry.
        "imagePullPolicy": "Never",
        "args": [*controller.arguments],
        "env": [{"name": name, "value": value} for name, value in environment.items()],
        "volumeMounts": mounts,
        "startupProbe": {
            **controller.probes.begun,
            "periodSeconds": 1,
            "failureThreshold": 120,
            "timeoutSeconds": 5,
        },
        "readinessProbe": {**controller.probes.ready, "periodSeconds": 5, "timeoutSeconds": 5},
        "livenessProbe": {
            **controller.probes.alive,
            "periodSeconds": 10,
            "failureThreshold": 6,
            "timeoutSeconds": 5,
        },
        "resources": {
            # No limit of processor time: a controller that is held back looks like a slow one.
            "requests": {"cpu": "50m", "memory": "64Mi"},
            "limits": {"memory": controller.memory},
        },
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
    }
    if controller.command:
        made["command"] = [*controller.command]
    if controller.serves:
        made["ports"] = [{"name": "http", "containerPort": SERVED, "protocol": "TCP"}]
    return made


def _volumes(controller: Controller) -> list[Object]:
    made: list[Object] = []
    if controller.settings:
        secret = {"secretName": f"{controller.name}-settings", "defaultMode": 0o440}
        made.append({"name": "settings", "secret": secret})
    if controller.trusted:
        made.append({"name": "trusted", "configMap": {"name": f"{controller.name}-trusted"}})
    return made


def _digest(controller: Controller) -> str:
    content = json.dumps([dict(controller.settings), controller.trusted], sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()[:16]
