"""
Conditions and Kubernetes events as the reference controllers write them.

Condition rules are metav1.Condition's: `lastTransitionTime` moves only when `status` does.
"""

from __future__ import annotations

import contextlib
import hashlib
import threading
from typing import Literal

from harness.cluster import errors
from harness.cluster.client import Cluster
from harness.kit.clock import Clock, system_clock
from harness.model import objects
from harness.model.objects import Object, Ref

Status = Literal["True", "False", "Unknown"]


def condition(
    kind: str, status: Status, reason: str, message: str, *, generation: int = 0
) -> Object:
    """A condition without its time, which `merged` fills in."""
    return {
        "type": kind,
        "status": status,
        "reason": reason,
        "message": message[:32768],
        "observedGeneration": generation,
    }


def merged(old: list[Object], new: list[Object], *, now: str) -> list[Object]:
    """`new`, each with the transition time of its namesake in `old` if the status is the same."""
    known = {item["type"]: item for item in old}
    result = []
    for item in new:
        before = known.get(item["type"])
        same = before is not None and before.get("status") == item["status"]
        since = before["lastTransitionTime"] if before is not None and same else now
        result.append({**item, "lastTransitionTime": since})
    return result


def timestamp(clock: Clock = system_clock) -> str:
    """Now, as Kubernetes writes times: RFC 3339, seconds, UTC."""
    return clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")


class Events:
    """Writes core/v1 Events about objects; the same event again only raises its count."""

    def __init__(self, cluster: Cluster, component: str, clock: Clock = system_clock) -> None:
        self._cluster = cluster
        self._component = component
        self._clock = clock
        self._counts: dict[Ref, int] = {}
        self._lock = threading.Lock()

    def normal(self, obj: Object, reason: str, message: str, **annotations: str) -> None:
        """Something went well."""
        self._emit(obj, "Normal", reason, message, annotations)

    def warning(self, obj: Object, reason: str, message: str, **annotations: str) -> None:
        """Something went wrong."""
        self._emit(obj, "Warning", reason, message, annotations)

    def _emit(
        self, obj: Object, kind: str, reason: str, message: str, annotations: dict[str, str]
    ) -> None:
        message = message[:1024]
        about = Ref.of(obj)
        text = "\n".join((objects.uid(obj), kind, reason, message, *annotations.values()))
        digest = hashlib.sha256(text.encode()).hexdigest()[:16]
        namespace = about.namespace or "default"
        ref = Ref("v1", "Event", f"{about.name}.{digest}", namespace)
        now = timestamp(self._clock)
        with self._lock:
            count = self._counts[ref] = self._counts.get(ref, 0) + 1
        # A namespace that is being deleted takes no events: nobody could read them.
        with contextlib.suppress(errors.NotFound, errors.Forbidden, errors.Unreachable):
            if count > 1:
                with contextlib.suppress(errors.NotFound):
                    self._cluster.patch(ref, {"count": count, "lastTimestamp": now})
                    return
            with contextlib.suppress(errors.AlreadyExists):
                self._cluster.create(
                    {
                        "apiVersion": "v1",
                        "kind": "Event",
                        "metadata": {
                            "name": ref.name,
                            "namespace": namespace,
                            "annotations": annotations,
                        },
                        "involvedObject": {
                            "apiVersion": about.api_version,
                            "kind": about.kind,
                            "name": about.name,
                            "namespace": about.namespace,
                            "uid": objects.uid(obj),
                            "resourceVersion": obj["metadata"].get("resourceVersion", ""),
                        },
                        "type": kind,
                        "reason": reason,
                        "message": message,
                        "source": {"component": self._component},
                        "reportingComponent": self._component,
                        "reportingInstance": self._component,
                        "firstTimestamp": now,
                        "lastTimestamp": now,
                        "count": 1,
                    }
                )
