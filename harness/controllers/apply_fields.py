"""
Server-side apply's fine print: whose fields are taken over, and what counts as a difference.

Pure: works on objects as the API server returned them.
"""

from __future__ import annotations

import copy
import re
from typing import Any, Final

from harness.model import objects
from harness.model.objects import Object

MANAGER: Final = "kustomize-controller"

# Fields that these managers set are taken over, and so removed where Git does not have them; those
# of any other manager stay. Names match by their beginning: `kubectl-edit`, `kubectl-patch`, ...
_ABSORBED: Final = (
    ("kubectl", "Apply"),
    ("kubectl", "Update"),
    ("before-first-apply", "Update"),
    (MANAGER, "Update"),
)
_DROPPED_ANNOTATIONS: Final = (
    "kubectl.kubernetes.io/last-applied-configuration",
    "kustomize.toolkit.fluxcd.io/checksum",
    "fluxcd.io/sync-checksum",
)
_UNKNOWN: Final = re.compile(r"(?<![\w\]])\.([\w.-]+): field not declared in schema")
_DROPPED_LABELS: Final = ("fluxcd.io/sync-gc-mark",)
_SERVER_METADATA: Final = (
    "creationTimestamp",
    "generation",
    "managedFields",
    "resourceVersion",
    "selfLink",
    "uid",
)


def differs(live: Object | None, wanted: Object) -> bool:
    """Whether applying would change anything; `wanted` is what a dry run returned."""
    return live is None or _content(live) != _content(wanted)


def clean_up(live: Object) -> list[Object]:
    """The JSON patch that makes kubectl's fields ours and removes its traces; may be empty."""
    patch: list[Object] = []
    marks = ("annotations", _DROPPED_ANNOTATIONS), ("labels", _DROPPED_LABELS)
    for part, dropped in marks:
        present = live["metadata"].get(part) or {}
        patch += [
            {"op": "remove", "path": f"/metadata/{part}/{name.replace('/', '~1')}"}
            for name in dropped
            if name in present
        ]
    entries = live["metadata"].get("managedFields") or []
    if is_taken_over(entries):
        taken = taken_over(entries, api_version=live["apiVersion"])
        patch.append({"op": "replace", "path": "/metadata/managedFields", "value": taken})
    if patch:
        version = live["metadata"]["resourceVersion"]
        patch.append({"op": "replace", "path": "/metadata/resourceVersion", "value": version})
    return patch


def is_taken_over(entries: list[Object]) -> bool:
    """Whether somebody manages fields whose fields we take over."""
    return any(_is_absorbed(entry) for entry in entries)


def taken_over(entries: list[Object], *, api_version: str) -> list[Object]:
    """The managers of an object after we have taken over what kubectl has set."""
    ours = {
        "manager": MANAGER,
        "operation": "Apply",
        "apiVersion": api_version,
        "fieldsType": "FieldsV1",
        "fieldsV1": {},
    }
    others = []
    for entry in entries:
        if _is_ours(entry):
            fields_v1 = _union(entry["fieldsV1"], ours["fieldsV1"])
            ours = {**entry, "fieldsV1": fields_v1}
        elif _is_absorbed(entry):
            ours = {**ours, "fieldsV1": _union(ours["fieldsV1"], entry.get("fieldsV1") or {})}
        else:
            others.append(entry)
    return [*others, ours]


def is_conflict_by_nature(status: int) -> bool:
    """Whether an answer means "not by an update": a conflict, or an object that is refused."""
    return status in (409, 422)


def _is_ours(entry: Object) -> bool:
    return (
        entry.get("manager") == MANAGER
        and entry.get("operation") == "Apply"
        and not entry.get("subresource")
    )


def _is_absorbed(entry: Object) -> bool:
    return not entry.get("subresource") and any(
        str(entry.get("manager", "")).startswith(name) and entry.get("operation") == operation
        for name, operation in _ABSORBED
    )


def _union(one: Any, other: Any) -> Any:
    """Two field sets in one; a set is a tree of dicts."""
    result = copy.copy(one)
    for name, value in other.items():
        result[name] = _union(result[name], value) if name in result else value
    return result


def _content(obj: Object) -> Object:
    metadata = {
        name: value
        for name, value in obj["metadata"].items()
        if name not in _SERVER_METADATA and value
    }
    return {**obj, "metadata": metadata, "status": None}


def marked(obj: Object | None, name: str, *values: str) -> bool:
    """Whether a label or annotation of the object says so; letter case does not matter."""
    if obj is None:
        return False
    said = (objects.labels(obj).get(name), objects.annotations(obj).get(name))
    return any(word is not None and word.lower() in values for word in said)


def without_unknown(obj: Object, complaint: str) -> Object | None:
    """
    The object without the fields that the server does not know; None where that is no remedy.

    Flux reads built-in kinds into Go's types, which drops such fields without a word; those of
    roles and custom kinds it sends as they are.
    """
    group = obj["apiVersion"].rpartition("/")[0]
    if ("." in group and not group.endswith(".k8s.io")) or obj["kind"] in ("Role", "ClusterRole"):
        return None
    paths = _UNKNOWN.findall(complaint)
    known = copy.deepcopy(obj)
    dropped = [_drop(known, path.split(".")) for path in paths]
    return known if any(dropped) else None


def _drop(value: Any, path: list[str]) -> bool:
    *outer, last = path
    for name in outer:
        value = value.get(name) if isinstance(value, dict) else None
    return isinstance(value, dict) and value.pop(last, None) is not None
