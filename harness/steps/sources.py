"""GitOps sources: created, changed, suspended, resumed, deleted on the management cluster."""

from typing import Any

from pytest_bdd import given, then, when

from harness import data
from harness.cluster.errors import ApiError
from harness.errors import HarnessBug, Nonconformance, NotYet
from harness.gitserver.endpoints import Transport
from harness.model import objects
from harness.model.objects import Object
from harness.render import tree
from harness.steps import judging, tables
from harness.steps.expressions import expression
from harness.steps.world import (
    BRANCH,
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
    """
    Resumed, and every cluster has had its turn: what follows is no longer due to the resumption.

    That the objects are right is not enough: they are right already where nothing was missed.
    """
    resume(world, alias)
    try:
        _await_resumed(world, world.source(alias))
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


def _await_resumed(world: World, source: SourceUse) -> None:
    """No Flux object is suspended; that each is Ready for its new spec is asked afterwards."""

    def one(cluster: str) -> str | None:
        for kind in ("GitRepository", "Kustomization"):
            obj = judging.flux_object(world, source, kind, cluster)
            if obj is None or objects.spec(obj).get("suspend"):
                return f"{kind} {source.name} is still suspended"
        return None

    world.scope.until(
        judging.everywhere(world, one), within=world.bench.patience.resume, budget="resume"
    )


def _patch(world: World, alias: str, patch: Object) -> None:
    try:
        world.bench.management.patch(world.source(alias).ref, patch, field_manager="kubectl-patch")
    except ApiError as error:
        raise Nonconformance(f"{world.source(alias).ref} could not be changed: {error}") from error


def _left(world: World, source: SourceUse, cluster: str) -> str | None:
    refs = world.every_ref(source) | source.seen_before.get(cluster, set())
    left = [str(ref) for ref in sorted(refs, key=str) if world.scope.lookup(cluster, ref)]
    left += [
        f"{kind} {source.name}"
        for kind in ("GitRepository", "Kustomization")
        if judging.flux_object(world, source, kind, cluster) is not None
    ]
    return f"still there: {', '.join(left)}" if left else None
