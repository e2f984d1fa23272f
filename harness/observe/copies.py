"""A live copy of a kind as the observer needs it, whoever keeps it, and the news of its changes."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from harness.cluster import reflector
from harness.cluster.client import Cluster
from harness.cluster.reflector import Change, ChangeType, Key, Reflector
from harness.model.objects import Object

KindName = tuple[str, str]
"""apiVersion and kind."""


@dataclass(frozen=True, slots=True)
class News:
    """One object changed; what it became is read by whoever wants to know."""

    cluster: str
    type: ChangeType
    kind: str
    key: Key
    read: Callable[[], Object]


OnNews = Callable[[News], None]


class Copy(Protocol):
    """What is known of a kind on a cluster."""

    synced: threading.Event
    """Set once the first list is in."""
    trouble: str | None
    """Why it may be old, as long as it may be."""

    def get(self, namespace: str | None, name: str) -> Object | None:
        """One known object."""
        ...

    def items(self) -> list[Object]:
        """All that is known now."""
        ...

    def stop(self) -> None:
        """End it."""
        ...


Watch = Callable[[Cluster, KindName, OnNews], Copy]
"""Begins a copy of a kind; returns at once."""


def directly(cluster: Cluster, kind: KindName, on_news: OnNews) -> Copy:
    """By a watch of our own."""

    def tell(change: Change) -> None:
        on_news(
            News(
                change.cluster,
                change.type,
                kind[1],
                reflector.key(change.object),
                lambda: change.object,
            )
        )

    return Reflector(cluster, *kind, on_change=tell).start()
