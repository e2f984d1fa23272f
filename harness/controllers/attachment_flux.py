"""
What attaching puts on a cluster, and the KubeFedCluster that stands for it; pure.

    kommander-flux / GitRepository management      shows whether the bootstrap repository is reached
    kommander-flux / Secret kommander-git-credentials   the cluster's own reader, and the CA

Each project adds a GitRepository of its own there, named like its namespace, which follows the
branch of the project: a GitRepository in the project could not have the credentials without giving
them to the project's users.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from harness.controllers import bootstrap_layout as layout
from harness.controllers import management_objects as kinds
from harness.controllers.bootstrap_clone import Credentials
from harness.model import objects
from harness.model.objects import Object, Ref

CREDENTIALS = "kommander-git-credentials"
_SELDOM = "1m0s"


@dataclass(frozen=True, slots=True)
class Upstream:
    """The bootstrap repository as the clusters reach it."""

    url: str
    branch: str
    ca: str
    readers: Mapping[str, Credentials]
    interval: str
    """How often a project's GitRepository looks, which is woken up at every push besides."""
    timeout: str = "20s"


@dataclass(frozen=True, slots=True)
class Health:
    """What a probe of a cluster found."""

    state: Literal["ok", "unhealthy", "unreachable", "malformed"]
    message: str


def on_cluster(upstream: Upstream, reader: Credentials) -> list[Object]:
    """What an attached cluster gets, in the order in which it can be created."""
    home = kinds.FLUX_NAMESPACE
    secret = {"username": reader.username, "password": reader.password}
    if upstream.ca:
        secret["caFile"] = upstream.ca
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": home}},
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": CREDENTIALS, "namespace": home},
            "stringData": secret,
        },
        _follower(upstream, kinds.MANAGEMENT, upstream.branch, _SELDOM),
    ]


def follower(upstream: Upstream, namespace: Object) -> Object:
    """
    What follows the branch of a project; `namespace` is the project's, on the cluster.

    It belongs to the Namespace, so that it goes with it whoever deletes that.
    """
    name = objects.name(namespace)
    made = _follower(upstream, name, layout.branch(name), upstream.interval)
    made["metadata"]["ownerReferences"] = [
        {"apiVersion": "v1", "kind": "Namespace", "name": name, "uid": objects.uid(namespace)}
    ]
    return made


def follower_of(namespace: str) -> Ref:
    """Where on a cluster the GitRepository is that follows a project's branch."""
    return Ref(kinds.FLUX_SOURCE, "GitRepository", namespace, kinds.FLUX_NAMESPACE)


def _follower(upstream: Upstream, name: str, branch: str, interval: str) -> Object:
    return {
        "apiVersion": kinds.FLUX_SOURCE,
        "kind": "GitRepository",
        "metadata": {"name": name, "namespace": kinds.FLUX_NAMESPACE},
        "spec": {
            "url": upstream.url,
            "ref": {"branch": branch},
            "secretRef": {"name": CREDENTIALS},
            "interval": interval,
            "timeout": upstream.timeout,
        },
    }


def kubefed_cluster(attached: Object, kubeconfig: Mapping[str, Any]) -> Object:
    """The KubeFedCluster of a KommanderCluster: same name, same labels."""
    server = connection(kubeconfig)
    spec: dict[str, Any] = {
        "apiEndpoint": server.get("server", ""),
        # KubeFed reads a token from a Secret beside it; here the kubeconfig is what is used.
        "secretRef": {"name": secret_name(attached)},
    }
    if server.get("certificate-authority-data"):
        spec["caBundle"] = server["certificate-authority-data"]
    return {
        "apiVersion": kinds.KUBEFED_CORE,
        "kind": "KubeFedCluster",
        "metadata": {
            "name": objects.name(attached),
            "namespace": kinds.FEDERATION_NAMESPACE,
            "labels": dict(objects.labels(attached)),
        },
        "spec": spec,
    }


def secret_name(attached: Object) -> str:
    """The Secret that holds the kubeconfig."""
    given = (objects.spec(attached).get("kubeconfigRef") or {}).get("name")
    return str(given or f"{objects.name(attached)}-kubeconfig")


def connection(kubeconfig: Mapping[str, Any]) -> Mapping[str, Any]:
    """The `cluster` of a kubeconfig's current context."""
    contexts = {each.get("name"): each for each in kubeconfig.get("contexts") or []}
    chosen = (contexts.get(kubeconfig.get("current-context")) or {}).get("context") or {}
    clusters = {each.get("name"): each for each in kubeconfig.get("clusters") or []}
    return (clusters.get(chosen.get("cluster")) or {}).get("cluster") or {}


def conditions(health: Health) -> list[tuple[str, str, str, str]]:
    """The conditions of a KubeFedCluster (type, status, reason, message): facts.md C.6."""
    if health.state == "ok":
        return [("Ready", "True", "ClusterReady", health.message)]
    if health.state == "unhealthy":
        return [
            ("Ready", "False", "ClusterNotReady", health.message),
            ("Offline", "False", "ClusterReachable", "cluster is reachable"),
        ]
    if health.state == "unreachable":
        return [("Offline", "True", "ClusterNotReachable", health.message)]
    return [("ConfigMalformed", "True", "ClusterConfigMalformed", health.message)]
