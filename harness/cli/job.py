"""
The command `job`: the suite as an Indexed Job, a manifest for `kubectl apply`.

Pods may do nothing in the cluster that they run in: they reach the clusters under test by
kubeconfigs from a Secret. Controllers and Git server are processes of each pod.
"""

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from harness.cluster import given, removal
from harness.errors import UsageError
from harness.model import sharding
from harness.model.objects import Object
from harness.model.verdict import Exit

NAME = "gitops-conformance"
RESERVED = ("clusters", "kubeconfigs", "attached", "shard", "out", "replace", "reuse", "git")
"""Options of `run` that the Job sets, or that make no sense in it."""

_USER = 10001
_CLUSTERS = PurePosixPath("/clusters")
_REPORTS = PurePosixPath("/reports")
_INDEX = f"$({sharding.INDEX})"
_WRITABLE = {"tmp": "/tmp", "home": "/home/harness"}  # noqa: S108 - of the container
_GRACE = int(removal.WITHIN) + 60
_GIVES_UP = 3600


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the Job is to be like."""

    image: str
    shards: int = 1
    secret: str = f"{NAME}-clusters"
    own_clusters: bool = False
    """Whether each shard has a Secret, and so clusters, of its own."""
    storage: str = "1Gi"
    name: str = NAME
    options: tuple[str, ...] = ()
    """Further options of `run`."""

    def __post_init__(self) -> None:
        if not self.image:
            raise UsageError(
                "--image is missing: the image of the harness, as the cluster can pull it; "
                "`gitops-conformance image` builds it."
            )


def manifests(wanted: Wanted) -> list[Object]:
    """The Job, the account of its pods, and the volume of the reports."""
    metadata = _metadata(wanted)
    return [
        {
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": metadata,
            "automountServiceAccountToken": False,
        },
        {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": metadata,
            "spec": {
                "accessModes": ["ReadWriteOnce"],
                "resources": {"requests": {"storage": wanted.storage}},
            },
        },
        {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": metadata,
            "spec": {
                "completionMode": "Indexed",
                "completions": wanted.shards,
                # Shards that share clusters take turns: two runs on one would disturb each other.
                "parallelism": wanted.shards if wanted.own_clusters else 1,
                "backoffLimitPerIndex": 1,
                "podFailurePolicy": {"rules": _failures()},
                "template": {
                    "metadata": {"labels": metadata["labels"]},
                    "spec": _pod(wanted, _runner(wanted), _clusters(wanted), _GRACE),
                },
            },
        },
    ]


def collector(wanted: Wanted) -> Object:
    """A pod that holds the volume of the reports, from which they are copied."""
    container = {
        "name": "reports",
        "image": wanted.image,
        "command": ["sleep", str(_GIVES_UP)],
        "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}},
        "volumeMounts": [{"name": "reports", "mountPath": str(_REPORTS), "readOnly": True}],
    }
    metadata = {**_metadata(wanted), "name": f"{wanted.name}-reports"}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": metadata,
        "spec": _pod(wanted, container, [], grace=1),
    }


def _metadata(wanted: Wanted) -> dict[str, Any]:
    labels = {"app.kubernetes.io/name": NAME, "app.kubernetes.io/instance": wanted.name}
    return {"name": wanted.name, "labels": labels}


def _failures() -> list[Object]:
    """What is tried again: a pod that was taken away, and once whatever is not listed here."""

    def ended(action: str, *codes: Exit) -> Object:
        values = [int(code) for code in codes]
        return {"action": action, "onExitCodes": {"operator": "In", "values": values}}

    return [
        {
            "action": "Ignore",
            "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}],
        },
        # A verdict is a result: another try would only hide what is not reliable.
        ended("FailIndex", Exit.FAILED, Exit.INCONCLUSIVE),
        ended("FailJob", Exit.USAGE),
    ]


def _runner(wanted: Wanted) -> Object:
    folder = _CLUSTERS / _INDEX if wanted.own_clusters else _CLUSTERS
    mounts = {**_WRITABLE, "reports": str(_REPORTS)}
    return {
        "name": "conformance",
        "image": wanted.image,
        "args": [
            "harness", "run", "--clusters", given.NAME, "--kubeconfigs", str(folder),
            "--shard", f"auto/{wanted.shards}", "--out", str(_REPORTS / f"index-{_INDEX}"),
            "--replace", *wanted.options,
        ],
        "env": [{"name": "HOME", "value": _WRITABLE["home"]}],
        "resources": {
            "requests": {"cpu": "500m", "memory": "1Gi"},
            "limits": {"memory": "3Gi"},
        },
        "volumeMounts": [
            *({"name": name, "mountPath": path} for name, path in mounts.items()),
            *(
                {"name": name, "mountPath": path, "readOnly": True}
                for name, path, _ in _secrets(wanted)
            ),
        ],
    }  # fmt: skip


def _secrets(wanted: Wanted) -> list[tuple[str, str, str]]:
    """The Secrets with kubeconfigs: volume, where it is mounted, its name."""
    if not wanted.own_clusters:
        return [("clusters", str(_CLUSTERS), wanted.secret)]
    return [
        (f"clusters-{index}", str(_CLUSTERS / str(index)), f"{wanted.secret}-{index}")
        for index in range(wanted.shards)
    ]


def _clusters(wanted: Wanted) -> list[Object]:
    return [
        *({"name": name, "emptyDir": {}} for name in _WRITABLE),
        *(
            {"name": name, "secret": {"secretName": secret, "defaultMode": 0o440}}
            for name, _, secret in _secrets(wanted)
        ),
    ]


def _pod(wanted: Wanted, container: Object, volumes: list[Object], grace: int) -> Object:
    """A pod as the Pod Security Standard `restricted` wants it."""
    return {
        "restartPolicy": "Never",
        "serviceAccountName": wanted.name,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": grace,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": _USER,
            "runAsGroup": 0,
            "fsGroup": _USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [
            {
                **container,
                "securityContext": {
                    "allowPrivilegeEscalation": False,
                    "capabilities": {"drop": ["ALL"]},
                    "readOnlyRootFilesystem": True,
                },
            }
        ],
        "volumes": [
            *volumes,
            {"name": "reports", "persistentVolumeClaim": {"claimName": wanted.name}},
        ],
    }
