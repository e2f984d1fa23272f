"""The system's own bootstrap repository: out of reach, and the stages that kubectl tells then."""

from collections.abc import Iterator

from pytest_bdd import given, then, when

from harness.errors import Inconclusive, Nonconformance
from harness.gitserver.client import GitServer
from harness.model import conditions, objects
from harness.steps import commands, judging, syncs
from harness.steps.expressions import expression
from harness.steps.world import APPLY_API, GIT_API, World

_DESCRIBE = (
    "kubectl describe gitopsrepositories.dispatch.d2iq.io -n<PROJECT_NAMESPACE> "
    "<GITOPS_SOURCE_NAME>"
)
_KUSTOMIZATION = (
    "kubectl get kustomizations.kustomize.toolkit.fluxcd.io -n<PROJECT_NAMESPACE> "
    "<GITOPS_SOURCE_NAME> -oyaml"
)
_GIT = (
    "kubectl get gitrepository.source.toolkit.fluxcd.io -n<PROJECT_NAMESPACE> "
    "<GITOPS_SOURCE_NAME> -oyaml"
)


@given("the bootstrap repository cannot be reached")
def unreachable(world: World) -> Iterator[None]:
    """Every request to it fails, until the scenario lifts that or ends."""
    if world.bench.bootstrap is None:
        raise Inconclusive("precondition", "The system lends no control of its bootstrap server.")
    for name in world.bench.bootstrap.repositories():
        world.bench.bootstrap.repository(name).set_fault("500")
    yield
    reachable(world)


@when("the bootstrap repository can be reached again")
def reachable(world: World) -> None:
    """It answers."""
    if world.bench.bootstrap is not None:
        restore(world.bench.bootstrap)


def restore(server: GitServer) -> None:
    """Lift what a scenario did to it."""
    for name in server.repositories():
        server.repository(name).clear_fault()


@then(expression("the status of {string} on the management cluster tells an error", "alias"))
def tells_error(world: World, alias: str) -> None:
    """A condition that is False, with a message."""
    ref = world.source(alias).ref

    def probe() -> str | None:
        obj = world.scope.lookup("management", ref)
        told = objects.status(obj or {}).get("conditions") or []
        if any(c.get("status") == "False" and c.get("message") for c in told):
            return None
        return f"management: {ref} tells no error; its conditions are {told}"

    world.scope.until(probe, within=world.bench.patience.report_error, budget="report_error")


@then(
    expression("the status of {string} on the management cluster tells no error any more", "alias")
)
def tells_no_error(world: World, alias: str) -> None:
    """No condition is False."""
    ref = world.source(alias).ref

    def probe() -> str | None:
        obj = world.scope.lookup("management", ref)
        told = objects.status(obj or {}).get("conditions") or []
        wrong = [c for c in told if c.get("status") == "False"]
        return f"management: {ref} still tells {wrong}" if wrong or not told else None

    world.scope.until(probe, within=world.bench.patience.report_error, budget="report_error")


@then(expression("the management cluster has no success event of {string}", "alias"))
def no_success_event(world: World, alias: str) -> None:
    """Its controllers had their turn (they told the error), and announced nothing."""
    ref = world.source(alias).ref
    if any(syncs.is_success(event) for event in world.scope.events("management", ref)):
        raise Nonconformance(f"management: {ref} was announced, but nothing could be written")


@then(
    expression(
        "the commands of the documentation tell that the CD manifests of {string} are not written",
        "alias",
    )
)
def stage_not_written(world: World, alias: str) -> None:
    """No event on the management cluster, and neither Flux object on an attached one."""
    tells_error(world, alias)
    described = commands.run(world, "management", _DESCRIBE)
    if "ManifestSyncSuccess" in described:
        raise Nonconformance(f"`{_DESCRIBE}` shows the success event:\n{described}")
    for cluster in world.clusters:
        for command in (_GIT, _KUSTOMIZATION):
            said = commands.fails(world, cluster, command)
            if "NotFound" not in said:
                raise Nonconformance(f"{cluster}: `{command}` says {said}, not NotFound")


@then(expression("the commands of the documentation tell that {string} is not fetched", "alias"))
def stage_not_fetched(world: World, alias: str) -> None:
    """The event is there; the GitRepository is not Ready."""
    _await_stage(world, alias, fetched="False", applied="False")
    if "ManifestSyncSuccess" not in commands.run(world, "management", _DESCRIBE):
        raise Nonconformance(f"`{_DESCRIBE}` does not show the success event")
    _told(world, fetched="False", applied="False")


@then(
    expression("the commands of the documentation tell that {string} is fetched and not applied",
               "alias")
)  # fmt: skip
def stage_not_applied(world: World, alias: str) -> None:
    """The GitRepository is Ready, the Kustomization is not."""
    _await_stage(world, alias, fetched="True", applied="False")
    _told(world, fetched="True", applied="False")


@then(expression("the commands of the documentation tell that {string} is applied", "alias"))
def stage_applied(world: World, alias: str) -> None:
    """Both are Ready."""
    _await_stage(world, alias, fetched="True", applied="True")
    _told(world, fetched="True", applied="True")


def _await_stage(world: World, alias: str, *, fetched: str, applied: str) -> None:
    source = world.source(alias)

    def one(cluster: str) -> str | None:
        for api, kind, wanted in (
            (GIT_API, "GitRepository", fetched),
            (APPLY_API, "Kustomization", applied),
        ):
            obj = world.scope.get(cluster, api, kind, source.name)
            if obj is None:
                return f"there is no {kind} {source.name}"
            if (conditions.find(obj, "Ready") or {}).get("status") != wanted:
                return f"{conditions.explain(obj)}; expected Ready={wanted}"
        return None

    world.scope.until(
        judging.everywhere(world, one), within=world.bench.patience.sync, budget="sync"
    )


def _told(world: World, *, fetched: str, applied: str) -> None:
    for cluster in world.clusters:
        for command, wanted in ((_GIT, fetched), (_KUSTOMIZATION, applied)):
            obj = commands.decided(world, cluster, command, "Ready")
            ready = conditions.find(obj, "Ready") or {}
            if ready.get("status") != wanted:
                raise Nonconformance(f"{cluster}: `{command}` shows {conditions.explain(obj)}")
