"""GitOps sources: created, changed, suspended, resumed, deleted on the management cluster."""

from typing import Any

from pytest_bdd import given, then, when

from harness import data
from harness.cluster.client import Cluster
from harness.cluster.errors import ApiError, Invalid, NoSuchKind
from harness.errors import HarnessBug, Nonconformance, NotYet
from harness.gitserver.endpoints import Transport
from harness.model import conditions, objects
from harness.model.objects import Object, Ref
from harness.render import tree
from harness.steps import judging, tables
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

Table = list[list[str]]

_TRANSPORTS: dict[str, Transport] = {
    "HTTP": "http",
    "HTTPS": "https-trusted",
    "HTTPS with a self-signed certificate": "https-private",
    "HTTPS with a certificate for another host": "https-wrong-name",
    "SSH": "ssh",
}
_SCP = "SSH with an SCP-style URL"


@when(expression("the GitOps source {string} is created", "alias"))
def create(world: World, alias: str) -> None:
    """A GitopsRepository for the repository of that name, without a secret."""
    declare(world, alias, {})


@when(expression("the GitOps source {string} is created with:", "alias"))
def create_with(world: World, alias: str, datatable: Table) -> None:
    """A GitopsRepository with a transport, a secret or a path of its own."""
    declare(world, alias, tables.pairs(datatable))


@when(expression("the GitOps source {string} is created in a namespace of no project", "alias"))
def create_elsewhere(world: World, alias: str) -> None:
    """The same object, in the workspace's namespace; it is withdrawn when the scenario ends."""
    use = _use(world, alias, {})
    use.namespace = world.bench.workspace
    world.bench.journal("source", f"{use.namespace}/{use.name}")
    world.bench.management.create(manifest(world, use), field_manager="kubectl-create")
    use.namespace = world.namespace
    world.settle(alias)


@given(expression("a synced GitOps source {string}", "alias"))
def synced(world: World, alias: str) -> None:
    """A source on a public repository, whose first commit is on every cluster."""
    _synced(world, alias, {})


@given(expression("a synced GitOps source {string} at the path {string}", "alias", "path"))
def synced_at(world: World, alias: str, path: str) -> None:
    """As before, with another path."""
    _synced(world, alias, {"path": path})


@given(expression("a synced GitOps source {string} named {string}", "alias", "name"))
def synced_named(world: World, alias: str, name: str) -> None:
    """As before, with the name that the documentation uses."""
    _synced(world, alias, {"name": name})


@given(expression("a synced GitOps source {string} with the secret {string}", "alias", "secret"))
def synced_with_secret(world: World, alias: str, secret: str) -> None:
    """As before, on a repository that asks for the secret."""
    _synced(world, alias, {"secret": secret})


@when(expression("the GitOps source {string} is changed to:", "alias"))
def change(world: World, alias: str, datatable: Table) -> None:
    """An edit of transport, secret or path."""
    source = world.source(alias)
    fields = tables.pairs(datatable)
    source.fields |= fields
    if "path" in fields:
        source.paths.append(fields["path"])
    world.bench.management.apply(manifest(world, source), field_manager="kubectl-create")


@given(expression("the GitOps source {string} is resumed everywhere", "alias"))
def resumed_everywhere(world: World, alias: str) -> None:
    """Resumed, and the newest commit is on every cluster again."""
    resume(world, alias)
    try:
        _await_deployed(world, world.source(alias))
    except NotYet as error:
        raise world.given(f"The resumption of {alias}", error) from error


@when(expression("the GitOps source {string} is suspended", "alias"))
def suspend(world: World, alias: str) -> None:
    """`spec.template.suspend` becomes true."""
    _patch(world, alias, {"spec": {"template": {"suspend": True}}})
    world.settle(alias)


@when(expression("the GitOps source {string} is resumed", "alias"))
def resume(world: World, alias: str) -> None:
    """`spec.template.suspend` becomes false."""
    _patch(world, alias, {"spec": {"template": {"suspend": False}}})


@when(expression("the GitOps source {string} is deleted", "alias"))
def delete(world: World, alias: str) -> None:
    """The Delete action."""
    source = world.source(alias)
    source.seen_before = {
        cluster: judging.owned(world, source, cluster) for cluster in world.clusters
    }
    world.bench.management.delete(source.ref)


@given(expression("the GitOps source {string} is deleted everywhere", "alias"))
def deleted_everywhere(world: World, alias: str) -> None:
    """Deleted, and nothing of it is left; from here on nothing may come back."""
    delete(world, alias)
    source = world.source(alias)
    try:
        gone(world, alias)
        world.scope.until(
            judging.everywhere(world, lambda cluster: _left(world, source, cluster)),
            within=world.bench.patience.delete,
            budget="delete",
        )
    except NotYet as error:
        raise world.given(f"The deletion of {alias}", error) from error
    world.settle(alias)


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


@then(expression("the GitOps source {string} reads as suspended", "alias"))
def reads_suspended(world: World, alias: str) -> None:
    """The object on the management cluster holds what was asked of it."""
    obj = world.bench.management.get(world.source(alias).ref)
    if (objects.spec(obj).get("template") or {}).get("suspend") is not True:
        raise Nonconformance(f"{world.source(alias).ref}: spec.template.suspend is not true")


@then(expression("every cluster of the project shows the suspension of {string}", "alias"))
def shown_suspended(world: World, alias: str) -> None:
    """The Kustomization on each cluster is suspended (else drift would be corrected)."""
    source = world.source(alias)

    def one(cluster: str) -> str | None:
        obj = judging.flux_object(world, source, "Kustomization", cluster)
        if obj is None or not objects.spec(obj).get("suspend"):
            return f"Kustomization {source.name} is not suspended"
        return None

    world.scope.until(
        judging.everywhere(world, one),
        within=world.bench.patience.suspend_seen,
        budget="suspend_seen",
    )


@then(expression("the GitOps source {string} is gone", "alias"))
def gone(world: World, alias: str) -> None:
    """The GitopsRepository no longer exists; none of its finalizers is stuck."""
    source = world.source(alias)

    def probe() -> str | None:
        obj = world.scope.lookup("management", source.ref)
        if obj is None:
            return None
        said = "; ".join(
            f"{c.get('type')}={c.get('status')} {c.get('reason')}: {c.get('message')}"
            for c in objects.status(obj).get("conditions") or []
        )
        return f"management: {source.ref} still exists ({said})"

    world.scope.until(probe, within=world.bench.patience.delete, budget="delete")


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
    wanted = url_of(source)
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


def declare(world: World, alias: str, fields: dict[str, str]) -> SourceUse:
    """Create the GitopsRepository."""
    source = _use(world, alias, fields)
    world.bench.management.create(manifest(world, source), field_manager="kubectl-create")
    return source


def manifest(world: World, source: SourceUse) -> Object:
    """The GitopsRepository as a user writes it."""
    spec: dict[str, Any] = {
        "cloneUrl": url_of(source),
        "template": {
            "path": source.path,
            "ref": {"branch": source.fields.get("branch", BRANCH)},
            "suspend": False,
        },
    }
    alias = source.fields.get("secret")
    if alias:
        spec["secret"] = world.secret_use(alias).name
    return {
        "apiVersion": SOURCE_API,
        "kind": "GitopsRepository",
        "metadata": {"name": source.name, "namespace": source.namespace},
        "spec": spec,
    }


def url_of(source: SourceUse) -> str:
    """The repository's address over the transport that the feature names."""
    transport = source.fields.get("transport", "HTTP")
    handle = source.repository.handle
    if transport == _SCP:
        address = handle.url("ssh").removeprefix("ssh://")
        host, _, path = address.partition("/")
        return f"{host.partition(':')[0]}:{path}"
    if transport not in _TRANSPORTS:
        raise HarnessBug(f"No transport is called {transport!r}.")
    return handle.url(_TRANSPORTS[transport])


def _use(world: World, alias: str, fields: dict[str, str]) -> SourceUse:
    repository = world.repository(alias)
    name = fields.get("name") or repository.mapping["source"]
    path = fields.get("path") or tree.main_path(data.path("fixtures", "repositories", alias))
    source = SourceUse(alias, name, world.namespace, repository, [path], fields=dict(fields))
    world.sources[alias] = source
    return source


def _synced(world: World, alias: str, fields: dict[str, str]) -> None:
    if alias not in world.repositories:
        world.create_repository(alias, "nothing")
    if "name" in fields:
        world.repository(alias).mapping["source"] = fields["name"]
    source = declare(world, alias, fields)
    try:
        _await_deployed(world, source)
    except NotYet as error:
        raise world.given(f"The sync of {alias}", error) from error
    world.settle(alias)


def _await_deployed(world: World, source: SourceUse) -> None:
    head = source.repository.head
    for probe in (
        judging.deployed(world, source),
        judging.ready_at(world, source, "Kustomization", head),
        judging.ready_at(world, source, "GitRepository", head),
    ):
        world.scope.until(probe, within=world.bench.patience.sync, budget="sync")


def _patch(world: World, alias: str, patch: Object) -> None:
    try:
        world.bench.management.patch(world.source(alias).ref, patch, field_manager="kubectl-patch")
    except ApiError as error:
        raise Nonconformance(f"{world.source(alias).ref} could not be changed: {error}") from error


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


def _left(world: World, source: SourceUse, cluster: str) -> str | None:
    refs = world.every_ref(source) | source.seen_before.get(cluster, set())
    left = [str(ref) for ref in sorted(refs, key=str) if world.scope.lookup(cluster, ref)]
    left += [
        f"{kind} {source.name}"
        for kind in ("GitRepository", "Kustomization")
        if judging.flux_object(world, source, kind, cluster) is not None
    ]
    return f"still there: {', '.join(left)}" if left else None


def _spec_everywhere(world: World, source: SourceUse, explain: Any) -> None:
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
