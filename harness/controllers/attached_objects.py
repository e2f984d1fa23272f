"""
One kind as its reconciler sees it: the watched copy, overlaid by what the reconciler wrote last.

Without the overlay a reconciler that is called again at once would judge the status before its own
last write. What is written, and why, belongs to the reconcilers.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from harness.cluster import errors
from harness.cluster.client import Cluster
from harness.cluster.reflector import Change, Reflector
from harness.controllers import attached_fields as fields
from harness.controllers.runtime import Key, Retry
from harness.model import objects
from harness.model.objects import Object, Ref


class Objects:
    """The objects of one kind in a cluster, and the writes that keep their status and finalizer."""

    def __init__(
        self,
        cluster: Cluster,
        api_version: str,
        kind: str,
        *,
        manager: str,
        on_change: Callable[[Change], None],
    ) -> None:
        self.kind = kind
        self.reflector = Reflector(cluster, api_version, kind, on_change=on_change)
        self._cluster = cluster
        self._manager = manager
        self._written: dict[Key, Object] = {}
        self._lock = threading.Lock()

    def get(self, key: Key) -> Object | None:
        """The object as far as is known here, or None when it is gone."""
        watched = self.reflector.get(key.namespace, key.name)
        with self._lock:
            written = self._written.get(key)
            if written is None:
                return watched
            if watched is None or not _is_newer(written, watched):
                del self._written[key]
                return watched
            return written

    def __iter__(self) -> Iterator[Object]:
        """All objects that are known."""
        return iter(self.reflector.items())

    def write_status(self, obj: Object, status: Mapping[str, Any]) -> Object:
        """`obj` with that status; nothing is sent when it says so already."""
        patch = fields.status_patch(objects.status(obj), status)
        if not patch:
            return obj
        try:
            answer = self._cluster.patch(
                Ref.of(obj), {"status": patch}, subresource="status", field_manager=self._manager
            )
        except errors.NotFound:  # deleted meanwhile: nobody is left to tell
            return obj
        return self._keep(answer)

    def add_finalizer(self, obj: Object) -> Object:
        """`obj` with our finalizer, so that it cannot go before we have cleaned up."""
        if fields.FINALIZER in objects.finalizers(obj):
            return obj
        return self._set_finalizers(obj, [*objects.finalizers(obj), fields.FINALIZER])

    def remove_finalizer(self, obj: Object) -> None:
        """Let `obj` go."""
        if fields.FINALIZER in objects.finalizers(obj):
            kept = [mark for mark in objects.finalizers(obj) if mark != fields.FINALIZER]
            self._set_finalizers(obj, kept)

    def _set_finalizers(self, obj: Object, finalizers: list[str]) -> Object:
        # The version makes the write fail when somebody else changed the list meanwhile.
        metadata = {
            "finalizers": finalizers,
            "resourceVersion": obj["metadata"]["resourceVersion"],
        }
        try:
            answer = self._cluster.patch(
                Ref.of(obj), {"metadata": metadata}, field_manager=self._manager
            )
        except errors.NotFound:
            return obj
        except errors.Conflict as error:
            raise Retry(str(error)) from None
        return self._keep(answer)

    def _keep(self, obj: Object) -> Object:
        with self._lock:
            self._written[Key.of(obj)] = obj
        return obj


def _is_newer(one: Object, other: Object) -> bool:
    return objects.uid(one) == objects.uid(other) and _version(one) > _version(other)


def _version(obj: Object) -> int:
    return int(obj["metadata"]["resourceVersion"])
