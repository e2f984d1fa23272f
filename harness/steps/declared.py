"""What becomes visible of a declared source: kinds that are served, specs, and refusals."""

from collections.abc import Callable
from typing import Any

from pytest_bdd import then, when

from harness.cluster.client import Cluster
from harness.cluster.errors import Invalid, NoSuchKind
from harness.errors import Nonconformance
from harness.model import conditions, objects
from harness.model.objects import Ref
from harness.steps import judging, sources
from harness.steps.expressions import expression
from harness.steps.world import (
    APPLY_API,
    BRANCH,
    FEDERATED_API,
    GIT_API,
    SOURCE_API,
    SourceUse,
    World,
)


@when("a GitOps source without a URL is created")
def create_without_url(world: World) -> None:
    """Everything but `cloneUrl`."""
    name = world.names.source()
    obj = {
        "apiVersion": SOURCE_API,
        "kind": "GitopsRepository",
        "metadata": {"name": name, "namespace": world.namespace},
        "spec": {"template": {"path": "./gitops", "ref": {"branch": BRANCH}}},
    }
    world.output["without-url"] = name
    try:
        world.bench.management.create(obj, field_manager="kubectl-create")
    except Invalid as refusal:
        world.output["refusal"] = refusal.message


@then("it is refused or reported, and no cluster has a GitRepository for it")
def refused_or_reported(world: World) -> None:
    """The API server said no, or the object's status says what is wrong."""
    name = world.output["without-url"]
    if "refusal" not in world.output:
        ref = Ref(SOURCE_API, "GitopsRepository", name, world.namespace)
        world.scope.until(
            lambda: _reported(world, ref),
            within=world.bench.patience.report_error,
            budget="report_error",
        )
    for cluster in world.clusters:
        if world.scope.get(cluster, GIT_API, "GitRepository", name) is not None:
            raise Nonconformance(f"{cluster}: a source without URL became GitRepository {name}")


@then(expression("the wrong URL of {string} is reported", "alias"))
def wrong_url_reported(world: World, alias: str) -> None:
    """On the source, on what became of it, or on the Kustomization that carries it (A-07)."""
    source = world.source(alias)

    def probe() -> str | None:
        missing = _reported(world, source.ref)
        if missing is None:
            return None
        for cluster in world.clusters:
            for kind, api in (("GitRepository", GIT_API), ("Kustomization", APPLY_API)):
                for name in (source.name, "project"):
                    obj = world.scope.get(cluster, api, kind, name)
                    ready = conditions.find(obj, "Ready") if obj else None
                    if ready and ready.get("status") == "False" and ready.get("message"):
                        return None
        return missing

    world.scope.until(probe, within=world.bench.patience.report_error, budget="report_error")


@then("the management cluster serves namespaced GitopsRepositories")
def serves_sources(world: World) -> None:
    """`kubectl api-resources --api-group=dispatch.d2iq.io` has them."""
    served(world.bench.management, SOURCE_API, "GitopsRepository", "gitopsrepositories")


@then("the management cluster serves namespaced FederatedSecrets")
def serves_federated_secrets(world: World) -> None:
    """`kubectl api-resources --api-group=types.kubefed.io` has them, as v1beta1."""
    served(world.bench.management, FEDERATED_API, "FederatedSecret", "federatedsecrets")


@then("every cluster of the project serves the kinds of Flux")
def serves_flux(world: World) -> None:
    """GitRepository and Kustomization, namespaced."""
    for cluster in world.clusters:
        served(world.cluster(cluster), GIT_API, "GitRepository", "gitrepositories")
        served(world.cluster(cluster), APPLY_API, "Kustomization", "kustomizations")


def served(cluster: Cluster, api_version: str, kind: str, plural: str) -> None:
    """Raise unless the API server serves the kind, namespaced, under that plural."""
    try:
        resource = cluster.resource(api_version, kind)
    except NoSuchKind as error:
        raise Nonconformance(str(error)) from error
    if resource.plural != plural or not resource.namespaced:
        raise Nonconformance(f"{cluster.name}: {kind} is served as {resource}")


@then(
    expression(
        "the GitRepository of {string} has the URL of the repository "
        "on every cluster of the project",
        "alias",
    )
)
def has_url(world: World, alias: str) -> None:
    """User information aside, `spec.url` is what the user gave."""
    source = world.source(alias)
    wanted = sources.url_of(source)
    _spec_everywhere(
        world,
        source,
        lambda spec: (
            None
            if _without_user(str(spec.get("url"))) == _without_user(wanted)
            else f"has the URL {spec.get('url')}, not {wanted}"
        ),
    )


@then(
    expression(
        "the GitRepository of {string} uses the secret {string} on every cluster of the project",
        "alias",
        "secret",
    )
)
def uses_secret(world: World, alias: str, secret: str) -> None:
    """`spec.secretRef.name` is the project secret's name, or a copy with the same data."""
    wanted = world.secret(secret)
    source = world.source(alias)

    def one(cluster: str) -> str | None:
        obj = judging.flux_object(world, source, "GitRepository", cluster)
        if obj is None:
            return f"there is no GitRepository {source.name}"
        name = (objects.spec(obj).get("secretRef") or {}).get("name")
        held = world.scope.get(cluster, "v1", "Secret", name) if name else None
        model = world.scope.get(cluster, "v1", "Secret", wanted.name)
        if held is None or model is None or held.get("data") != model.get("data"):
            return f"GitRepository {source.name} uses the secret {name}, not {wanted.name}"
        return None

    world.scope.until(
        judging.everywhere(world, one), within=world.bench.patience.sync, budget="sync"
    )


@then(
    expression(
        "the GitRepository of {string} names no secret on every cluster of the project", "alias"
    )
)
def names_no_secret(world: World, alias: str) -> None:
    """`spec.secretRef` is empty."""
    _spec_everywhere(
        world,
        world.source(alias),
        lambda spec: f"names the secret {spec['secretRef']}" if spec.get("secretRef") else None,
    )


def _reported(world: World, ref: Ref) -> str | None:
    obj = world.scope.lookup("management", ref)
    if obj is None:
        return f"management: there is no {ref}"
    for condition in objects.status(obj).get("conditions") or []:
        if condition.get("status") == "False" and condition.get("message"):
            return None
    if any(e.get("type") == "Warning" for e in world.scope.events("management", ref)):
        world.variants.append(f"{ref}: the error is told by an event only")
        return None
    return f"management: {ref} neither says what is wrong nor has it a Warning event"


def _spec_everywhere(world: World, source: SourceUse, explain: Callable[[Any], str | None]) -> None:
    def one(cluster: str) -> str | None:
        obj = judging.flux_object(world, source, "GitRepository", cluster)
        if obj is None:
            return f"there is no GitRepository {source.name}"
        missing = explain(objects.spec(obj))
        return f"GitRepository {source.name} {missing}" if missing else None

    world.scope.until(
        judging.everywhere(world, one), within=world.bench.patience.sync, budget="sync"
    )


def _without_user(url: str) -> str:
    scheme, _, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}://{host.rpartition('@')[2]}{slash}{path}"
