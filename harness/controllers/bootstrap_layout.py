"""
Where things lie in the bootstrap repository: `clusters/<cluster>/<namespace>/<source>.yaml`.

Everything is on one branch. Branch `projects/<namespace>` points at its last commit that concerned
a namespace; that is what the clusters follow, so that a change to one project wakes no other.

Only the management tier knows this layout; no scenario may rest on it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

ROOT = "clusters"
BRANCHES = "projects"
KEEP = ".gitkeep"


class Place(NamedTuple):
    """A project namespace on a cluster."""

    cluster: str
    namespace: str


def directory(cluster: str, namespace: str) -> str:
    """What the Kustomization `project` of a namespace on a cluster applies."""
    return f"{ROOT}/{cluster}/{namespace}"


def keep(cluster: str, namespace: str) -> str:
    """
    The file that keeps the directory when the last source is gone.

    Git stores no empty directory, and a Kustomization whose path is absent prunes nothing, while
    an empty one prunes everything.
    """
    return f"{directory(cluster, namespace)}/{KEEP}"


def manifest(cluster: str, namespace: str, source: str) -> str:
    """The file of one source."""
    return f"{directory(cluster, namespace)}/{source}.yaml"


def first() -> dict[str, str | None]:
    """What the repository holds before the first project: Flux cannot follow an empty one."""
    return {f"{ROOT}/{KEEP}": ""}


def branch(namespace: str) -> str:
    """The branch that moves when something of a namespace changes."""
    return f"{BRANCHES}/{namespace}"


def place_of(path: str) -> Place | None:
    """The directory that a file is in."""
    parts = path.split("/")
    return Place(parts[1], parts[2]) if len(parts) > 3 and parts[0] == ROOT else None


def places(paths: Iterable[str]) -> set[Place]:
    """The directories that files are in; other threads may add files meanwhile."""
    return {place for path in list(paths) if (place := place_of(path))}
