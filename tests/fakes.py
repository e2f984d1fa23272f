"""A cluster in memory, with the narrow protocol of `harness.cluster.client.Cluster`."""

import copy
import threading
from collections.abc import Iterator
from typing import Any, cast

from harness.cluster import errors
from harness.cluster.client import Cluster, Listing
from harness.model import objects
from harness.model.objects import Object, Ref

_Log = list[tuple[int, str, Object]]


class FakeCluster:
    """Objects, a log of their changes, and watches on it that a test can break and expire."""

    def __init__(self, name: str = "c1") -> None:
        self.name = name
        self._changed = threading.Condition()
        self._objects: dict[Ref, Object] = {}
        self._log: _Log = []
        self._version = 0
        self._forgotten = 0
        self._breaks = 0
        self.refused: Exception | None = None
        """What every list answers from now on."""

    @property
    def cluster(self) -> Cluster:
        """Itself, as the type that its users ask for."""
        return cast(Cluster, self)

    # -- the protocol ----------------------------------------------------------------------

    def get(self, ref: Ref) -> Object:
        with self._changed:
            if ref not in self._objects:
                raise errors.NotFound(404, "NotFound", f"no {ref}", {})
            return copy.deepcopy(self._objects[ref])

    def find(self, ref: Ref) -> Object | None:
        try:
            return self.get(ref)
        except errors.NotFound:
            return None

    def list(self, api_version: str, kind: str, namespace: str | None = None, **_: Any) -> Listing:
        with self._changed:
            if self.refused:
                raise self.refused
            found = [
                copy.deepcopy(obj)
                for ref, obj in self._objects.items()
                if (ref.api_version, ref.kind) == (api_version, kind)
                and namespace in (None, ref.namespace)
            ]
            return Listing(found, str(self._version))

    def watch(
        self,
        api_version: str,
        kind: str,
        namespace: str | None = None,
        *,
        resource_version: str,
        stopper: Any = None,
        **_: Any,
    ) -> Iterator[tuple[str, Object]]:
        seen = int(resource_version)
        if stopper:
            stopper.attach(_Wakes(self._changed))
        with self._changed:
            breaks = self._breaks
        while True:
            with self._changed:
                if seen < self._forgotten:
                    raise errors.Expired(410, "Expired", "too old resource version", {})
                later = [entry for entry in self._log if entry[0] > seen]
                if not later:
                    if stopper and stopper.stopped:
                        return
                    if breaks != self._breaks:
                        raise errors.Unreachable(f"{self.name}: the watch on {kind} broke")
                    self._changed.wait(1.0)
                    continue
            version, event, obj = later[0]
            seen = version
            if (obj["apiVersion"], obj["kind"]) == (api_version, kind) and (
                namespace in (None, objects.namespace(obj))
            ):
                yield event, copy.deepcopy(obj)

    # -- what a test does to it ------------------------------------------------------------

    def put(self, obj: Object) -> Object:
        """Create or change an object."""
        with self._changed:
            ref = Ref.of(obj)
            old = self._objects.get(ref)
            stored = copy.deepcopy(obj)
            self._version += 1
            metadata = stored["metadata"]
            metadata["uid"] = old["metadata"]["uid"] if old else f"uid-{self._version}"
            metadata["resourceVersion"] = str(self._version)
            self._objects[ref] = stored
            self._log.append((self._version, "MODIFIED" if old else "ADDED", stored))
            self._changed.notify_all()
            return copy.deepcopy(stored)

    def remove(self, ref: Ref) -> None:
        """Delete an object."""
        with self._changed:
            gone = copy.deepcopy(self._objects.pop(ref))
            self._version += 1
            gone["metadata"]["resourceVersion"] = str(self._version)
            self._log.append((self._version, "DELETED", gone))
            self._changed.notify_all()

    def disconnect(self) -> None:
        """Break every watch that is open."""
        with self._changed:
            self._breaks += 1
            self._changed.notify_all()

    def forget(self) -> None:
        """Compact the log: whoever did not see it yet must list again."""
        with self._changed:
            self._forgotten = self._version
            self._breaks += 1
            self._log.clear()
            self._changed.notify_all()

    def refuse(self, error: Exception | None) -> None:
        """Answer lists with this error, or well again."""
        with self._changed:
            self.refused = error


class _Wakes:
    """Stands for the response that a Stopper ends: who looks for its connection ends the wait."""

    def __init__(self, changed: threading.Condition) -> None:
        self._changed = changed

    @property
    def connection(self) -> None:
        with self._changed:
            self._changed.notify_all()


def config_map(name: str, namespace: str | None = "demo", **data: str) -> Object:
    metadata: Object = {"name": name}
    if namespace:
        metadata["namespace"] = namespace
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


def ref(name: str, namespace: str | None = "demo", kind: str = "ConfigMap") -> Ref:
    return Ref("v1", kind, name, namespace)
