"""
One line of history: which object on which cluster became what, and when.

Entries are made for people and for judging afterwards ("was never seen"), so they hold the object
as it was, but never the contents of a Secret.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from harness.model import conditions, objects
from harness.model.objects import Object, Ref


@dataclass(frozen=True, slots=True)
class Entry:
    """One change of one object."""

    at: float
    """Seconds on the observer's monotonic clock."""
    time: datetime
    cluster: str
    change: str
    object: Object

    @property
    def ref(self) -> Ref:
        """The object's address."""
        return Ref.of(self.object)

    def line(self, origin: float) -> str:
        """One line for people, its time relative to `origin`."""
        return (
            f"{self.at - origin:8.3f}s  {self.cluster:<12} {self.change:<8} "
            f"{self.ref}  {summary(self.object)}"
        ).rstrip()


def summary(obj: Object) -> str:
    """What a person wants to know of an object, in half a line."""
    if obj["kind"] == "Event":
        about = obj.get("involvedObject", {})
        return f"{obj.get('type')} {obj.get('reason')} on {about.get('kind')}: {obj.get('message')}"
    parts = []
    if objects.deleting(obj):
        parts.append("deleting")
    if objects.spec(obj).get("suspend"):
        parts.append("suspended")
    ready = conditions.find(obj, "Ready")
    if ready:
        parts.append(f"Ready={ready.get('status')} {ready.get('reason')}: {ready.get('message')}")
    if obj["kind"] == "ConfigMap" and len(str(obj.get("data"))) < 80:
        parts.append(f"data={obj.get('data')}")
    return " ".join(parts)


def redacted(obj: Object) -> Object:
    """`obj` without anything secret: values of a Secret become a short digest of themselves."""
    if obj.get("kind") == "Secret":
        return {**obj, "data": _digests(obj.get("data")), "stringData": None}
    if obj.get("kind") == "FederatedSecret":
        spec = dict(objects.spec(obj))
        template = dict(spec.get("template") or {})
        for part in ("data", "stringData"):
            if part in template:
                template[part] = _digests(template[part])
        spec["template"] = template
        spec["overrides"] = [
            {
                **override,
                "clusterOverrides": [
                    {**item, "value": _digest(item.get("value"))}
                    for item in override.get("clusterOverrides") or []
                ],
            }
            for override in spec.get("overrides") or []
        ]
        return {**obj, "spec": spec}
    return obj


def plain(obj: Object) -> Object:
    """`obj` without its managed fields, which say nothing to a reader."""
    metadata = {k: v for k, v in obj.get("metadata", {}).items() if k != "managedFields"}
    # kubectl's last-applied annotation repeats the object, secrets included.
    kept = {k: v for k, v in (metadata.get("annotations") or {}).items() if "last-applied" not in k}
    if kept:
        metadata["annotations"] = kept
    else:
        metadata.pop("annotations", None)
    return {**redacted(obj), "metadata": metadata}


def _digests(data: Any) -> dict[str, str]:
    return {key: _digest(value) for key, value in (data or {}).items()}


def _digest(value: Any) -> str:
    return f"(redacted, sha256 {hashlib.sha256(str(value).encode()).hexdigest()[:8]})"
