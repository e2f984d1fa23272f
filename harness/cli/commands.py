"""The commands and their options."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from harness import __version__
from harness.cli import (
    comparing,
    controllers,
    job_command,
    merging,
    placing,
    providing_commands,
    running,
    session,
    staying,
)
from harness.cli.running import Choice
from harness.cli.screen import Screen
from harness.cli.session import Wanted
from harness.cluster import given, kind, providers
from harness.differential import running as differential
from harness.differential import tiers
from harness.errors import UsageError
from harness.kit.wait import Patience
from harness.model import catalogue, sharding
from harness.systems import flux_versions, front

Function = Callable[..., Any]


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="gitops-conformance")
def cli() -> None:
    """Does this GitOps continuous-deployment system really do what its documentation says?"""


def _out_option(what: str) -> Callable[[Function], Function]:
    return click.option(
        "--out",
        type=click.Path(path_type=Path, file_okay=False),
        metavar="DIR",
        help=f"Where the {what} goes  [default: reports/<time>]",
    )


def _fleet_options(function: Function) -> Function:
    options = (
        click.option("--clusters", type=click.Choice(list(providers.TABLE)), default="local",
                     show_default=True, help="Where the clusters come from."),
        click.option("--kind-image", default="", metavar="IMAGE", envvar="KIND_NODE_IMAGE",
                     help=f"The node image of kind clusters  [default: {kind.IMAGE}; "
                     "env: KIND_NODE_IMAGE]"),
        click.option("--git", type=click.Choice(placing.CHOICES), default="auto",
                     show_default=True, help="Where the Git servers stand: processes of this "
                     "machine, or containers on the network of kind clusters, which pods reach "
                     "too; auto takes these on kind if the image can be had."),
        click.option("--controllers", "place", type=click.Choice(controllers.CHOICES),
                     default=controllers.HOST, show_default=True, help="Where the system's "
                     "controllers run: processes of this machine, or Deployments on kind clusters, "
                     "from images that are built here."),
        providing_commands.base_option,
        click.option("--system", type=click.Choice(session.SYSTEMS), default="reference",
                     show_default=True, help="What is judged."),
        click.option("--management", type=click.Choice(["full", "plain"]), default="full",
                     show_default=True,
                     help="Whether our management tier makes up for what Flux alone would not do."),
        click.option("--flux-version", metavar="NAME",
                     help="Which Flux `--system flux` runs, such as dkp-2.8 or sc1.3.0-kc1.9.5; "
                     "`gitops-conformance versions` lists them."),
        click.option("--kubeconfigs", metavar="DIR",
                     type=click.Path(path_type=Path, exists=True, file_okay=False),
                     help="The clusters of `--clusters given`: management.kubeconfig, "
                     "c1.kubeconfig and so on, an account with cluster-admin in each. What is "
                     "installed there is removed again."),
        click.option("--attached", type=click.IntRange(1, 16), metavar="N",
                     help="How many clusters are attached  [default: 3, or all that are given]"),
        click.option("--dialect", type=click.Choice(["page", "modern"]),
                     help="How the system words its status  [default: its own; the reference "
                     "speaks as the page does]"),
        click.option("--seed", type=click.IntRange(0, 2**32 - 1), metavar="N",
                     help="Names are made from it; printed in each report."),
    )  # fmt: skip
    for option in reversed(options):
        function = option(function)
    return function


@cli.command()
@_fleet_options
@click.option("--tags", default="", metavar="EXPR", help='Such as "@suspend and not @auth.ssh".')
@click.option(
    "--requirement",
    "requirements",
    multiple=True,
    metavar="ID",
    help="Only scenarios that show it, such as CD-SYNC-05; may be repeated.",
)
@click.option(
    "--deadline",
    "deadlines",
    multiple=True,
    metavar="NAME=TIME",
    help="Give up earlier or later, such as sync=2m; may be repeated.",
)
@click.option(
    "--scenario",
    "scenarios",
    multiple=True,
    metavar="ID",
    help="Only this scenario, by the id in the report; may be repeated.",
)
@click.option(
    "--shard",
    metavar="NUMBER/OF",
    help="Only this part of the selected scenarios, such as 2/5; `merge` makes one report of all "
    f"parts. auto/5 takes the number from {sharding.INDEX}.",
)
@click.option(
    "-n",
    "--workers",
    type=click.IntRange(1, 64),
    metavar="N",
    help=f"How many scenarios run at once  [default: {running.DEFAULT_WORKERS}]",
)
@_out_option("report")
@click.option("--replace", is_flag=True, help="Let the report take the place of an earlier one.")
@click.option("--reuse", is_flag=True, help="Use the fleet that `up` left running.")
@click.option(
    "--fail-on",
    type=click.Choice(["must", "must-d", "should"]),
    default="must",
    show_default=True,
    help="The lowest level whose failure is an error.",
)
@click.option(
    "--baseline",
    metavar="FILE|none",
    help="Known deviations  [default: those shipped for the system, if any]",
)
def run(
    tags: str,
    requirements: tuple[str, ...],
    deadlines: tuple[str, ...],
    scenarios: tuple[str, ...],
    shard: str | None,
    workers: int | None,
    out: Path | None,
    replace: bool,
    reuse: bool,
    fail_on: str,
    baseline: str | None,
    **made_of: Any,
) -> int:
    """Run the scenarios and write the report."""
    wanted = _wanted(deadlines, **made_of)
    part = sharding.parse(shard, os.environ.get(sharding.INDEX)) if shard is not None else None
    choice = Choice(
        wanted,
        tags,
        requirements,
        scenarios,
        workers or running.DEFAULT_WORKERS,
        out,
        reuse,
        fail_on,
        baseline,
        part,
        replace,
    )
    with Screen() as screen:
        return running.run(choice, screen)


cli.add_command(job_command.command(run))
for _each in providing_commands.COMMANDS:
    cli.add_command(_each)


@cli.command("compare-systems")
@click.argument("left", type=click.Choice(tiers.SYSTEMS))
@click.argument("right", type=click.Choice(tiers.SYSTEMS))
@click.option(
    "--sequences",
    type=click.IntRange(0, 10_000),
    default=20,
    show_default=True,
    metavar="N",
    help="How many sequences are generated, beside those made by hand.",
)
@click.option(
    "--seed",
    type=click.IntRange(0, 2**32 - 1),
    metavar="N",
    help="They are generated from it; it is in the report.",
)
@click.option(
    "-n",
    "--workers",
    type=click.IntRange(1, 64),
    default=differential.WORKERS,
    show_default=True,
    metavar="N",
    help="How many sequences are played at once.",
)
@click.option("--only", default="", metavar="REGEX", help="Only sequences whose name contains it.")
@_out_option("report")
def compare_systems(
    left: str,
    right: str,
    sequences: int,
    seed: int | None,
    workers: int,
    only: str,
    out: Path | None,
) -> int:
    """Do the same to two systems' attached tiers and compare what comes of it."""
    chosen = session.fresh_seed() if seed is None else seed
    choice = differential.Choice(left, right, chosen, sequences, workers, only, out, _controllers())
    with Screen() as screen:
        return differential.run(choice, say=screen.say, progress=screen.progress)


@cli.command()
@_fleet_options
def up(**made_of: Any) -> None:
    """Start a fleet and leave it running."""
    with Screen() as screen:
        staying.up(_wanted(**made_of), screen)


@cli.command()
def down() -> None:
    """Stop the fleet that `up` left running."""
    click.echo(staying.down())


@cli.command("same-verdicts")
@click.argument("one", type=click.Path(path_type=Path), metavar="A/report.yaml")
@click.argument("other", type=click.Path(path_type=Path), metavar="B/report.yaml")
def same_verdicts(one: Path, other: Path) -> int:
    """Do two runs give the same verdicts, wherever they ran? Exit code 1 if not."""
    return comparing.same_verdicts(one, other, click.echo)


@cli.command()
@click.argument(
    "reports",
    nargs=-1,
    required=True,
    type=click.Path(path_type=Path),
    metavar="A/report.yaml B/report.yaml ...",
)
@_out_option("merged report")
def merge(reports: tuple[Path, ...], out: Path | None) -> int:
    """
    Make one report of the reports of all shards of a run (`run --shard 1/5`).

    Verdicts, counts and the word are drawn anew from what the shards saw, which their folders hold
    (record.json, evidence/); the exit code is that of the whole run.
    """
    return merging.merge(reports, out, click.echo)


@cli.command("list")
@click.option(
    "--level",
    type=click.Choice([str(level) for level in catalogue.Level]),
    help="Only requirements of this level.",
)
def list_(level: str | None) -> None:
    """List the documented requirements."""
    for requirement in catalogue.load():
        if level in (None, str(requirement.level)):
            click.echo(f"{requirement.id:<15} {requirement.level:<7} {requirement.title}")


@cli.command()
def doctor() -> int:
    """Tell what is there, where, and what is missing."""
    return staying.doctor(click.echo)


@cli.command()
def versions() -> None:
    """List the versions of Flux: those that were shipped, and those that can be run."""
    for pair in flux_versions.pairs():
        state = "can be run" if pair.buildable else f"inconclusive: {pair.reason}"
        state += ", the default" if pair == flux_versions.default() else ""
        click.echo(f"{pair.name:<18} {pair.era:<6} {state:<34} {pair}")


@cli.command()
def version() -> None:
    """Print the version."""
    click.echo(f"gitops-conformance {__version__}")


def _wanted(
    deadlines: tuple[str, ...] = (),
    *,
    clusters: str,
    kind_image: str,
    git: str,
    place: str,
    image_base: str,
    system: str,
    management: str,
    flux_version: str | None,
    kubeconfigs: Path | None,
    attached: int | None,
    dialect: str | None,
    seed: int | None,
) -> Wanted:
    """What the options of a fleet ask for."""
    controllers.check(place, clusters, git, _controllers())
    options = front.Options(
        dialect=dialect or "",
        management=management,
        pair=flux_version or "",
        controllers=_controllers(),
    )
    return Wanted(
        clusters=clusters,
        kind_image=kind_image,
        git=git,
        controllers=place,
        image_base=image_base,
        system=system,
        kubeconfigs=kubeconfigs,
        attached=_attached(clusters, kubeconfigs, attached),
        seed=session.fresh_seed() if seed is None else seed,
        patience=Patience.of(dict(_deadline(text) for text in deadlines)),
        options=options,
    )


def _attached(clusters: str, kubeconfigs: Path | None, asked: int | None) -> int:
    """How many clusters are attached, which a folder of kubeconfigs says by itself."""
    if (clusters == given.NAME) != (kubeconfigs is not None):
        raise UsageError(
            f"`--clusters {given.NAME}` and `--kubeconfigs DIR` go together: the one says that the "
            "clusters are there already, the other how they are reached."
        )
    if kubeconfigs is None:
        return 3 if asked is None else asked
    if asked is not None:
        raise UsageError(
            f"--attached {asked}: with `--clusters {given.NAME}` every cluster in {kubeconfigs} is "
            "used; leave it out."
        )
    return len(given.members(kubeconfigs)) - 1


def _controllers() -> Sequence[str]:
    """The command of a controller process of the reference; tests have wrong ones."""
    return os.environ.get("GITOPS_CONFORMANCE_CONTROLLERS", "").split() or front.CONTROLLERS


def _deadline(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise UsageError(f"--deadline {text!r} is not of the form NAME=TIME, such as sync=2m.")
    return name, value
