"""
What somebody does to the clusters by hand: with the real kubectl, or as another tool would.

Every object of the source gets something done to it that Git would undo.
"""

import subprocess
from collections.abc import Callable

from pytest_bdd import given, then, when

from harness.errors import HarnessBug, Nonconformance
from harness.model import objects
from harness.model.objects import Object, Ref
from harness.steps.expressions import expression
from harness.steps.world import SourceUse, World

_EVERYWHERE = "of {string} with {tool} on every cluster of the project"
_REPLICAS = 2


@when(expression(f"somebody changes and deletes objects {_EVERYWHERE}", "alias", "tool"))
@given(expression(f"somebody changes, scales and deletes objects {_EVERYWHERE}", "alias", "tool"))
@when(expression(f"somebody changes, scales and deletes objects {_EVERYWHERE}", "alias", "tool"))
def change_and_delete(world: World, alias: str, tool: str) -> None:
    """One ConfigMap is changed, the Deployment scaled, the Service deleted."""
    _everywhere(world, alias, tool, delete=True)


@given(expression(f"somebody changes and scales objects {_EVERYWHERE}", "alias", "tool"))
def change_and_scale(world: World, alias: str, tool: str) -> None:
    """One ConfigMap is changed and the Deployment scaled."""
    _everywhere(world, alias, tool, delete=False)


@given("somebody creates an object of their own on every cluster of the project")
def create_own(world: World) -> None:
    """A ConfigMap that no repository knows."""
    name = world.names.config()
    world.own_object = Ref("v1", "ConfigMap", name, world.namespace)
    for cluster in world.clusters:
        world.cluster(cluster).create(
            {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": {"name": name, "namespace": world.namespace},
                "data": {"made": "by hand"},
            },
            field_manager="kubectl-create",
        )


@then("the object of their own is still there")
def own_stays(world: World) -> None:
    """Nobody deleted or changed it."""
    ref = world.own_object
    if ref is None:
        raise HarnessBug("This scenario created no object of somebody's own.")
    for cluster in world.clusters:
        obj = world.cluster(cluster).find(ref)
        if obj is None or obj.get("data") != {"made": "by hand"}:
            raise Nonconformance(f"{cluster}: {ref}, made by hand, is {obj and obj.get('data')}")
        uids = {objects.uid(e.object) for e in world.scope.history(cluster=cluster) if e.ref == ref}
        if len(uids) > 1:
            raise Nonconformance(f"{cluster}: {ref}, made by hand, was deleted and made anew")


@then(expression("what was deployed of {string} is still there", "alias"))
@then(expression("every object of {string} is the same as before", "alias"))
def same_as_before(world: World, alias: str) -> None:
    """The same uid: nothing was deleted, also not to be made anew."""
    source = world.source(alias)
    if not source.snapshot:
        raise HarnessBug(f"Nothing of {alias} was there before: nothing is shown.")
    for (cluster, ref), before in source.snapshot.items():
        now = world.scope.lookup(cluster, ref)
        if now is None or objects.uid(now) != objects.uid(before):
            raise Nonconformance(f"{cluster}: {ref} was deleted{' and made anew' if now else ''}")


@then(expression("every object of {string} is gone from every cluster of the project", "alias"))
def objects_gone(world: World, alias: str) -> None:
    """Each object of every commit, and whatever carried the source's owner labels."""
    source = world.source(alias)

    def probe() -> str | None:
        for cluster in world.clusters:
            refs = world.every_ref(source) | source.seen_before.get(cluster, set())
            left = [str(r) for r in sorted(refs, key=str) if world.scope.lookup(cluster, r)]
            if left:
                return f"{cluster}: still there: {', '.join(left)}"
        return None

    world.scope.until(probe, within=world.bench.patience.delete, budget="delete")


@then(
    expression(
        "the GitRepository and the Kustomization of {string} are gone "
        "from every cluster of the project",
        "alias",
    )
)
def flux_objects_gone(world: World, alias: str) -> None:
    """The CD manifests are removed as well."""
    source = world.source(alias)

    def probe() -> str | None:
        for cluster in world.clusters:
            for api, kind in (
                ("source.toolkit.fluxcd.io/v1", "GitRepository"),
                ("kustomize.toolkit.fluxcd.io/v1", "Kustomization"),
            ):
                if world.scope.get(cluster, api, kind, source.name) is not None:
                    return f"{cluster}: {kind} {source.name} still exists"
        return None

    world.scope.until(probe, within=world.bench.patience.delete, budget="delete")


def _everywhere(world: World, alias: str, tool: str, *, delete: bool) -> None:
    source = world.source(alias)
    act = _with_kubectl if tool == "kubectl" else _with_another_tool
    for cluster in world.clusters:
        act(world, cluster, source, delete=delete)
    _await_seen(world, source, delete=delete)
    world.settle(alias)


def _with_kubectl(world: World, cluster: str, source: SourceUse, *, delete: bool) -> None:
    config, deployment, service = _targets(world, source)
    key = next(iter(config["data"]))
    run = runner(world, cluster)
    run("patch", "configmap", objects.name(config), "--type=merge", "-p",
        f'{{"data":{{"{key}":"changed by hand"}}}}')  # fmt: skip
    run("scale", "deployment", objects.name(deployment), f"--replicas={_REPLICAS}")
    if delete:
        run("delete", "service", objects.name(service))


def _with_another_tool(world: World, cluster: str, source: SourceUse, *, delete: bool) -> None:
    config, deployment, service = _targets(world, source)
    client = world.cluster(cluster)
    manager = world.names.word("tool")
    key = next(iter(config["data"]))
    for target, change in (
        (config, {"data": {key: "changed by hand"}}),
        (deployment, {"spec": {"replicas": _REPLICAS}}),
    ):
        client.apply(
            {
                "apiVersion": target["apiVersion"],
                "kind": target["kind"],
                "metadata": {"name": objects.name(target), "namespace": world.namespace},
                **change,
            },
            field_manager=manager,
        )
    if delete:
        client.delete(Ref.of(service))


def _targets(world: World, source: SourceUse) -> tuple[Object, Object, Object]:
    """The first ConfigMap, the Deployment and the Service of the commit that is deployed."""
    deployed = world.expected(source, source.repository.commits[0]).objects

    def first(kind: str) -> Object:
        return next(obj for obj in deployed if obj["kind"] == kind)

    return first("ConfigMap"), first("Deployment"), first("Service")


def runner(world: World, cluster: str) -> Callable[..., str]:
    """The real kubectl in the project namespace of a cluster; what it prints."""

    def run(*arguments: str) -> str:
        done = subprocess.run(
            [str(world.bench.kubectl), "--namespace", world.namespace, *arguments],
            env={
                "KUBECONFIG": str(world.bench.kubeconfigs[cluster]),
                "HOME": str(world.bench.scratch),
            },
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        if done.returncode:
            raise Nonconformance(f"{cluster}: kubectl {' '.join(arguments)}: {done.stderr.strip()}")
        return done.stdout

    return run


def _await_seen(world: World, source: SourceUse, *, delete: bool) -> None:
    """Until the observer has seen the changes, so that whatever follows counts as a reaction."""
    config, deployment, service = _targets(world, source)

    def probe() -> str | None:
        for cluster in world.clusters:
            history = world.scope.history(cluster=cluster)
            if not any(
                e.ref == Ref.of(config)
                and "changed by hand" in (e.object.get("data") or {}).values()
                for e in history
            ):
                return f"{cluster}: the change to {Ref.of(config)} is not seen yet"
            if not any(
                e.ref == Ref.of(deployment) and objects.spec(e.object).get("replicas") == _REPLICAS
                for e in history
            ):
                return f"{cluster}: the scaling of {Ref.of(deployment)} is not seen yet"
            if delete and not any(
                e.ref == Ref.of(service) and e.change == "DELETED" for e in history
            ):
                return f"{cluster}: the deletion of {Ref.of(service)} is not seen yet"
        return None

    world.scope.until(probe, within=world.bench.patience.event, budget="event")
