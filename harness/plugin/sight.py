"""
The fleet as one process of the suite sees it: connected, and watched.

A worker begins while it waits for its first scenario; in the process that runs all by itself the
first scenario that asks does.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness import config as sessions
from harness.cluster import client
from harness.cluster.client import Cluster
from harness.config import Session
from harness.errors import SetupError, UsageError
from harness.observe.observer import ATTACHED_KINDS, MANAGEMENT_KINDS, Observer

_KEY = pytest.StashKey["Sight"]()


@dataclass(frozen=True, slots=True)
class Sight:
    """The clusters by name, the management cluster first, and the watches on them."""

    clusters: Mapping[str, Cluster]
    observer: Observer


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
    """Stop watching, if anybody began."""
    seen = config.stash.get(_KEY, None)
    if seen is not None:
        seen.observer.stop()
        for cluster in seen.clusters.values():
            cluster.close()


def _begin(config: pytest.Config, session: Session) -> Sight:
    clusters = {
        name: client.connect(Path(path), name=name) for name, path in session.clusters.items()
    }
    management = next(iter(clusters))
    observer = Observer(
        clusters,
        {name: MANAGEMENT_KINDS if name == management else ATTACHED_KINDS for name in clusters},
    )
    seen = config.stash[_KEY] = Sight(clusters, observer)
    observer.begin()
    return seen
