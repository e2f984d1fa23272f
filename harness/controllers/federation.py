"""
The rules of federation, as KubeFed has them: where an object goes and what its copies look like.

Pure: `federation_sync` brings the copies about. Read in KubeFed's source and documentation
(facts.md C.2, C.3), never observed on a running KubeFed.
"""

from __future__ import annotations

import base64
import binascii
import copy
from collections.abc import Collection, Mapping
from typing import Any

import jsonpatch

from harness.model import objects
from harness.model.objects import Object

MANAGED = "kubefed.io/managed"
ORPHAN = "kubefed.io/orphan"
FINALIZER = "kubefed.io/sync-controller"

_FORBIDDEN_PATHS = frozenset(
    ("/metadata/name", "/metadata/namespace", "/metadata/generateName", "/kind")
)

Labels = Mapping[str, str]


class OverrideError(Exception):
    """`spec.overrides` cannot be applied."""


# -- placement -----------------------------------------------------------------------------


def placement(wanted: Mapping[str, Any] | None, clusters: Mapping[str, Labels]) -> frozenset[str]:
    """Which of the known `clusters` a `spec.placement` selects; unknown names are dropped."""
    wanted = wanted or {}
    listed = wanted.get("clusters")
    if listed is not None:  # a list wins over a selector, an empty one too
        return frozenset(each["name"] for each in listed) & clusters.keys()
    selector = wanted.get("clusterSelector")
    if selector is None:  # neither: nowhere
        return frozenset()
    return frozenset(name for name, labels in clusters.items() if selects(selector, labels))


def selects(selector: Mapping[str, Any], labels: Labels) -> bool:
    """Whether a label selector matches; an empty one matches everything."""
    if any(labels.get(key) != value for key, value in (selector.get("matchLabels") or {}).items()):
        return False
    return all(_holds(each, labels) for each in selector.get("matchExpressions") or [])


def _holds(expression: Mapping[str, Any], labels: Labels) -> bool:
    key, values = expression["key"], expression.get("values") or []
    match expression["operator"]:
        case "In":
            return key in labels and labels[key] in values
        case "NotIn":
            return labels.get(key) not in values
        case "Exists":
            return key in labels
        case "DoesNotExist":
            return key not in labels
        case _:
            return False


def selected(
    federated: Object, namespace: Object | None, clusters: Mapping[str, Labels]
) -> frozenset[str] | None:
    """Where a namespaced federated object goes; None if its namespace is not federated."""
    if namespace is None or objects.deleting(namespace):
        return None
    bounds = placement(objects.spec(namespace).get("placement"), clusters)
    return placement(objects.spec(federated).get("placement"), clusters) & bounds


def selected_namespace(federated: Object, clusters: Mapping[str, Labels]) -> frozenset[str] | None:
    """Where a federated namespace goes; None if it does not carry its namespace's own name."""
    if objects.name(federated) != objects.namespace(federated):
        return None
    return placement(objects.spec(federated).get("placement"), clusters)


# -- the copy ------------------------------------------------------------------------------


def secret_copy(federated: Object, cluster: str) -> Object:
    """The Secret that a cluster gets."""
    template = copy.deepcopy(objects.spec(federated).get("template") or {})
    kept = {key: value for key, value in template.items() if key not in ("metadata", "status")}
    labels = dict((template.get("metadata") or {}).get("labels") or {})
    secret: Object = {
        **kept,
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": objects.name(federated),
            "namespace": objects.namespace(federated),
            "labels": labels,
        },
    }
    secret.setdefault("type", "Opaque")
    secret = overridden(secret, overrides_for(federated, cluster))
    secret["metadata"].setdefault("labels", {})[MANAGED] = "true"
    return _folded(secret)


def namespace_copy(federated: Object, cluster: str) -> Object:
    """The Namespace that a cluster gets."""
    template = objects.spec(federated).get("template") or {}
    labels = dict((template.get("metadata") or {}).get("labels") or {})
    namespace: Object = {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": objects.name(federated), "labels": labels},
    }
    namespace = overridden(namespace, overrides_for(federated, cluster))
    namespace["metadata"].setdefault("labels", {})[MANAGED] = "true"
    return namespace


def dropped(federated: Object) -> list[tuple[str, str]]:
    """(reason, message) for what a template holds in vain."""
    metadata = (objects.spec(federated).get("template") or {}).get("metadata") or {}
    found = []
    if metadata.get("annotations"):
        found.append(("AnnotationsNotSupported", "annotations of the template are not propagated"))
    if metadata.get("finalizers"):
        found.append(("FinalizersNotSupported", "finalizers of the template are not propagated"))
    return found


def overrides_for(federated: Object, cluster: str) -> list[dict[str, Any]]:
    """The patch operations for a cluster, checked."""
    seen: set[str] = set()
    chosen: list[dict[str, Any]] = []
    for entry in objects.spec(federated).get("overrides") or []:
        name = entry.get("clusterName", "")
        if name in seen:
            raise OverrideError(f"cluster {name!r} has more than one entry")
        seen.add(name)
        operations = entry.get("clusterOverrides") or []
        paths = [operation["path"] for operation in operations]
        if twice := {path for path in paths if paths.count(path) > 1}:
            raise OverrideError(f"cluster {name!r} has {sorted(twice)[0]} more than once")
        if barred := sorted(_FORBIDDEN_PATHS & set(paths)):
            raise OverrideError(f"cluster {name!r} overrides {barred[0]}, which is not allowed")
        if name == cluster:
            chosen = [{**each, "op": each.get("op") or "replace"} for each in operations]
    return chosen


def overridden(obj: Object, operations: list[dict[str, Any]]) -> Object:
    """`obj` after the operations."""
    try:
        patched: Object = jsonpatch.JsonPatch(operations).apply(obj)
    except (jsonpatch.JsonPatchException, jsonpatch.JsonPointerException) as error:
        # The message of the library may quote the document, and this one holds secrets.
        raise OverrideError(f"an override does not fit: {type(error).__name__}") from None
    return patched


def matches(live: Object, wanted: Object) -> bool:
    """Whether a live copy is as wanted; annotations and finalizers are the cluster's own."""
    ignored = ("metadata", "apiVersion", "kind", "status", "spec")
    if objects.labels(live) != objects.labels(wanted) and wanted["kind"] != "Namespace":
        return False
    if not objects.labels(wanted).items() <= objects.labels(live).items():
        return False
    own_annotations = objects.annotations(wanted).items() <= objects.annotations(live).items()
    return own_annotations and _content(live, ignored) == _content(wanted, ignored)


def merged(live: Object, wanted: Object) -> Object:
    """What to write over a live copy: as wanted, with the cluster's annotations and finalizers."""
    metadata = {
        **wanted["metadata"],
        "resourceVersion": live["metadata"]["resourceVersion"],
        "annotations": {**objects.annotations(live), **objects.annotations(wanted)},
        "finalizers": objects.finalizers(live),
    }
    return {**wanted, "metadata": metadata}


def secret_keys(federated: Object, cluster: str) -> Collection[str]:
    """The keys that the Secret has on a cluster; none if it cannot be made."""
    try:
        return frozenset(secret_copy(federated, cluster).get("data") or {})
    except OverrideError:
        return frozenset()


def _content(obj: Object, ignored: tuple[str, ...]) -> Object:
    return {key: value for key, value in obj.items() if key not in ignored and value}


def _folded(secret: Object) -> Object:
    """`stringData` as `data`, the way the API server stores it."""
    plain = secret.pop("stringData", None) or {}
    encoded = {key: base64.b64encode(str(text).encode()).decode() for key, text in plain.items()}
    data = {key: _canonical(value) for key, value in (secret.get("data") or {}).items()}
    if data or encoded:
        secret["data"] = {**data, **encoded}
    return secret


def _canonical(value: Any) -> Any:
    """Base64 as the API server writes it; what is none is left for the server to refuse."""
    try:
        return base64.b64encode(base64.b64decode(value, validate=True)).decode()
    except (binascii.Error, TypeError, ValueError):
        return value
