"""
Probes: what is still missing on the clusters, in a sentence, or None.

Each is built from a world and evaluated whenever something changed (observe). The oracle says what
must be; these say where it is not so.
"""

import operator
import re
from collections.abc import Callable, Iterable
from typing import Any

from harness.model import conditions, objects, oracle, revision
from harness.model.objects import Object, Ref
from harness.observe.observer import ATTACHED_KINDS, Probe, first_missing
from harness.observe.timeline import Entry
from harness.steps.world import APPLY_API, GIT_API, Commit, SourceUse, World


def everywhere(
    world: World, one: Callable[[str], str | None], clusters: Iterable[str] | None = None
) -> Probe:
    """A probe over clusters (all of the project's); its sentence begins with the cluster's name."""

    def on(cluster: str) -> Probe:
        def probe() -> str | None:
            missing = one(cluster)
            return None if missing is None else f"{cluster}: {missing}"

        return probe

    return first_missing(on(cluster) for cluster in clusters or world.clusters)


def deployed(
    world: World,
    source: SourceUse,
    commit: Commit | None = None,
    *,
    clusters: Iterable[str] | None = None,
) -> Probe:
    """The commit is on every cluster as the oracle says, and what it removed is gone."""
    commit = commit or source.repository.head
    expected = world.expected(source, commit)
    removed = sorted(world.every_ref(source) - set(expected.refs), key=str)
    refs = (*expected.refs, *removed)
    told: dict[str, tuple[list[Object | None], str | None]] = {}

    def one(cluster: str) -> str | None:
        # Asked at every event, most of which are about something else: an observer keeps an object
        # until it has a newer one, so the same objects have the same answer.
        seen = [world.scope.lookup(cluster, ref) for ref in refs]
        known = told.get(cluster)
        if known and all(map(operator.is_, known[0], seen)):
            return known[1]
        current = dict(zip(refs, seen, strict=True))
        findings = oracle.judge(expected, current.__getitem__)
        findings += oracle.gone(removed, current.__getitem__)
        answer = "; ".join(map(str, findings)) or None
        told[cluster] = seen, answer
        return answer

    return everywhere(world, one, clusters)


def flux_object(world: World, source: SourceUse, kind: str, cluster: str) -> Object | None:
    """The source's GitRepository or Kustomization on a cluster."""
    api = GIT_API if kind == "GitRepository" else APPLY_API
    return world.scope.get(cluster, api, kind, source.name)


def ready_at(
    world: World,
    source: SourceUse,
    kind: str,
    commit: Commit,
    *,
    clusters: Iterable[str] | None = None,
) -> Probe:
    """The GitRepository or Kustomization is Ready at that commit on every cluster."""

    def one(cluster: str) -> str | None:
        obj = flux_object(world, source, kind, cluster)
        if obj is None:
            return f"there is no {kind} {source.name}"
        missing = conditions.explain_ready(obj)
        if missing:
            return missing
        at = revision_of(obj)
        if at != commit.sha:
            return f"{kind} {source.name} is Ready at {at}, not at {commit.sha} ({commit.label})"
        return None

    return everywhere(world, one, clusters)


def dealt_with(world: World, source: SourceUse, commit: Commit) -> Probe:
    """The Kustomization of each cluster has tried that commit, with whatever success."""

    def one(cluster: str) -> str | None:
        obj = flux_object(world, source, "Kustomization", cluster)
        if obj is None:
            return f"there is no Kustomization {source.name}"
        tried = revision.commit_of(objects.status(obj).get("lastAttemptedRevision"))
        settled = conditions.explain_ready(obj) is None or (
            (conditions.find(obj, "Ready") or {}).get("status") == "False"
        )
        if tried == commit.sha and settled:
            return None
        return (
            f"Kustomization {source.name} tried {tried}, not {commit.sha} ({commit.label}); "
            f"{conditions.explain(obj)}"
        )

    return everywhere(world, one)


def revision_of(obj: Object) -> str | None:
    """The commit that a GitRepository has fetched or a Kustomization has applied."""
    status = objects.status(obj)
    if obj["kind"] == "GitRepository":
        return revision.commit_of((status.get("artifact") or {}).get("revision"))
    return revision.commit_of(status.get("lastAppliedRevision"))


def not_ready(
    world: World,
    source: SourceUse,
    kind: str,
    *,
    reasons: Iterable[str],
    message: str,
    clusters: Iterable[str] | None = None,
) -> Probe:
    """The object is Ready=False for one of `reasons` with a message that `message` matches."""
    accepted = set(reasons)
    pattern = re.compile(message, re.IGNORECASE | re.DOTALL)

    def one(cluster: str) -> str | None:
        obj = flux_object(world, source, kind, cluster)
        if obj is None:
            return f"there is no {kind} {source.name}"
        ready = conditions.find(obj, "Ready")
        wanted = f"Ready=False for {' or '.join(sorted(accepted))} with /{message}/"
        if (
            ready is None
            or ready.get("status") != "False"
            or ready.get("reason") not in accepted
            or not pattern.search(str(ready.get("message")))
        ):
            return f"{conditions.explain(obj)}; expected {wanted}"
        return None

    return everywhere(world, one, clusters)


def traces(world: World, source: SourceUse, cluster: str, refs: Iterable[Ref]) -> list[str]:
    """What is, or ever was, on a cluster of these objects or of anything that the source owns."""
    wanted = set(refs)
    ever = {
        str(entry.ref)
        for entry in world.scope.history(cluster=cluster)
        if entry.ref in wanted or owned_by(entry.object, source)
    }
    now = {str(ref) for ref in wanted if world.scope.lookup(cluster, ref) is not None}
    return sorted(ever | now)


def owned_by(obj: Object, source: SourceUse) -> bool:
    """Whether an object carries the owner labels of the source's Kustomization."""
    labels = objects.labels(obj)
    return (
        labels.get(oracle.OWNER_NAME) == source.name
        and labels.get(oracle.OWNER_NAMESPACE) == source.namespace
    )


def owned(world: World, source: SourceUse, cluster: str) -> set[Ref]:
    """All objects of the observed kinds that carry the source's owner labels."""
    return {
        Ref.of(obj)
        for api_version, kind in ATTACHED_KINDS
        if kind not in ("Namespace", "Event")
        for obj in world.scope.all(cluster, api_version, kind)
        if owned_by(obj, source)
    }


def changes(world: World, source: SourceUse) -> list[str]:
    """What was done to the source's objects since `settle`, on any cluster of the project."""
    refs = world.every_ref(source)
    told = []
    seen: dict[tuple[str, Ref], Any] = {
        where: substance(obj) for where, obj in source.snapshot.items()
    }
    for entry in world.scope.history(since=source.since):
        if entry.cluster not in world.clusters:
            continue
        if entry.ref not in refs and not owned_by(entry.object, source):
            continue
        where = (entry.cluster, entry.ref)
        new = None if entry.change == "DELETED" else substance(entry.object)
        if new != seen.get(where):
            told.append(f"{entry.cluster}: {entry.ref} was {_verb(entry)}")
        seen[where] = new
    return told


def substance(obj: Object) -> Any:
    """What somebody wrote into an object: neither status nor bookkeeping."""
    metadata = obj.get("metadata", {})
    return {
        **{k: v for k, v in obj.items() if k not in ("metadata", "status")},
        "uid": metadata.get("uid"),
        "labels": metadata.get("labels"),
        # The deployment controller notes its rollout here.
        "annotations": {
            k: v
            for k, v in (metadata.get("annotations") or {}).items()
            if k != "deployment.kubernetes.io/revision"
        },
        "deleting": objects.deleting(obj),
    }


def entries_of(world: World, cluster: str, ref: Ref) -> list[Entry]:
    """The history of one object on one cluster."""
    return [e for e in world.scope.history(cluster=cluster) if e.ref == ref]


def resource_version(obj: Object) -> int:
    """
    The place of a write in its cluster's history.

    Watches of two kinds are told in no fixed order, so "before" is judged by this and not by the
    time of receipt.
    """
    return int(obj["metadata"]["resourceVersion"])


def _verb(entry: Entry) -> str:
    return {"ADDED": "created", "MODIFIED": "changed", "DELETED": "deleted"}[entry.change]
