"""
Kubernetes objects as plain dicts, and the address of one.

Pure functions on what the API server returns; nothing here reads a file or a cluster.
"""

from dataclasses import dataclass
from typing import Any, Self

Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Ref:
    """The address of one Kubernetes object within a cluster."""

    api_version: str
    kind: str
    name: str
    namespace: str | None = None

    @classmethod
    def of(cls, obj: Object) -> Self:
        """The address of `obj`, which must carry apiVersion, kind and metadata.name."""
        metadata = obj.get("metadata") or {}
        return cls(obj["apiVersion"], obj["kind"], metadata["name"], metadata.get("namespace"))

    @property
    def group(self) -> str:
        """The API group, empty for core."""
        return self.api_version.rpartition("/")[0]

    @property
    def version(self) -> str:
        """The API version without its group."""
        return self.api_version.rpartition("/")[2]

    def __str__(self) -> str:
        where = f"{self.namespace}/" if self.namespace else ""
        return f"{self.kind} {where}{self.name}"


def name(obj: Object) -> str:
    """`metadata.name`."""
    return str(obj["metadata"]["name"])


def namespace(obj: Object) -> str | None:
    """`metadata.namespace`, or None for a cluster-scoped object."""
    return (obj.get("metadata") or {}).get("namespace")


def uid(obj: Object) -> str:
    """`metadata.uid`; the empty string for an object that no server has seen."""
    return str((obj.get("metadata") or {}).get("uid", ""))


def labels(obj: Object) -> dict[str, str]:
    """`metadata.labels`, never None."""
    return (obj.get("metadata") or {}).get("labels") or {}


def annotations(obj: Object) -> dict[str, str]:
    """`metadata.annotations`, never None."""
    return (obj.get("metadata") or {}).get("annotations") or {}


def finalizers(obj: Object) -> list[str]:
    """`metadata.finalizers`, never None."""
    return (obj.get("metadata") or {}).get("finalizers") or []


def generation(obj: Object) -> int:
    """`metadata.generation`, 0 for kinds without one."""
    return int((obj.get("metadata") or {}).get("generation") or 0)


def deleting(obj: Object) -> bool:
    """Whether the object waits for its finalizers."""
    return bool((obj.get("metadata") or {}).get("deletionTimestamp"))


def spec(obj: Object) -> dict[str, Any]:
    """`spec`, never None."""
    return obj.get("spec") or {}


def status(obj: Object) -> dict[str, Any]:
    """`status`, never None."""
    return obj.get("status") or {}
