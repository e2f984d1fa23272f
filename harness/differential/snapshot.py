"""
What one side has come to, without what can never be the same twice.

Pure: works on what was read from a cluster. Left out are uids, versions, times, addresses that a
server draws by lot, and what Kubernetes' own controllers write when it suits them.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from harness.model import objects
from harness.model.objects import Object

KINDS: Final = (
    ("v1", "ConfigMap"),
    ("v1", "Secret"),
    ("v1", "Service"),
    ("v1", "ServiceAccount"),
    ("apps/v1", "Deployment"),
    ("source.toolkit.fluxcd.io/v1", "GitRepository"),
    ("kustomize.toolkit.fluxcd.io/v1", "Kustomization"),
)
REQUESTED_AT: Final = "reconcile.fluxcd.io/requestedAt"
_FLUX: Final = ("GitRepository", "Kustomization")
_OF_KUBERNETES: Final = {
    ("ConfigMap", "kube-root-ca.crt"),
    ("ServiceAccount", "default"),
}
_DROPPED_METADATA: Final = (
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "generation",
    "managedFields",
    "namespace",
    "resourceVersion",
    "selfLink",
    "uid",
)
_DROPPED_ANNOTATIONS: Final = ("deployment.kubernetes.io/revision", REQUESTED_AT)
_DRAWN_BY_LOT: Final = ("clusterIP", "clusterIPs")
_MANAGERS_OF_KUBERNETES: Final = ("kube-controller-manager",)
_STATUS_REVISIONS: Final = ("lastAppliedRevision", "lastAttemptedRevision", "observedIgnore")

_TRACES: Final = (
    "ArtifactUpToDate",
    "ArtifactVerificationFailed",
    "GarbageCollectionSucceeded",
    "GitOperationSucceeded",
)
_FINISHED: Final = "Normal ReconciliationSucceeded: Reconciliation finished"

_SUBSTITUTIONS: Final = tuple(
    (re.compile(pattern), text)
    for pattern, text in (
        (r"^\(combined from similar events\): ", ""),
        (r"(?:/[\w.+@-]+)*/kustomization-\d+", "<folder>"),
        (r"(?<![\w.-])(?:\d+(?:\.\d+)?(?:ns|us|µs|ms|s|m|h))+\b", "<time>"),
        (r"\d+\.\d+\.\d+\.\d+:\d+->", "<address>->"),
    )
)


def text(message: str) -> str:
    """A message without folders, durations and addresses that are others each time."""
    for pattern, replacement in _SUBSTITUTIONS:
        message = pattern.sub(replacement, message)
    return message.strip()


def subject(obj: Object) -> str:
    """How an object is called here."""
    return f"{obj['kind']}/{objects.name(obj)}"


def is_ours(obj: Object) -> bool:
    """Whether an object belongs to the sequence, and not to Kubernetes."""
    return (obj["kind"], objects.name(obj)) not in _OF_KUBERNETES


def take(found: Iterable[Object], incarnations: dict[str, list[str]]) -> dict[str, dict[str, Any]]:
    """
    The facts by class and subject, but for events.

    `incarnations` is kept by the caller, so that an object that was made anew can be told from one
    that was changed.
    """
    facts: dict[str, dict[str, Any]] = {
        "objects": {}, "managers": {}, "inventory": {}, "conditions": {}, "revisions": {},
    }  # fmt: skip
    for obj in found:
        if not is_ours(obj):
            continue
        name = subject(obj)
        known = incarnations.setdefault(name, [])
        if objects.uid(obj) not in known:
            known.append(objects.uid(obj))
        facts["objects"][name] = {**content(obj), "incarnation": len(known)}
        facts["managers"][name] = managers(obj)
        if obj["kind"] in _FLUX:
            facts["conditions"][name] = conditions(obj)
            facts["revisions"][name] = revisions(obj)
        if obj["kind"] == "Kustomization":
            facts["inventory"][name] = inventory(obj)
    return facts


def content(obj: Object) -> dict[str, Any]:
    """What somebody wants the object to be; of a Secret's values only digests."""
    kept = {name: value for name, value in obj.items() if name not in ("metadata", "status")}
    metadata = {
        name: value for name, value in obj["metadata"].items() if name not in _DROPPED_METADATA
    }
    annotations = {
        name: value
        for name, value in objects.annotations(obj).items()
        if name not in _DROPPED_ANNOTATIONS
    }
    metadata.pop("annotations", None)
    if annotations:
        metadata["annotations"] = annotations
    if objects.deleting(obj):
        metadata["deleting"] = True
    if obj["kind"] == "Service":
        spec = objects.spec(obj)
        drawn = () if spec.get("clusterIP") == "None" else _DRAWN_BY_LOT
        kept["spec"] = {name: value for name, value in spec.items() if name not in drawn}
    if obj["kind"] == "Secret":
        kept["data"] = {name: _digest(value) for name, value in (obj.get("data") or {}).items()}
    return {**kept, "metadata": metadata}


def managers(obj: Object) -> dict[str, Any]:
    """Which fields each manager has, without the managers of Kubernetes' own controllers."""
    found: dict[str, Any] = {}
    for entry in obj["metadata"].get("managedFields") or []:
        if entry["manager"] in _MANAGERS_OF_KUBERNETES:
            continue
        name = " ".join(
            filter(None, (entry["manager"], entry["operation"], entry.get("subresource")))
        )
        # What a status is made of is compared as such; here only who writes it.
        leaves = () if entry.get("subresource") else _leaves(entry.get("fieldsV1") or {})
        found[name] = {"": "has", **dict.fromkeys(sorted(leaves), "has")}
    return found


def conditions(obj: Object) -> dict[str, Any]:
    """
    The conditions by type.

    Of a suspended object only Ready tells of which generation it is: an attempt that was under way
    when somebody suspended the object marks the others with the old generation or the new one, as
    its last write happens to come.
    """
    suspended = objects.spec(obj).get("suspend")
    found = {}
    for item in objects.status(obj).get("conditions") or []:
        found[item["type"]] = {
            "status": item["status"],
            "reason": item.get("reason", ""),
            "message": text(item.get("message", "")),
        }
        if item["type"] == "Ready" or not suspended:
            current = item.get("observedGeneration") == objects.generation(obj)
            found[item["type"]]["of this generation"] = current
    return found


def revisions(obj: Object) -> dict[str, Any]:
    """What the status says about how far the object has come."""
    status = objects.status(obj)
    found: dict[str, Any] = {name: status[name] for name in _STATUS_REVISIONS if name in status}
    if artifact := status.get("artifact"):
        found["artifact"] = artifact["revision"]
    found["observes"] = _observes(obj)
    found["finalizers"] = sorted(objects.finalizers(obj))
    return found


def inventory(kustomization: Object) -> list[str]:
    """What the Kustomization says that it has applied, in its order."""
    listed = (objects.status(kustomization).get("inventory") or {}).get("entries") or []
    return [f"{item['id']} {item['v']}" for item in listed]


def events(occurrences: Iterable[Object]) -> dict[str, list[str]]:
    """
    What was told about each object, in order; the same again at once counts as one.

    That nothing was to be done is told apart, so that it does not stand between the others.
    """
    told: dict[str, list[str]] = {}
    for event in occurrences:
        about = event["involvedObject"]
        if about["kind"] not in _FLUX:
            continue
        said = f"{event['type']} {event['reason']}: {text(event['message'])}"
        name = f"{about['kind']}/{about['name']}"
        if event["reason"] in _TRACES or said.startswith(_FINISHED):
            name += " (traces)"
        lines = told.setdefault(name, [])
        if not lines or lines[-1] != said:
            lines.append(said)
    return told


def _observes(obj: Object) -> str:
    observed = objects.status(obj).get("observedGeneration")
    if observed is None or observed == -1:
        return "nothing"
    return "this generation" if observed == objects.generation(obj) else "an earlier generation"


def _leaves(fields: Mapping[str, Any], path: str = "") -> Iterable[str]:
    for name, below in fields.items():
        if REQUESTED_AT in name:
            continue
        if below:
            yield from _leaves(below, f"{path}/{name}")
        else:
            yield f"{path}/{name}"


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()[:12]
