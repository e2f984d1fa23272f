"""
A live copy of one kind: list, watch, resume, and list again on 410.

Whatever the order of events, disconnects and expiries, the copy ends as a list would show it, and
`on_change` has been told each difference once; `on_state` is told what is wrong with the copy, and
None whenever a list is in.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from harness.cluster import errors
from harness.cluster.client import Cluster
from harness.cluster.watches import Stopper
from harness.model import objects
from harness.model.objects import Object

log = logging.getLogger(__name__)

ChangeType = Literal["ADDED", "MODIFIED", "DELETED"]
Key = tuple[str, str]

_RETRY_FIRST = 0.05
_RETRY_MOST = 5.0


@dataclass(frozen=True, slots=True)
class Change:
    """One object changed; `old` is what was known before, None for a new one."""

    cluster: str
    type: ChangeType
    object: Object
    old: Object | None


def key(obj: Object) -> Key:
    """(namespace, name); the namespace of a cluster-scoped object is empty."""
    return objects.namespace(obj) or "", objects.name(obj)


class Reflector:
    """Keeps a copy of a kind and tells each change, from a thread of its own."""

    def __init__(
        self,
        cluster: Cluster,
        api_version: str,
        kind: str,
        namespace: str | None = None,
        *,
        labels: str | None = None,
        fields: str | None = None,
        on_change: Callable[[Change], None],
        on_state: Callable[[str | None], None] = lambda _: None,
    ) -> None:
        self.cluster = cluster
        self.api_version = api_version
        self.kind = kind
        self._scope = (namespace, labels, fields)
        self._on_change = on_change
        self._on_state = on_state
        self._items: dict[Key, Object] = {}
        self._stopper = Stopper()
        self._stopping = threading.Event()
        self.synced = threading.Event()
        self.trouble: str | None = None
        self._thread = threading.Thread(
            target=self._run, name=f"reflector-{cluster.name}-{kind}", daemon=True
        )

    def start(self) -> Reflector:
        """Begin; `synced` is set once the first list has been told."""
        self._thread.start()
        return self

    def stop(self) -> None:
        """End the watch; returns when the thread is gone."""
        self._stopping.set()
        self._stopper.stop()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join(timeout=5.0)

    def items(self) -> list[Object]:
        """What is known now."""
        return list(self._items.values())

    def get(self, namespace: str | None, name: str) -> Object | None:
        """One known object."""
        return self._items.get((namespace or "", name))

    def _run(self) -> None:
        pause = _RETRY_FIRST
        while not self._stopping.is_set():
            begun = time.monotonic()
            try:
                self._follow(self._relist())
                pause = _RETRY_FIRST
            except errors.Expired:
                continue
            except Exception as error:
                # An answer that is no Kubernetes answer must not end the copy in silence either.
                if time.monotonic() - begun > _RETRY_MOST:
                    pause = _RETRY_FIRST
                known = isinstance(error, errors.ClusterError)
                self.trouble = str(error) if known else f"{type(error).__name__}: {error}"
                self._on_state(self.trouble)
                log.debug(
                    "reflector %s on %s: %s",
                    self.kind,
                    self.cluster.name,
                    error,
                    exc_info=not known,
                )
                self._stopping.wait(pause)
                pause = min(pause * 2, _RETRY_MOST)

    def _relist(self) -> str:
        namespace, labels, fields = self._scope
        listing = self.cluster.list(
            self.api_version, self.kind, namespace, labels=labels, fields=fields
        )
        fresh = {key(item): item for item in listing.items}
        for gone in self._items.keys() - fresh.keys():
            self._tell("DELETED", self._items[gone])
        for item in fresh.values():
            self._accept(item)
        self.trouble = None
        self.synced.set()
        self._on_state(None)
        return listing.resource_version

    def _follow(self, resource_version: str) -> None:
        namespace, labels, fields = self._scope
        while not self._stopping.is_set():
            stream = self.cluster.watch(
                self.api_version,
                self.kind,
                namespace,
                resource_version=resource_version,
                labels=labels,
                fields=fields,
                stopper=self._stopper,
            )
            for event, obj in stream:
                resource_version = obj["metadata"]["resourceVersion"]
                if event == "DELETED":
                    self._tell("DELETED", obj)
                elif event != "BOOKMARK":
                    self._accept(obj)

    def _accept(self, obj: Object) -> None:
        old = self._items.get(key(obj))
        if old is None:
            self._tell("ADDED", obj)
        elif objects.uid(old) != objects.uid(obj):  # deleted and made anew while we were away
            self._tell("DELETED", old)
            self._tell("ADDED", obj)
        elif old["metadata"]["resourceVersion"] != obj["metadata"]["resourceVersion"]:
            self._tell("MODIFIED", obj)

    def _tell(self, change: ChangeType, obj: Object) -> None:
        obj.setdefault("apiVersion", self.api_version)
        obj.setdefault("kind", self.kind)
        old = self._items.get(key(obj))
        if change == "DELETED":
            self._items.pop(key(obj), None)
        else:
            self._items[key(obj)] = obj
        try:
            self._on_change(Change(self.cluster.name, change, obj, old))
        except Exception:
            # A listener's mistake must not end the copy for everybody else.
            log.exception("a listener failed on %s %s", self.kind, key(obj))
