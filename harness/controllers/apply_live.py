"""
What the cluster has of that which was applied, kept by one watch per kind.

A comparison with the cluster that finds every object at the version at which it was last found
right costs no request; so correcting drift every second costs nothing while there is none.
"""

from __future__ import annotations

import threading
from typing import Final

from harness.cluster.client import Cluster
from harness.cluster.reflector import Change, Reflector
from harness.model.objects import Object, Ref

_OWNED: Final = "kustomize.toolkit.fluxcd.io/name"


class Live:
    """A cluster's objects with an owner label, of every kind that was ever asked for."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._reflectors: dict[tuple[str, str], Reflector] = {}
        self._lock = threading.Lock()

    def get(self, ref: Ref) -> Object | None:
        """The object as last seen; None also when it lost its label or is not known yet."""
        reflector = self._reflectors.get((ref.api_version, ref.kind))
        return reflector.get(ref.namespace, ref.name) if reflector else None

    def version(self, ref: Ref) -> str | None:
        """The resource version of the object as last seen."""
        found = self.get(ref)
        return found["metadata"]["resourceVersion"] if found else None

    def follow(self, ref: Ref) -> None:
        """Watch the kind from now on."""
        kind = (ref.api_version, ref.kind)
        with self._lock:
            if kind not in self._reflectors:
                self._reflectors[kind] = Reflector(
                    self._cluster, *kind, labels=_OWNED, on_change=_nothing
                ).start()

    def stop(self) -> None:
        """End every watch."""
        with self._lock:
            for reflector in self._reflectors.values():
                reflector.stop()


def _nothing(change: Change) -> None:
    """The copy is all that is wanted."""
