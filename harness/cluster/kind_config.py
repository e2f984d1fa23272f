"""
What `kind` is told about a cluster of ours; pure.

The clusters live for one run, four of them on the cores that the suite itself needs: they write to
no disk that has to survive, elect no leader, and do not hold themselves back where many namespaces
come and go. What the API server answers is not touched.
"""

import json
from pathlib import Path
from typing import Any

from harness.kit import ports

_CONTROL_PLANE = {
    "etcd": {
        "unsafe-no-fsync": "true",
        "backend-batch-interval": "1s",
        # kubeadm has every watch (some hundred) told every five seconds how far the store is.
        "watch-progress-notify-interval": "1m",
        # One member has nobody to miss its heartbeat.
        "heartbeat-interval": "1000",
        "election-timeout": "10000",
    },
    "apiServer": {
        "enable-priority-and-fairness": "false",
        "max-requests-inflight": "1000",
        "max-mutating-requests-inflight": "500",
        "delete-collection-workers": "4",
        "profiling": "false",
    },
    "controllerManager": {
        "leader-elect": "false",
        "kube-api-qps": "200",
        "kube-api-burst": "400",
        "concurrent-namespace-syncs": "20",
        "profiling": "false",
    },
    "scheduler": {"leader-elect": "false", "profiling": "false"},
}
# How kubeadm's configuration writes arguments: as a map until v1beta3, as a list from v1beta4. kind
# takes the patch that fits what it generates for the node's Kubernetes.
_AS_MAP = "kubeadm.k8s.io/v1beta3"
_AS_LIST = "kubeadm.k8s.io/v1beta4"
# A dozen key pairs of RSA cost seconds per cluster, and every handshake some more.
_KEYS: dict[str, dict[str, Any]] = {
    _AS_MAP: {"featureGates": {"PublicKeysECDSA": True}},
    _AS_LIST: {"encryptionAlgorithm": "ECDSA-P256"},
}
_PATCHES = "/gitops-conformance/patches"
_INIT = json.dumps({"kind": "InitConfiguration", "patches": {"directory": _PATCHES}})
_MEMORY = {
    "etcd": "300MiB",
    "kube-apiserver": "1GiB",
    "kube-controller-manager": "300MiB",
    "kube-scheduler": "200MiB",
}
"""Memory for time, as on `local`: up to so much, garbage is collected a quarter as often."""
_ENVIRONMENT = {
    # As long as HTTP is served beside it on one port, gRPC goes through the HTTP/2 server of Go's
    # library, which costs more (etcd-io/etcd#15402). An etcd that does not know of this says so in
    # its log and goes on; as an argument it would end it.
    "etcd": {"ETCD_LISTEN_CLIENT_HTTP_URLS": "http://127.0.0.1:2382"},
}
_PROBED = ("etcd", "kube-apiserver")
_PROBE_SECONDS = 10
"""kubeadm has these asked every second whether they are ready, each time by a new TLS handshake."""


def patches() -> dict[str, str]:
    """The files, by name, with which kubeadm changes static pods: no argument says these."""
    return {
        f"{name}+strategic.json": json.dumps({"spec": {"containers": [_container(name, limit)]}})
        for name, limit in _MEMORY.items()
    }


def _container(name: str, limit: str) -> dict[str, Any]:
    environment = {"GOGC": "400", "GOMEMLIMIT": limit, **_ENVIRONMENT.get(name, {})}
    probe = {"readinessProbe": {"periodSeconds": _PROBE_SECONDS}} if name in _PROBED else {}
    written = [{"name": key, "value": value} for key, value in environment.items()]
    return {"name": name, "env": written, **probe}


def cluster(port: int, folder: Path) -> dict[str, Any]:
    """
    The configuration of a cluster whose API server is at `port` of the host.

    `folder` holds `patches`; an engine that cannot see it does without them.
    """
    return {
        "apiVersion": "kind.x-k8s.io/v1alpha4",
        "kind": "Cluster",
        # A port that nobody else is given meanwhile; kind's own choice may be taken twice.
        "networking": {"apiServerAddress": ports.LOOPBACK, "apiServerPort": port},
        "nodes": [
            {
                "role": "control-plane",
                "extraMounts": [
                    {"hostPath": str(folder), "containerPath": _PATCHES, "readOnly": True}
                ],
            }
        ],
        "kubeadmConfigPatches": [_patch(_AS_MAP), _patch(_AS_LIST), _INIT],
    }


def _patch(version: str) -> str:
    arguments: dict[str, Any] = {
        component: {"extraArgs": _written(values, version)}
        for component, values in _CONTROL_PLANE.items()
    } | _KEYS[version]
    arguments["etcd"] = {"local": arguments["etcd"]}
    return json.dumps({"kind": "ClusterConfiguration", "apiVersion": version, **arguments})


def _written(arguments: dict[str, str], version: str) -> dict[str, str] | list[dict[str, str]]:
    if version == _AS_MAP:
        return arguments
    return [{"name": name, "value": value} for name, value in arguments.items()]
