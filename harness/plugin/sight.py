"""
The fleet as one process of the suite sees it: connected, and watched.

With several workers the run watches for all of them. A worker begins while it waits for its first
scenario; in the process that runs all by itself the first scenario that asks does.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from harness import config as sessions
from harness.cluster import client
from harness.cluster.client import Cluster
from harness.config import Session
from harness.errors import SetupError, UsageError
from harness.observe import copies
from harness.observe.copies import KindName
from harness.observe.observer import ATTACHED_KINDS, MANAGEMENT_KINDS, Observer
from harness.observe.sharing import Address, Broadcaster, Subscription

_KEY = pytest.StashKey["Sight"]()


@dataclass(frozen=True, slots=True)
class Sight:
    """The clusters by name, the management cluster first, and what is seen of them."""

    clusters: Mapping[str, Cluster]
    observer: Observer
    subscription: Subscription | None

    def end(self) -> None:
        """Look no more."""
        self.observer.stop()
        if self.subscription:
            self.subscription.close()
        for cluster in self.clusters.values():
            cluster.close()


@contextlib.contextmanager
def shared(session_file: Path) -> Iterator[None]:
    """Watch for all workers that read this session while the block lasts."""
    session = Session.read(session_file)
    clusters = connect(session)
    broadcaster = Broadcaster(clusters, _kinds(clusters))
    try:
        address = broadcaster.address
        sessions.note(session.journal, "secret", address.key)
        told = replace(session, changes_port=address.port, changes_key=address.key)
        told.write(session_file.name)
        yield
    finally:
        broadcaster.close()
        for cluster in clusters.values():
            cluster.close()


def of(config: pytest.Config, session: Session) -> Sight:
    """Of the process, begun now if it was not; SetupError once it is clear that it will not be."""
    seen = config.stash.get(_KEY, None) or _begin(config, session)
    seen.observer.await_synced()
    return seen


def begin_early(config: pytest.Config) -> None:
    """Begin if there is a fleet; what stands in the way is told to whoever asks for it."""
    named = os.environ.get(sessions.SESSION_VARIABLE)
    with contextlib.suppress(SetupError, UsageError):
        if named:
            _begin(config, Session.read(Path(named)))


def end(config: pytest.Config) -> None:
    """Stop looking, if anybody began."""
    seen = config.stash.get(_KEY, None)
    if seen is not None:
        seen.end()


def _begin(config: pytest.Config, session: Session) -> Sight:
    clusters = connect(session)
    subscription = None
    if session.changes_port:
        subscription = Subscription(Address(session.changes_port, session.changes_key))
    watch = subscription.watch if subscription else copies.directly
    observer = Observer(clusters, _kinds(clusters), watch=watch)
    seen = config.stash[_KEY] = Sight(clusters, observer, subscription)
    observer.begin()
    if subscription:
        subscription.start()
    return seen


def connect(session: Session) -> dict[str, Cluster]:
    """The clusters by name, the management cluster first."""
    return {name: client.connect(Path(path), name=name) for name, path in session.clusters.items()}


def _kinds(clusters: Mapping[str, Cluster]) -> dict[str, Sequence[KindName]]:
    management = next(iter(clusters))
    return {name: MANAGEMENT_KINDS if name == management else ATTACHED_KINDS for name in clusters}
