"""
In which order objects are applied, and which must be there before the others are looked at.

Pure; the order is that of Flux's ssa package.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from harness.model.objects import Object, Ref

_DEFINITIONS: Final = ("CustomResourceDefinition", "Namespace", "ClusterRole")
_FIRST: Final = (
    *_DEFINITIONS,
    "ClusterClass",
    "RuntimeClass",
    "PriorityClass",
    "StorageClass",
    "VolumeSnapshotClass",
    "IngressClass",
    "GatewayClass",
    "ClusterRoleBinding",
    "ResourceQuota",
    "ServiceAccount",
    "Role",
    "RoleBinding",
    "ConfigMap",
    "Secret",
    "Service",
    "LimitRange",
    "Deployment",
    "StatefulSet",
    "CronJob",
    "PodDisruptionBudget",
)
_LAST: Final = ("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration")
_RANK: Final = {kind: place for place, kind in enumerate(_FIRST)} | {
    kind: 1000 + place for place, kind in enumerate(_LAST)
}

SortKey = tuple[int, str, str, str, str]


def sort_key(ref: Ref) -> SortKey:
    """What references are sorted by for applying; deletion goes the other way round."""
    return _RANK.get(ref.kind, 500), ref.kind, ref.group, ref.namespace or "", ref.name


def is_definition(ref: Ref) -> bool:
    """Whether other objects of a set may need this one to exist before they can."""
    return ref.kind in _DEFINITIONS


def stage(ref: Ref) -> int:
    """Definitions come first, classes next; an object is only tried when its stage's turn is."""
    if is_definition(ref):
        return 1
    return 2 if ref.kind.endswith("Class") else 3


def sort(found: Iterable[Object]) -> list[Object]:
    """Objects in the order in which they are applied."""
    return sorted(found, key=lambda obj: sort_key(Ref.of(obj)))
