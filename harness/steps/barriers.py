"""
"Nothing happens", proved: a control source in the same project has had its turn twice meanwhile.

The control source has the interval and the controllers of the source under test; each turn is a new
commit that arrives everywhere and a manual change that is undone everywhere (decision 13). Only
then is the source under test looked at.
"""

import contextlib
from collections.abc import Callable, Iterator

from pytest_bdd import given, then

from harness.errors import Nonconformance, NotYet
from harness.model import manifest
from harness.model.objects import Ref
from harness.steps import judging, sources
from harness.steps.expressions import expression
from harness.steps.world import World

CONTROL = "control"
_TURNS = 2


@given("a synced control source")
def control_source(world: World) -> None:
    """A second source of the project, with one ConfigMap."""
    sources.synced(world, CONTROL)


@given(expression("the GitOps source {string} is suspended everywhere", "alias"))
def suspended_everywhere(world: World, alias: str) -> None:
    """
    Suspended, and the suspension has reached the clusters; from here on nothing may change.

    Which Flux object carries a suspension is not documented. Where the Kustomization does not show
    it, the control source's turns tell that the clusters have had the time. Where it does, a turn
    that had begun before may still be on, and nothing tells of it: a commit that the control source
    is synced to afterwards takes longer than what such a turn has left to do.
    """
    sources.suspend(world, alias)
    try:
        sources.shown_suspended(world, alias)
    except NotYet:
        close(world)
        world.variants.append(f"the suspension of {alias} is not shown by its Kustomizations")
    else:
        if CONTROL in world.sources:
            with _needed(world):
                _synced_anew(world)
    world.settle(alias)


@then(
    expression(
        "nothing of {string} changes on any cluster while a control source is synced twice", "alias"
    )
)
def nothing_changes(world: World, alias: str) -> None:
    """No write to any object of the source since the moment that the scenario marked."""
    close(world)
    nothing_changed(world, alias)


@then(expression("nothing of {string} has changed on any cluster", "alias"))
def nothing_changed(world: World, alias: str) -> None:
    """The same, where the scenario itself shows that the controllers had their turn."""
    told = judging.changes(world, world.source(alias))
    if told:
        raise Nonconformance(f"{alias} must not change, yet {'; '.join(told)}")


@then(
    expression(
        "nothing of {string} is on any cluster while a control source is synced twice", "alias"
    )
)
def stays_away(world: World, alias: str) -> None:
    """None of its objects is created, or still there."""
    close(world)
    from_now_on = judging.changes(world, world.source(alias))
    source = world.source(alias)
    left = [
        f"{cluster}: {ref}"
        for cluster in world.bench.attached
        for ref in sorted(world.every_ref(source), key=str)
        if world.scope.lookup(cluster, ref) is not None
    ]
    if from_now_on or left:
        raise Nonconformance(f"{alias} must not be on any cluster, yet {from_now_on or left}")


@then(
    expression(
        "nothing of the rest of {string} is on any cluster while a control source is synced twice",
        "alias",
    )
)
def rest_stays_away(world: World, alias: str) -> None:
    """The files beside the path never became objects."""
    close(world)
    source = world.source(alias)
    inside = set(world.expected(source).refs)
    rest = set(world.expected(source, path="./").refs) - inside
    if not rest:
        raise Nonconformance(f"{alias} holds nothing beside {source.path}: nothing is shown")
    for cluster in world.clusters:
        found = judging.traces(world, source, cluster, rest)
        extra = [ref for ref in found if ref not in {str(r) for r in inside}]
        if extra:
            raise Nonconformance(f"{cluster}: {', '.join(extra)} lies beside the path")


@then("these changes stay on every cluster while a control source is synced twice")
def manual_changes_stay(world: World) -> None:
    """What somebody did by hand to a suspended source is not undone."""
    close(world)
    for alias in world.sources:
        if alias != CONTROL:
            nothing_changed(world, alias)


def close(world: World) -> None:
    """Let the control source have its turns; a control that does not move shows nothing at all."""
    if CONTROL not in world.sources:
        control_source(world)
    with _needed(world):
        for _ in range(_TURNS):
            _synced_anew(world)
            _until(world, _corrected(world, _disturb(world)), "drift")


@contextlib.contextmanager
def _needed(world: World) -> Iterator[None]:
    """A control source that does not move says nothing about the one under test."""
    try:
        yield
    except NotYet as error:
        raise world.given("The control source", error) from error


def _synced_anew(world: World) -> None:
    """A commit of the control source arrives everywhere."""
    world.barriers += 1
    commit = world.push_files(CONTROL, f"turn {world.barriers}", _turn(world))
    _until(world, judging.deployed(world, world.source(CONTROL), commit), "sync")


def _turn(world: World) -> dict[str, bytes]:
    """The control's manifest with a value that no commit had before."""
    head = world.source(CONTROL).repository.commit("v1").files
    [(path, content)] = [(p, c) for p, c in head.items() if p.endswith(".yaml")]
    [turn] = manifest.documents(content)
    turn["data"]["turn"] = str(world.barriers)
    return {path: manifest.dump(turn).encode()}


def _disturb(world: World) -> dict[tuple[str, Ref], int]:
    """Change the control's objects by hand; the resource version of each change."""
    written = {}
    for cluster in world.clusters:
        for obj in world.expected(world.source(CONTROL)).objects:
            changed = world.cluster(cluster).patch(
                Ref.of(obj),
                {"data": dict.fromkeys(obj["data"], "changed by hand")},
                field_manager="kubectl-edit",
            )
            written[cluster, Ref.of(obj)] = judging.resource_version(changed)
    return written


def _corrected(world: World, written: dict[tuple[str, Ref], int]) -> Callable[[], str | None]:
    """Every object was written again after the change by hand, and is as Git says."""
    as_git_says = judging.deployed(world, world.source(CONTROL))

    def probe() -> str | None:
        for (cluster, ref), version in written.items():
            now = world.scope.lookup(cluster, ref)
            if now is None or judging.resource_version(now) <= version:
                return f"{cluster}: the change by hand to {ref} is not undone yet"
        return as_git_says()

    return probe


def _until(world: World, probe: Callable[[], str | None], budget: str) -> None:
    world.scope.until(probe, within=getattr(world.bench.patience, budget), budget=budget)
