"""
What a fleet holds in a Docker engine: recorded before it is made, given back when the lease ends.

Kept in the lease's directory, so that whoever ends the fleet of a killed run finds it. Recognised
by exact names and by a label, both of which hold a random part: nothing of others is ever touched.
`docker` is enough to give everything back; `kind` need not be there any more.
"""

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harness import errors
from harness.cluster import docker, statefile
from harness.kit.clock import SYSTEM

LABEL = "gitops-conformance.fleet"
"""The label of our networks and containers; its value is the fleet's id."""

_FILE = "holdings.json"
WITHIN = 60.0
"""Seconds within which an engine finishes what it was told and lets go of all."""

_AT_LEAST_EVERY = 2.0  # not all that an engine finishes is an event


@dataclass(frozen=True, slots=True)
class Holdings:
    """The kind clusters of a fleet, the network that they share, and what else stands on it."""

    id: str
    clusters: tuple[str, ...]

    @property
    def network(self) -> str:
        """The network's name."""
        return self.id

    @property
    def label(self) -> str:
        """What the network and containers beside the clusters are recognised by."""
        return f"{LABEL}={self.id}"


def record(directory: Path, members: Sequence[str]) -> Holdings:
    """New names for the clusters of a fleet, kept before anything exists."""
    identifier = f"gc-{os.urandom(4).hex()}"
    made = Holdings(identifier, tuple(f"{identifier}-{member}" for member in members))
    statefile.write(directory / _FILE, {"id": made.id, "clusters": list(made.clusters)})
    return made


def read(directory: Path) -> Holdings | None:
    """What is recorded there, if anything."""
    content = statefile.read(directory / _FILE)
    return Holdings(content["id"], tuple(content["clusters"])) if content else None


def release(directory: Path) -> list[str]:
    """Remove all of it; say what was there. SetupError when Docker does not let it go."""
    held = read(directory)
    if held is None:
        return []
    try:
        removed = _remove(held)
    except errors.SetupError as error:
        raise errors.SetupError(
            f"The containers {held.id}-* could not be removed; `gitops-conformance down` or the "
            f"next start tries again. {error}"
        ) from error
    (directory / _FILE).unlink(missing_ok=True)
    return removed


def casualties(directory: Path) -> list[str]:
    """The clusters of which no node runs any more."""
    held = read(directory)
    if held is None:
        return []
    running = {node.cluster for node in docker.nodes(held.clusters) if node.state == "running"}
    return [f"kind cluster {name}" for name in held.clusters if name not in running]


def _remove(held: Holdings) -> list[str]:
    """
    Containers first, then the network.

    Again and again: an engine that was told to make a container finishes it even if whoever asked
    died, and in between it lets go neither of the container nor of the network.
    """
    removed: dict[str, None] = {}
    began = time.time()
    if _round(held, removed):
        return list(removed)
    deadline = SYSTEM.monotonic() + WITHIN
    with docker.changes(began) as changed:
        while not _round(held, removed):
            if (left := deadline - SYSTEM.monotonic()) <= 0:
                raise errors.SetupError(f"Something keeps the network {held.network} in use.")
            changed(min(left, _AT_LEAST_EVERY))
    return list(removed)


def _round(held: Holdings, removed: dict[str, None]) -> bool:
    """Remove what lets itself be removed; say whether nothing is left."""
    nodes = docker.nodes(held.clusters)
    others = docker.labelled(held.label)
    if nodes or others:
        docker.remove_containers([*(node.id for node in nodes), *others])
        removed |= dict.fromkeys(f"kind cluster {node.cluster}" for node in nodes)
    if others:
        removed[f"containers {held.id}-*"] = None
    networks = docker.networks(held.label)
    gone = [docker.remove_network(network) for network in networks]
    if networks and all(gone):
        removed[f"Docker network {held.network}"] = None
    return all(gone) and not docker.nodes(held.clusters) and not docker.labelled(held.label)
