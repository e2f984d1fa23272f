"""
What installing Flux puts on a cluster: namespace, accounts and roles, labelled as Flux labels them.

Pure. Flux' own manifests bind kustomize-controller to cluster-admin; here every controller has
what it needs and no more: it applies sources in the name of the project's account.
"""

from typing import Any

from harness.model.objects import Object
from harness.systems.installation import FLUX_NAMESPACE

SOURCE = "source-controller"
KUSTOMIZE = "kustomize-controller"

_RBAC = "rbac.authorization.k8s.io"
_SOURCE_GROUP = "source.toolkit.fluxcd.io"
_APPLY_GROUP = "kustomize.toolkit.fluxcd.io"
_EVENTS = {"apiGroups": [""], "resources": ["events"], "verbs": ["create", "patch"]}
_READ = ["get", "list", "watch"]
_WRITE = [*_READ, "create", "update", "patch", "delete"]

_RULES: dict[str, list[dict[str, Any]]] = {
    SOURCE: [
        {"apiGroups": [_SOURCE_GROUP], "resources": ["*"], "verbs": _WRITE},
        {"apiGroups": [""], "resources": ["secrets", "serviceaccounts"], "verbs": _READ},
        _EVENTS,
    ],
    KUSTOMIZE: [
        {"apiGroups": [_APPLY_GROUP], "resources": ["*"], "verbs": _WRITE},
        {"apiGroups": [_SOURCE_GROUP], "resources": ["*"], "verbs": _READ},
        {
            "apiGroups": [""],
            "resources": ["configmaps", "secrets", "serviceaccounts"],
            "verbs": _READ,
        },
        {"apiGroups": [""], "resources": ["serviceaccounts"], "verbs": ["impersonate"]},
        _EVENTS,
    ],
}


def labels(component: str, version: str) -> dict[str, str]:
    """The labels of a Flux component."""
    return {
        "app.kubernetes.io/component": component,
        "app.kubernetes.io/instance": FLUX_NAMESPACE,
        "app.kubernetes.io/part-of": "flux",
        "app.kubernetes.io/version": version,
    }


def kind(crd: Object, component: str, version: str) -> Object:
    """A CRD with the labels of the component that it belongs to."""
    metadata = {"name": crd["metadata"]["name"], "labels": labels(component, version)}
    annotations = crd["metadata"].get("annotations")
    if annotations:
        metadata["annotations"] = annotations
    return {**crd, "metadata": metadata}


def on_cluster(component: str, version: str, *, all_powerful: bool = False) -> list[Object]:
    """
    The account of a controller and what it may do.

    `all_powerful` is how Flux itself ships kustomize-controller.
    """
    named = {"name": f"{FLUX_NAMESPACE}-{component}", "labels": labels(component, version)}
    role = "cluster-admin" if all_powerful else named["name"]
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": FLUX_NAMESPACE}},
        {
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": {
                "name": component,
                "namespace": FLUX_NAMESPACE,
                "labels": labels(component, version),
            },
        },
        {
            "apiVersion": f"{_RBAC}/v1",
            "kind": "ClusterRole",
            "metadata": named,
            "rules": _RULES[component],
        },
        {
            "apiVersion": f"{_RBAC}/v1",
            "kind": "ClusterRoleBinding",
            "metadata": named,
            "roleRef": {"apiGroup": _RBAC, "kind": "ClusterRole", "name": role},
            "subjects": [
                {"kind": "ServiceAccount", "name": component, "namespace": FLUX_NAMESPACE}
            ],
        },
    ]
