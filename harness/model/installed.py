"""
How what a run puts on a cluster is told from what was there before; pure.

Only the cluster-wide objects count: whatever is in a namespace goes with it. Fixed names and API
groups are taken by nobody else once the cluster was seen to be free of them; what has a name of its
own bears a label of ours, or the mark of the controllers that made it.
"""

from collections.abc import Iterable

from harness.model import objects
from harness.model.objects import Object, Ref

MANAGED_BY = "app.kubernetes.io/managed-by"
OURS = "gitops-conformance"

NAMESPACES = ("kommander-flux", "kube-federation-system", "default-workspace")
"""Those that every system behind our management tier has."""

GROUPS = (
    "workspaces.kommander.mesosphere.io",
    "kommander.mesosphere.io",
    "dispatch.d2iq.io",
    "core.kubefed.io",
    "types.kubefed.io",
    "source.toolkit.fluxcd.io",
    "kustomize.toolkit.fluxcd.io",
)
"""The API groups of the kinds that are installed."""

KINDS = (
    ("v1", "Namespace"),
    ("apiextensions.k8s.io/v1", "CustomResourceDefinition"),
    ("rbac.authorization.k8s.io/v1", "ClusterRole"),
    ("rbac.authorization.k8s.io/v1", "ClusterRoleBinding"),
)
"""Where cluster-wide objects of a run can be."""

_PROJECT = "workspaces.kommander.mesosphere.io/project"
_FEDERATED = "kubefed.io/managed"
_APPLIED = ("kustomize.toolkit.fluxcd.io/name", "kustomize.toolkit.fluxcd.io/namespace")


def marked(obj: Object) -> Object:
    """The object with the label that says whose it is."""
    metadata = obj["metadata"]
    labels = {**(metadata.get("labels") or {}), MANAGED_BY: OURS}
    return {**obj, "metadata": {**metadata, "labels": labels}}


def is_marked(obj: Object) -> bool:
    """Whether it bears that label."""
    return objects.labels(obj).get(MANAGED_BY) == OURS


def of_a_run(found: Iterable[Object]) -> list[Object]:
    """
    Those that a run may have made.

    A namespace that a Kommander or Flux of the past has left looks the same, so what was there
    before a run is to be spared.
    """
    return [obj for obj in found if in_the_way(obj) or is_marked(obj) or _is_left(obj)]


def in_the_way(obj: Object) -> bool:
    """Whether its name is one that a run must have for itself."""
    if obj["kind"] == "Namespace":
        return objects.name(obj) in NAMESPACES
    if obj["kind"] == "CustomResourceDefinition":
        return objects.spec(obj).get("group") in GROUPS
    return False


def told(ref: Ref) -> str:
    """As `kubectl delete` takes it."""
    return f"{ref.kind.lower()} {ref.name}"


def _is_left(obj: Object) -> bool:
    labels = objects.labels(obj)
    if all(name in labels for name in _APPLIED):
        return True
    of_project = labels.get(_FEDERATED) == "true" or _PROJECT in objects.annotations(obj)
    return obj["kind"] == "Namespace" and of_project
