"""The end of a run: whatever its scenarios made is gone from every cluster."""

import contextlib

from harness.cluster.client import Cluster
from harness.cluster.errors import ClusterError
from harness.config import Session, noted
from harness.errors import NotYet
from harness.kit.wait import Patience
from harness.model import objects
from harness.model.objects import Ref
from harness.observe.observer import Observer
from harness.plugin import sight
from harness.steps.world import PROJECT_API, SOURCE_API

_NAMESPACE = ("v1", "Namespace")
_PROJECT = (PROJECT_API, "Project")


def wait_until_clean(session: Session) -> list[str]:
    """What is left once the deadline is over; empty when nothing is."""
    made = noted(session.journal)
    projects = {name for kind, name in made if kind == "project"}
    spaces = {name for kind, name in made if kind == "namespace"}
    clusters = sight.connect(session)
    management = next(iter(clusters))
    _withdraw(clusters[management], session.workspace, made)
    observer = Observer(
        clusters,
        {n: (_NAMESPACE, _PROJECT) if n == management else (_NAMESPACE,) for n in clusters},
    )
    observer.start()

    def left() -> list[str]:
        found = [
            f"{cluster}: Namespace {objects.name(obj)}"
            for cluster in clusters
            for obj in observer.follow(cluster, _NAMESPACE).items()
            if objects.name(obj) in spaces
        ]
        return found + [
            f"{management}: Project {objects.name(obj)}"
            for obj in observer.follow(management, _PROJECT).items()
            if objects.name(obj) in projects
        ]

    try:
        observer.until(
            lambda: ", ".join(left()) or None,
            within=Patience.of(session.patience).namespace_gone,
            budget="namespace_gone",
            scope=None,
        )
    except NotYet:
        return left()
    finally:
        observer.stop()
    return []


def _withdraw(cluster: Cluster, workspace: str, made: list[tuple[str, str]]) -> None:
    """Ask again for what a scenario that was cut off could not ask for itself."""
    for kind, name in made:
        if kind == "project":
            ref = Ref(PROJECT_API, "Project", name, workspace)
        elif kind == "source":
            namespace, _, source = name.partition("/")
            ref = Ref(SOURCE_API, "GitopsRepository", source, namespace)
        else:
            continue
        with contextlib.suppress(ClusterError):
            cluster.delete(ref)
