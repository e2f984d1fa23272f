"""Projects: the namespace of a scenario, its clusters, and those that it must not touch."""

from pytest_bdd import given, then

from harness.errors import Nonconformance, NotYet
from harness.model import objects
from harness.model.objects import Object, Ref
from harness.steps import judging, tables
from harness.steps.expressions import expression
from harness.steps.scoping import Scoping
from harness.steps.world import APPLY_API, FEDERATED_API, GIT_API, PROJECT_API, World

Table = list[list[str]]


@given("a project")
def a_project(world: World, scoping: Scoping) -> None:
    """A project on all attached clusters but the last, ready to take sources."""
    namespace = world.names.word("project")
    scoping.enter(world, namespace)
    create(world, world.names.project(), namespace)
    try:
        world.scope.until(
            lambda: _ready(world, namespace),
            within=world.bench.patience.project_ready,
            budget="project_ready",
        )
    except NotYet as error:
        raise world.given("The project", error) from error


@given(expression("another project with a project secret {string} with:", "alias"))
def another_project(world: World, alias: str, datatable: Table) -> None:
    """A second project on the same clusters, with a secret of its own."""
    namespace = world.names.word("project")
    create(world, world.names.project(), namespace)
    reflector = world.bench.observer.follow("management", (PROJECT_API, "Project"))
    world.bench.observer.until(
        lambda: (
            None
            if any(
                (objects.status(p).get("namespaceRef") or {}).get("name") == namespace
                for p in reflector.items()
            )
            else f"no Project has the namespace {namespace}"
        ),
        within=world.bench.patience.project_ready,
        budget="project_ready",
        scope=None,
    )
    world.apply_secret(alias, tables.pairs(datatable), namespace)


def create(world: World, name: str, namespace: str) -> Object:
    """The Project, placed on the scenario's clusters by name."""
    world.projects.append(name)
    world.bench.journal("project", name)
    world.bench.journal("namespace", namespace)
    return world.bench.management.create(
        {
            "apiVersion": PROJECT_API,
            "kind": "Project",
            "metadata": {"name": name, "namespace": world.bench.workspace},
            "spec": {
                "namespaceName": namespace,
                "workspaceRef": {"name": "default-workspace"},
                "placement": {"clusters": [{"name": cluster} for cluster in world.clusters]},
            },
        }
    )


def _ready(world: World, namespace: str) -> str | None:
    for cluster in ("management", *world.clusters):
        if world.scope.get(cluster, "v1", "Namespace", namespace) is None:
            return f"{cluster} has no namespace {namespace}"
    return None


@then("the clusters outside the project are untouched")
def outside_untouched(world: World) -> None:
    """No namespace, Flux object or anything else of the project on the other clusters."""
    for cluster in world.bench.outside_clusters:
        # The twin: the same eyes do see this cluster.
        seen = world.bench.observer.follow(cluster, ("v1", "Namespace")).items()
        if not any(objects.name(namespace) == "default" for namespace in seen):
            raise Nonconformance(f"{cluster}: the observation sees no namespace at all")
        touched = [str(entry.ref) for entry in world.scope.history(cluster=cluster)]
        for api, kind in ((GIT_API, "GitRepository"), (APPLY_API, "Kustomization")):
            touched += [
                str(Ref.of(obj))
                for obj in world.bench.observer.follow(cluster, (api, kind)).items()
                if objects.name(obj) in {source.name for source in world.sources.values()}
            ]
        if touched:
            raise Nonconformance(
                f"{cluster} is not in the project, yet it has {', '.join(sorted(set(touched)))}"
            )


@then(expression("the secret {string} and the project are still there", "alias"))
def secret_and_project_stay(world: World, alias: str) -> None:
    """Neither the secret that a source used nor the project went away with the source."""
    secret = world.secret(alias)
    missing = [
        f"{cluster}: Secret {secret.name}"
        for cluster in world.clusters
        if world.scope.get(cluster, "v1", "Secret", secret.name) is None
    ]
    missing += [
        f"{cluster}: Namespace {world.namespace}"
        for cluster in ("management", *world.clusters)
        if world.scope.get(cluster, "v1", "Namespace", world.namespace) is None
    ]
    federated = Ref(FEDERATED_API, "FederatedSecret", secret.name, world.namespace)
    if world.scope.lookup("management", federated) is None:
        missing.append(f"management: {federated}")
    if missing:
        raise Nonconformance(f"gone with the source: {', '.join(missing)}")


@then(
    expression("the namespace of the project does not belong to {string} on any cluster", "alias")
)
def namespace_not_owned(world: World, alias: str) -> None:
    """The namespace never carried the owner labels of the source."""
    source = world.source(alias)
    ref = Ref("v1", "Namespace", world.namespace)
    for cluster in world.clusters:
        seen = judging.entries_of(world, cluster, ref)
        # The twin: the namespace's own history is seen.
        if not seen:
            raise Nonconformance(f"{cluster}: nothing was seen of {ref}")
        if any(judging.owned_by(entry.object, source) for entry in seen):
            raise Nonconformance(
                f"{cluster}: {ref} carries the owner labels of {source.name}: deleting the source "
                "would delete the project's namespace"
            )


@then("the namespace of the project is still there on every cluster of the project")
def namespace_stays(world: World) -> None:
    """It exists and nobody asked for its removal."""
    for cluster in ("management", *world.clusters):
        found = world.scope.get(cluster, "v1", "Namespace", world.namespace)
        if found is None or objects.deleting(found):
            state = "is being deleted" if found else "is gone"
            raise Nonconformance(f"{cluster}: Namespace {world.namespace} {state}")
