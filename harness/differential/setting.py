"""
What a sequence needs on a cluster before it begins: namespace, account, Secret, the two objects.

Pure: the same manifests for both sides. The account may do everything in its namespace but touch
the namespace itself, as a project's account may.
"""

from __future__ import annotations

from typing import Any, Final

from harness.differential.operations import KUSTOMIZATION, SOURCE, Sequence, Subject
from harness.model.objects import Object, Ref

APP: Final = "app"
"""The name of the GitRepository and of the Kustomization."""
SECRET: Final = "access"  # noqa: S105 - a name
READER: Final = "reader"
VERSIONS: Final = {
    SOURCE: "source.toolkit.fluxcd.io/v1",
    KUSTOMIZATION: "kustomize.toolkit.fluxcd.io/v1",
}
INTERVAL: Final = "30m"
"""Nothing happens by itself while a sequence runs."""
_RBAC: Final = "rbac.authorization.k8s.io"
_CORE: Final = (
    "configmaps", "endpoints", "events", "limitranges", "persistentvolumeclaims", "pods",
    "podtemplates", "replicationcontrollers", "resourcequotas", "secrets", "serviceaccounts",
    "services",
)  # fmt: skip
_GROUPS: Final = (
    "apps", "autoscaling", "batch", "coordination.k8s.io", "discovery.k8s.io",
    "networking.k8s.io", "policy", _RBAC, "source.toolkit.fluxcd.io", "kustomize.toolkit.fluxcd.io",
)  # fmt: skip


def base(namespace: str) -> list[Object]:
    """Namespace, account and what it may do."""
    named = {"name": namespace, "namespace": namespace}
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}},
        account(namespace),
        {
            "apiVersion": f"{_RBAC}/v1",
            "kind": "Role",
            "metadata": named,
            "rules": [
                {"apiGroups": [""], "resources": list(_CORE), "verbs": ["*"]},
                {"apiGroups": list(_GROUPS), "resources": ["*"], "verbs": ["*"]},
            ],
        },
        {
            "apiVersion": f"{_RBAC}/v1",
            "kind": "RoleBinding",
            "metadata": named,
            "roleRef": {"apiGroup": _RBAC, "kind": "Role", "name": namespace},
            "subjects": [{"kind": "ServiceAccount", **named}],
        },
    ]


def account(namespace: str) -> Object:
    """The account that the Kustomization acts as."""
    metadata = {"name": namespace, "namespace": namespace}
    return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata}


def secret(namespace: str, values: dict[str, str]) -> Object:
    """The Secret that the source names."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": SECRET, "namespace": namespace},
        "stringData": values,
    }


def made(subject: Subject, sequence: Sequence, namespace: str, url: str) -> Object:
    """The GitRepository or the Kustomization as it is at the beginning."""
    spec: dict[str, Any] = {"interval": INTERVAL}
    if subject == SOURCE:
        spec |= {"url": url, "ref": {"branch": "main"}, "timeout": "20s"}
        if sequence.private:
            spec["secretRef"] = {"name": SECRET}
    else:
        spec |= {
            "path": sequence.path,
            "prune": True,
            "sourceRef": {"kind": SOURCE, "name": APP},
            "serviceAccountName": namespace,
            "targetNamespace": namespace,
        }
    if sequence.suspended:
        spec["suspend"] = True
    return {
        "apiVersion": VERSIONS[subject],
        "kind": subject,
        "metadata": {"name": APP, "namespace": namespace},
        "spec": spec,
    }


def ref(subject: str, namespace: str, name: str = APP) -> Ref:
    """The address of one of the two, or of a nested Kustomization."""
    return Ref(VERSIONS[subject], subject, name, namespace)
