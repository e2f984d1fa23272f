"""
What a Project is made of: its namespace's name, and the objects it puts on each of its clusters.

Pure. On a cluster, within the project namespace:

    ServiceAccount, Role, RoleBinding   named like the namespace: what the sources act as
    Kustomization project               applies clusters/<cluster>/<namespace> of the bootstrap
                                        repository: the CD manifests of the sources

and, in kommander-flux, the GitRepository that it reads (attachment_flux). These two come with the
first source: until then they would have nothing to do but keep a cluster busy.
"""

from __future__ import annotations

import hashlib
import string
from collections.abc import Iterable
from typing import Any, Literal

from harness.controllers import bootstrap_layout as layout
from harness.controllers import management_objects as kinds
from harness.model import objects
from harness.model.objects import Object

Standing = Literal["ours", "leaving", "taken"]

OWNER = "workspaces.kommander.mesosphere.io/project"

_SUFFIX = 5
_STEM = 57
_ALPHABET = string.ascii_lowercase + string.digits

_RBAC = "rbac.authorization.k8s.io"

# All that core has inside a namespace. `namespaces` must not be among it: `targetNamespace` also
# renames Namespace manifests, so whoever may write namespaces can delete the project's own
# (facts.md B.3).
CORE_RESOURCES = (
    "bindings",
    "configmaps",
    "endpoints",
    "events",
    "limitranges",
    "persistentvolumeclaims",
    "persistentvolumeclaims/status",
    "pods",
    "pods/attach",
    "pods/binding",
    "pods/ephemeralcontainers",
    "pods/eviction",
    "pods/exec",
    "pods/log",
    "pods/portforward",
    "pods/proxy",
    "pods/resize",
    "pods/status",
    "podtemplates",
    "replicationcontrollers",
    "replicationcontrollers/scale",
    "replicationcontrollers/status",
    "resourcequotas",
    "resourcequotas/status",
    "secrets",
    "serviceaccounts",
    "serviceaccounts/token",
    "services",
    "services/proxy",
    "services/status",
)


def namespace_name(project: Object) -> str:
    """
    The project namespace: as given, or the name's first 57 characters, a dash and five more.

    The five come from the UID: they stay the same however often they are asked for, and differ
    between two projects of one name.
    """
    given = objects.spec(project).get("namespaceName")
    if given:
        return str(given)
    stem = objects.name(project).replace(".", "-")[:_STEM]
    number = int.from_bytes(hashlib.sha256(objects.uid(project).encode()).digest()[:8], "big")
    suffix = ""
    for _ in range(_SUFFIX):
        number, digit = divmod(number, len(_ALPHABET))
        suffix += _ALPHABET[digit]
    return f"{stem}-{suffix}"


def claimed(project: Object) -> str | None:
    """The namespace that a project has; None as long as it has none."""
    name = (objects.status(project).get("namespaceRef") or {}).get("name")
    return str(name) if name else None


def standing(project: Object, namespace: Object) -> Standing:
    """How a namespace on the management cluster stands to a Project that wants its name."""
    if objects.annotations(namespace).get(OWNER) != owner(project):
        return "taken"
    return "leaving" if objects.deleting(namespace) else "ours"


def owner(project: Object) -> str:
    """The value of the annotation that tells whose a namespace is."""
    return f"{objects.namespace(project)}/{objects.name(project)}"


def namespace(project: Object, name: str) -> Object:
    """The project namespace on the management cluster."""
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": name, "annotations": {OWNER: owner(project)}},
    }


def federated_namespace(project: Object, name: str) -> Object:
    """What makes the namespace on the clusters, and bounds all that is federated in it."""
    return {
        "apiVersion": kinds.KUBEFED_TYPES,
        "kind": "FederatedNamespace",
        "metadata": {"name": name, "namespace": name},
        "spec": {"placement": placement(project)},
    }


def placement(project: Object) -> dict[str, Any]:
    """`spec.placement` without nulls, which would read as a choice to somebody else."""
    given = objects.spec(project).get("placement") or {}
    return {key: value for key, value in given.items() if value is not None}


def account(name: str, groups: Iterable[str]) -> list[Object]:
    """What the sources act as on a cluster, in the order in which it can be created."""
    metadata = {"name": name, "namespace": name}
    return [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata},
        {
            "apiVersion": f"{_RBAC}/v1",
            "kind": "Role",
            "metadata": metadata,
            "rules": rules(groups),
        },
        {
            "apiVersion": f"{_RBAC}/v1",
            "kind": "RoleBinding",
            "metadata": metadata,
            "roleRef": {"apiGroup": _RBAC, "kind": "Role", "name": name},
            "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": name}],
        },
    ]


def applier(name: str, cluster: str, *, interval: str) -> Object:
    """What applies the CD manifests of a project's sources on a cluster."""
    return {
        "apiVersion": kinds.FLUX_KUSTOMIZE,
        "kind": "Kustomization",
        "metadata": {"name": kinds.PROJECT, "namespace": name},
        "spec": {
            "interval": interval,
            "path": f"./{layout.directory(cluster, name)}",
            "prune": True,
            "serviceAccountName": name,
            "sourceRef": {
                "kind": "GitRepository",
                "name": name,
                "namespace": kinds.FLUX_NAMESPACE,
            },
        },
    }


def rules(groups: Iterable[str]) -> list[dict[str, Any]]:
    """All of every served group but core, and of core everything but namespaces."""
    named = sorted({group for group in groups if group})
    core = {"apiGroups": [""], "resources": list(CORE_RESOURCES), "verbs": ["*"]}
    if not named:
        return [core]
    return [core, {"apiGroups": named, "resources": ["*"], "verbs": ["*"]}]
