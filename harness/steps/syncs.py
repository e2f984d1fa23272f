"""What a sync leaves behind: objects, conditions, revisions, events, in the right order."""

from pytest_bdd import then

from harness.errors import Nonconformance
from harness.model import conditions, match, objects, oracle
from harness.model.objects import Object, Ref
from harness.observe.timeline import Entry
from harness.steps import judging
from harness.steps.expressions import expression
from harness.steps.world import APPLY_API, GIT_API, SourceUse, World

_EVENT = {
    "type": "Normal",
    "reason": "ManifestSyncSuccess",
    "message": "manifests synced to bootstrap repo",
}
_COMPONENT = "GitopsRepositoryController"


@then(expression("the manifests of {string} exist on every cluster of the project", "alias"))
def deployed(world: World, alias: str) -> None:
    """As the oracle says for the newest commit; what it no longer holds is gone."""
    source = world.source(alias)
    world.scope.until(
        judging.deployed(world, source), within=world.bench.patience.sync, budget="sync"
    )


@then(expression("the manifests of {string} exist on the clusters that are served", "alias"))
def deployed_where_served(world: World, alias: str) -> None:
    """The same, on all clusters of the project but the refused one."""
    served = [cluster for cluster in world.clusters if cluster != world.refused]
    world.scope.until(
        judging.deployed(world, world.source(alias), clusters=served),
        within=world.bench.patience.sync,
        budget="sync",
    )


@then(
    expression(
        "the nested Kustomization of {string} deploys its own path on every cluster of the project",
        "alias",
    )
)
def nested(world: World, alias: str) -> None:
    """A Flux Kustomization from the repository becomes Ready and has its own objects applied."""
    source = world.source(alias)
    [child] = [o for o in world.expected(source).objects if o["kind"] == "Kustomization"]
    path = str(objects.spec(child)["path"])
    owner = SourceUse(alias, objects.name(child), world.namespace, source.repository, [path])
    for probe in (
        judging.deployed(world, owner),
        judging.ready_at(world, owner, "Kustomization", source.repository.head),
    ):
        world.scope.until(probe, within=world.bench.patience.sync, budget="sync")


@then(
    expression(
        "exactly the manifests of {string} carry its owner labels on every cluster of the project",
        "alias",
    )
)
def exactly_owned(world: World, alias: str) -> None:
    """Nothing but the content of the path belongs to the source."""
    source = world.source(alias)
    wanted = set(world.expected(source).refs)

    def one(cluster: str) -> str | None:
        found = judging.owned(world, source, cluster)
        if found == wanted:
            return None
        lacking, extra = sorted(wanted - found, key=str), sorted(found - wanted, key=str)
        return (
            f"the owner labels of {source.name} are missing on {_listed(lacking)} "
            f"and stand on {_listed(extra)} besides"
        )

    world.scope.until(
        judging.everywhere(world, one), within=world.bench.patience.sync, budget="sync"
    )


@then(
    expression(
        "the inventory of {string} lists exactly its manifests on every cluster of the project",
        "alias",
    )
)
def inventory(world: World, alias: str) -> None:
    """`status.inventory` is the oracle's."""
    source = world.source(alias)
    expected = world.expected(source)

    def one(cluster: str) -> str | None:
        obj = judging.flux_object(world, source, "Kustomization", cluster) or {}
        entries = (objects.status(obj).get("inventory") or {}).get("entries") or []
        findings = oracle.judge(
            expected,
            lambda ref: world.scope.lookup(cluster, ref),
            inventory=[entry["id"] for entry in entries],
        )
        return "; ".join(map(str, findings)) or None

    world.scope.until(
        judging.everywhere(world, one), within=world.bench.patience.sync, budget="sync"
    )


@then(
    expression(
        "the Kustomization of {string} points to the GitRepository of that name "
        "on every cluster of the project",
        "alias",
    )
)
def points_to(world: World, alias: str) -> None:
    """`spec.sourceRef` is GitRepository/<source>."""
    source = world.source(alias)

    def one(cluster: str) -> str | None:
        if judging.flux_object(world, source, "GitRepository", cluster) is None:
            return f"there is no GitRepository {source.name}"
        obj = judging.flux_object(world, source, "Kustomization", cluster)
        if obj is None:
            return f"there is no Kustomization {source.name}"
        target = objects.spec(obj).get("sourceRef") or {}
        if (target.get("kind"), target.get("name")) != ("GitRepository", source.name):
            return f"Kustomization {source.name} points to {target}"
        return None

    world.scope.until(
        judging.everywhere(world, one), within=world.bench.patience.sync, budget="sync"
    )


@then(
    expression(
        "the {flux} of {string} is ready at that commit on every cluster of the project",
        "kind",
        "alias",
    )
)
def ready_at_commit(world: World, kind: str, alias: str) -> None:
    """Ready=True for the present generation, at the newest commit."""
    source = world.source(alias)
    world.scope.until(
        judging.ready_at(world, source, kind, source.repository.head),
        within=world.bench.patience.sync,
        budget="sync",
    )


@then(expression("every cluster of the project has dealt with that commit of {string}", "alias"))
def dealt_with(world: World, alias: str) -> None:
    """The newest commit was tried everywhere; whether it may succeed is not asked."""
    source = world.source(alias)
    world.scope.until(
        judging.dealt_with(world, source, source.repository.head),
        within=world.bench.patience.sync,
        budget="sync",
    )


@then(
    expression("the revision of {string} is that commit on every cluster of the project", "alias")
)
def revision_is(world: World, alias: str) -> None:
    """Fetched and applied are the newest commit."""
    for kind in ("GitRepository", "Kustomization"):
        ready_at_commit(world, kind, alias)


@then(
    expression(
        "what {string} removed from {string} is gone from every cluster of the project",
        "label",
        "alias",
    )
)
def pruned(world: World, label: str, alias: str) -> None:
    """Objects that the commit no longer holds, but an earlier one did."""
    source = world.source(alias)
    commit = source.repository.commit(label)
    earlier = source.repository.commits[: source.repository.commits.index(commit)]
    before = {ref for each in earlier for ref in world.expected(source, each).refs}
    removed = before - set(world.expected(source, commit).refs)
    if not removed:
        raise Nonconformance(f"the commit {label} of {alias} removes nothing: nothing is shown")

    def one(cluster: str) -> str | None:
        left = oracle.gone(sorted(removed, key=str), lambda ref: world.scope.lookup(cluster, ref))
        return "; ".join(map(str, left)) or None

    world.scope.until(
        judging.everywhere(world, one), within=world.bench.patience.sync, budget="sync"
    )


@then(expression("nobody asked for a reconciliation of {string}", "alias"))
def unpoked(world: World, alias: str) -> None:
    """The annotation that asks for an early run was never seen on the source's objects."""
    name = world.source(alias).name
    for entry in world.scope.history():
        if entry.ref.name == name and "reconcile.fluxcd.io/requestedAt" in objects.annotations(
            entry.object
        ):
            raise Nonconformance(f"{entry.cluster}: somebody asked {entry.ref} to reconcile")


@then(expression("the management cluster has the success event of {string}", "alias"))
def success_event(world: World, alias: str) -> None:
    """Normal, ManifestSyncSuccess, from GitopsRepositoryController, with the page's message."""
    ref = world.source(alias).ref

    def probe() -> str | None:
        seen = world.scope.events("management", ref)
        if any(is_success(event) for event in seen):
            return None
        told = [f"{e.get('type')} {e.get('reason')}: {e.get('message')}" for e in seen]
        return f"management: {ref} has no event {_EVENT}; it has {told}"

    world.scope.until(probe, within=world.bench.patience.event, budget="event")


@then("the management cluster has the success event of each source")
def success_events(world: World) -> None:
    """One for each source of the scenario."""
    for alias in world.sources:
        success_event(world, alias)


@then(
    expression(
        "every cluster of the project gets the CD manifests of {string} after they were announced",
        "alias",
    )
)
def cd_manifests(world: World, alias: str) -> None:
    """The GitRepository and the Kustomization that the event speaks of arrive everywhere."""
    source = world.source(alias)

    def one(cluster: str) -> str | None:
        for kind in ("GitRepository", "Kustomization"):
            if judging.flux_object(world, source, kind, cluster) is None:
                return f"there is no {kind} {source.name}"
        return None

    world.scope.until(
        judging.everywhere(world, one), within=world.bench.patience.sync, budget="sync"
    )


@then(expression("the stages of the sync of {string} came in the documented order", "alias"))
def stages(world: World, alias: str) -> None:
    """CD manifests announced; fetched, applied, ready; each Ready after what it speaks of."""
    success_event(world, alias)
    revision_is(world, alias)
    source = world.source(alias)
    for cluster in world.clusters:
        fetched = _first_ready(world, source, "GitRepository", GIT_API, cluster)
        applied = _first_ready(world, source, "Kustomization", APPLY_API, cluster)
        if judging.resource_version(fetched.object) > judging.resource_version(applied.object):
            raise Nonconformance(f"{cluster}: the Kustomization was Ready before the GitRepository")
    never_ready_early(world, alias)


@then(
    expression("the Kustomization of {string} was never ready before its objects existed", "alias")
)
def never_ready_early(world: World, alias: str) -> None:
    """Whenever a Kustomization was Ready at a commit, every object of the commit existed."""
    source = world.source(alias)
    for cluster in world.clusters:
        for commit in source.repository.commits:
            ready = _ready_entries(world, source, "Kustomization", APPLY_API, cluster, commit.sha)
            if not ready:
                continue
            moment = judging.resource_version(ready[0].object)
            for ref in world.expected(source, commit).refs:
                made = [e for e in judging.entries_of(world, cluster, ref) if e.change != "DELETED"]
                if not made or judging.resource_version(made[0].object) > moment:
                    raise Nonconformance(
                        f"{cluster}: Kustomization {source.name} was Ready at {commit.label} "
                        f"before {ref} existed"
                    )


@then(
    expression(
        "the {flux} of {string} was never ready on any cluster of the project", "kind", "alias"
    )
)
def never_ready(world: World, kind: str, alias: str) -> None:
    """No Ready=True in the whole history."""
    source = world.source(alias)
    api = GIT_API if kind == "GitRepository" else APPLY_API
    for cluster in world.clusters:
        early = _ready_entries(world, source, kind, api, cluster, None)
        if early:
            raise Nonconformance(f"{cluster}: {conditions.explain(early[0].object)} too early")


@then(
    expression(
        "no cluster of the project ever applied the commit {string} of {string}", "label", "alias"
    )
)
def never_applied(world: World, label: str, alias: str) -> None:
    """Neither the status nor an object ever showed the commit."""
    source = world.source(alias)
    skipped = source.repository.commit(label)
    for cluster in world.clusters:
        if _ready_entries(world, source, "Kustomization", APPLY_API, cluster, skipped.sha):
            raise Nonconformance(f"{cluster}: {source.name} applied the missed commit {label}")
        seen_of(world, source, cluster, skipped.label)


@then(
    expression(
        "nothing that {string} adds or changes in {string} was seen on any cluster",
        "label",
        "alias",
    )
)
def never_seen(world: World, label: str, alias: str) -> None:
    """The history of every cluster shows no object or value of the withheld commit."""
    source = world.source(alias)
    for cluster in world.clusters:
        seen_of(world, source, cluster, label)


def seen_of(world: World, source: SourceUse, cluster: str, label: str) -> None:
    """Raise if an object as only the commit `label` has it was ever on the cluster."""
    commit = source.repository.commit(label)
    others = [
        obj
        for each in source.repository.commits
        if each is not commit
        for obj in world.expected(source, each).objects
    ]
    for wanted in world.expected(source, commit).objects:
        if wanted in others:
            continue
        for entry in judging.entries_of(world, cluster, Ref.of(wanted)):
            if entry.change != "DELETED" and not match.differences(wanted, entry.object):
                raise Nonconformance(
                    f"{cluster}: {entry.ref} was seen as only the commit {label} has it"
                )


def is_success(event: Object) -> bool:
    """Whether an event is the documented one, to the letter."""
    component = (event.get("source") or {}).get("component") or event.get("reportingComponent")
    about = str((event.get("involvedObject") or {}).get("apiVersion"))
    return (
        all(event.get(key) == value for key, value in _EVENT.items())
        and component == _COMPONENT
        and about.startswith("dispatch.d2iq.io/")
    )


def _first_ready(world: World, source: SourceUse, kind: str, api: str, cluster: str) -> Entry:
    found = _ready_entries(world, source, kind, api, cluster, source.repository.head.sha)
    if not found:
        raise Nonconformance(f"{cluster}: {kind} {source.name} was never seen Ready")
    return found[0]


def _ready_entries(
    world: World, source: SourceUse, kind: str, api: str, cluster: str, sha: str | None
) -> list[Entry]:
    ref = Ref(api, kind, source.name, source.namespace)
    return [
        entry
        for entry in judging.entries_of(world, cluster, ref)
        if entry.change != "DELETED"
        and (conditions.find(entry.object, "Ready") or {}).get("status") == "True"
        and (sha is None or judging.revision_of(entry.object) == sha)
    ]


def _listed(refs: list[Ref]) -> str:
    return ", ".join(map(str, refs)) or "nothing"
