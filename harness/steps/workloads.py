"""
Applications that run: their pods on the nodes, and what somebody does to them with kubectl.

The application is the suite's own: no registry is needed, and its answers are known. Logs and
a command in its container tell which of the two versions it is.
"""

from dataclasses import dataclass

from pytest_bdd import given, then, when

from harness.errors import HarnessBug, Inconclusive, Nonconformance, NotYet
from harness.model import conditions, objects
from harness.model.objects import Object, Ref
from harness.steps import judging, manual
from harness.steps.expressions import expression
from harness.steps.world import SourceUse, World

_BY_HAND = 3
"""Neither what Git says nor what a Deployment has by default."""
_COMMAND = "/workload"


@dataclass(frozen=True, slots=True)
class Wanted:
    """An application as it should run."""

    deployment: Object
    """As Git has it; what differs by hand is beside it."""
    replicas: int
    image: str

    @property
    def ref(self) -> Ref:
        """Its Deployment."""
        return Ref.of(self.deployment)

    @property
    def labels(self) -> dict[str, str]:
        """What its pods carry."""
        return dict(objects.spec(self.deployment)["selector"]["matchLabels"])


@given("clusters that run the application of the suite")
def pods_run(world: World) -> None:
    """They have nodes, and the nodes have the image."""
    if not world.bench.workload_images:
        raise Inconclusive("precondition", "These clusters run no pods of the suite's application.")


@given(expression("a running application of {string}", "alias"))
def given_running(world: World, alias: str) -> None:
    """As Git says, before anything is done to it."""
    try:
        runs(world, alias)
    except NotYet as error:
        raise world.given(f"The application of {alias}", error) from error


@then(expression("the application of {string} runs on every cluster of the project", "alias"))
def runs(world: World, alias: str) -> None:
    """Available at its present specification, with as many ready pods as Git says and no other."""
    _await_running(world, alias, of_git(world, world.source(alias)))


@when(
    expression(
        "somebody scales the application of {string} and sets its image with kubectl "
        "on every cluster of the project",
        "alias",
    )
)
def debug(world: World, alias: str) -> None:
    """More pods than in Git, of the other version; from here on nothing may change."""
    git = of_git(world, world.source(alias))
    other = next(image for image in world.bench.workload_images if image != git.image)
    changed = Wanted(git.deployment, _BY_HAND, other)
    name = objects.name(git.deployment)
    for cluster in world.clusters:
        kubectl = manual.runner(world, cluster)
        kubectl("scale", "deployment", name, f"--replicas={changed.replicas}")
        kubectl("set", "image", f"deployment/{name}", f"{_container(git)['name']}={other}")
    _await_running(world, alias, changed)
    world.settle(alias)


@then(
    expression(
        "the logs of the application of {string}, and a command in it, tell its version", "alias"
    )
)
def tells_version(world: World, alias: str) -> None:
    """`kubectl logs` and `kubectl exec` reach the pods; what they say is the image's version."""
    wanted = of_git(world, world.source(alias))
    target = f"deployment/{objects.name(wanted.deployment)}"
    for cluster in world.clusters:
        now = world.scope.lookup(cluster, wanted.ref)
        if now is None:
            raise Nonconformance(f"{cluster}: there is no {wanted.ref}")
        version = 1 + world.bench.workload_images.index(_containers(now)[0]["image"])
        kubectl = manual.runner(world, cluster)
        logs = kubectl("logs", target)
        if f"version {version} serves" not in logs:
            raise Nonconformance(
                f"{cluster}: the logs of {target} of version {version} are {logs!r}"
            )
        answer = kubectl("exec", target, "--", _COMMAND, "version")
        if answer != f"version {version}\n":
            raise Nonconformance(f"{cluster}: {target} of version {version} answers {answer!r}")


@then(expression("the pods of the application of {string} are the same as before", "alias"))
def same_pods(world: World, alias: str) -> None:
    """Nobody replaced, added or removed one since it was last seen run."""
    before = _seen(world, alias)
    now = _uids(world, of_git(world, world.source(alias)))
    if now != before:
        raise Nonconformance(
            f"of the pods of {alias}, {len(before - now)} are gone and {len(now - before)} are new"
        )


@then(
    expression(
        "no pod of the application of {string} is left on any cluster of the project", "alias"
    )
)
def no_pods(world: World, alias: str) -> None:
    """Those that ran before are gone, and there are no others."""
    _seen(world, alias)
    wanted = of_git(world, world.source(alias))

    def one(cluster: str) -> str | None:
        left = [objects.name(pod) for pod in _pods(world, cluster, wanted)]
        return f"still there: pods {', '.join(left)}" if left else None

    world.scope.until(
        judging.everywhere(world, one), within=world.bench.patience.delete, budget="delete"
    )


def of_git(world: World, source: SourceUse) -> Wanted:
    """The application as the newest commit has it."""
    [deployment] = [o for o in world.expected(source).objects if o["kind"] == "Deployment"]
    [container] = _containers(deployment)
    return Wanted(deployment, int(objects.spec(deployment)["replicas"]), container["image"])


def not_running(wanted: Wanted, deployment: Object | None, pods: list[Object]) -> str | None:
    """What is missing until an application runs as wanted, and nothing else of it does."""
    if deployment is None:
        return f"there is no {wanted.ref}"
    unready = [trouble for pod in pods if (trouble := _trouble(pod, wanted.image))]
    told = f"; {'; '.join(unready)}" if unready else ""
    if len(pods) != wanted.replicas:
        return f"{wanted.ref} has {len(pods)} pods, not {wanted.replicas}{told}"
    if unready:
        return f"{wanted.ref} does not run{told}"
    status = objects.status(deployment)
    if status.get("observedGeneration") != objects.generation(deployment):
        return f"{wanted.ref}: its present specification is not seen yet"
    available = conditions.find(deployment, "Available") or {}
    if available.get("status") != "True":
        return conditions.explain(deployment, "Available")
    if status.get("availableReplicas") != wanted.replicas:
        return f"{wanted.ref} has {status.get('availableReplicas', 0)} available pods"
    return None


def _await_running(world: World, alias: str, wanted: Wanted) -> None:
    def one(cluster: str) -> str | None:
        deployment = world.scope.lookup(cluster, wanted.ref)
        return not_running(wanted, deployment, _pods(world, cluster, wanted))

    world.scope.until(
        judging.everywhere(world, one), within=world.bench.patience.sync, budget="sync"
    )
    world.pods[alias] = _uids(world, wanted)


def _trouble(pod: Object, image: str) -> str | None:
    """Why a pod does not count, in words."""
    name = objects.name(pod)
    if objects.deleting(pod):
        return f"pod {name} is on its way out"
    found = [container["image"] for container in objects.spec(pod).get("containers") or []]
    if found != [image]:
        return f"pod {name} has the image {', '.join(found)}, not {image}"
    if (conditions.find(pod, "Ready") or {}).get("status") == "True":
        return None
    states = [s.get("state") or {} for s in objects.status(pod).get("containerStatuses") or []]
    why = [f"{s['waiting'].get('reason')}: {s['waiting'].get('message', '')}".strip(": ")
           for s in states if s.get("waiting")]  # fmt: skip
    return f"pod {name} is {objects.status(pod).get('phase')}, not ready {', '.join(why)}".strip()


def _pods(world: World, cluster: str, wanted: Wanted) -> list[Object]:
    labels = wanted.labels.items()
    return [
        pod
        for pod in world.scope.all(cluster, "v1", "Pod")
        if labels <= objects.labels(pod).items()
    ]


def _uids(world: World, wanted: Wanted) -> set[tuple[str, str]]:
    return {
        (cluster, objects.uid(pod))
        for cluster in world.clusters
        for pod in _pods(world, cluster, wanted)
    }


def _seen(world: World, alias: str) -> set[tuple[str, str]]:
    if not world.pods.get(alias):
        raise HarnessBug(f"No pod of {alias} was seen before: nothing is shown.")
    return world.pods[alias]


def _container(wanted: Wanted) -> Object:
    return _containers(wanted.deployment)[0]


def _containers(deployment: Object) -> list[Object]:
    return list(objects.spec(deployment)["template"]["spec"]["containers"])
