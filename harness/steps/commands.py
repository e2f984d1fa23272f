"""The documentation's kubectl commands, run verbatim, and their output."""

import os
import re
import shlex
import subprocess

import yaml
from pytest_bdd import then, when

from harness.errors import HarnessBug, Nonconformance
from harness.model import conditions
from harness.model.objects import Object
from harness.steps import tables
from harness.steps.expressions import expression
from harness.steps.world import World

Table = list[list[str]]


@when("this command is run on the management cluster:")
def on_management(world: World, docstring: str) -> None:
    """The command's output is kept for the steps that follow."""
    world.output = {"management": run(world, "management", docstring)}


@when("this command is run on every cluster of the project:")
def on_every_cluster(world: World, docstring: str) -> None:
    """The outputs are kept, cluster by cluster."""
    world.command = docstring
    world.output = {cluster: run(world, cluster, docstring) for cluster in world.clusters}


@then("its output names the source and the project namespace")
def names_source(world: World) -> None:
    """The lines `Name:` and `Namespace:` of `kubectl describe`."""
    source = next(iter(world.sources.values()))
    for cluster, output in world.output.items():
        for label, value in (("Name", source.name), ("Namespace", world.namespace)):
            if not re.search(rf"^{label}:\s+{re.escape(value)}$", output, re.MULTILINE):
                raise Nonconformance(f"{cluster}: no line `{label}: {value}` in\n{output}")


@then("its output lists the event:")
def lists_event(world: World, datatable: Table) -> None:
    """A row of the table under `Events:`; Age is free."""
    for cluster, output in world.output.items():
        events = output.partition("\nEvents:")[2]
        for event in tables.records(datatable):
            row = re.compile(
                rf"^\s*{event['Type']}\s+{event['Reason']}\s+\S.*?\s+{event['From']}\s+"
                rf"{re.escape(event['Message'])}\s*$",
                re.MULTILINE,
            )
            if not row.search(events):
                raise Nonconformance(f"{cluster}: no event {event} in\n{events.strip() or output}")


@then(
    expression("its output has the condition {word} {string} for the reason {string}",
               "kind", "status", "reason")
)  # fmt: skip
def has_condition(world: World, kind: str, status: str, reason: str) -> None:
    """The documented condition; the wording of the declared dialect is a noted variant."""
    for cluster in world.output:
        obj = decided(world, cluster, world.command, kind)
        condition = conditions.find(obj, kind)
        if condition is None or condition.get("status") != status:
            raise Nonconformance(f"{cluster}: {conditions.explain(obj, kind)}")
        told = str(condition.get("reason"))
        if told == reason:
            continue
        spoken = world.bench.profile.dialect.source_ready_reason
        if obj["kind"] == "GitRepository" and told == spoken:
            world.variants.append(
                f"{obj['kind']}: reason {told} (dialect {world.bench.profile.dialect.name}), "
                f"the page says {reason}"
            )
            continue
        raise Nonconformance(f"{cluster}: {conditions.explain(obj, kind)}; expected {reason}")


def decided(world: World, cluster: str, text: str, kind: str) -> Object:
    """
    The object that a documented command shows, once its condition is True or False.

    A controller may be in the middle of its next turn (Unknown): then the command is run once more
    when something has changed, as a person would.
    """
    shown: Object = {}

    def probe() -> str | None:
        shown.update(yaml.safe_load(run(world, cluster, text)))
        if (conditions.find(shown, kind) or {}).get("status") == "Unknown":
            return f"{cluster}: {conditions.explain(shown, kind)}"
        return None

    world.scope.until(probe, within=world.bench.patience.sync, budget="sync")
    return shown


def run(world: World, cluster: str, text: str) -> str:
    """The output of a documented command, which must succeed."""
    done = _kubectl(world, cluster, text)
    if done.returncode:
        raise Nonconformance(f"{cluster}: `{text.strip()}` failed: {done.stderr.strip()}")
    return done.stdout


def fails(world: World, cluster: str, text: str) -> str:
    """What a documented command complains of, which must fail."""
    done = _kubectl(world, cluster, text)
    if not done.returncode:
        raise Nonconformance(f"{cluster}: `{text.strip()}` succeeded:\n{done.stdout}")
    return done.stderr.strip()


def _kubectl(world: World, cluster: str, text: str) -> "subprocess.CompletedProcess[str]":
    source = next(iter(world.sources.values()))
    command = text.strip().replace("<PROJECT_NAMESPACE>", world.namespace)
    command = command.replace("<GITOPS_SOURCE_NAME>", source.name)
    program, *arguments = shlex.split(command)
    if program != "kubectl":
        raise HarnessBug(f"Only kubectl is run, not {program}.")
    return subprocess.run(
        [str(world.bench.kubectl), *arguments],
        env={
            "KUBECONFIG": str(world.bench.kubeconfigs[cluster]),
            "PATH": os.environ.get("PATH", ""),
            "HOME": str(world.bench.scratch),
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
