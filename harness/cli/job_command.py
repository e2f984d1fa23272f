"""The options of the command `job`, and how its manifest is printed."""

import click
from click.core import ParameterSource

from harness.cli import job
from harness.cluster import given
from harness.errors import UsageError
from harness.model import manifest
from harness.systems import reference

_HEAD = """\
# The conformance suite as an Indexed Job of {shards} shards, made by `gitops-conformance job`.
# It needs the kubeconfigs of the clusters under test in the Secret {secret}; see
# docs/in-a-cluster-job.md.
"""


def command(run: click.Command) -> click.Command:
    """The command; `run` is the one whose options are handed on."""

    @click.command("job")
    @click.option("--image", default="", help="The image of the harness, as the cluster pulls it.")
    @click.option(
        "--shards",
        type=click.IntRange(1, 1000),
        default=1,
        show_default=True,
        metavar="N",
        help="Into how many pods the scenarios are dealt.",
    )
    @click.option(
        "--secret",
        default=job.Wanted.__dataclass_fields__["secret"].default,
        show_default=True,
        metavar="NAME",
        help="The Secret with management.kubeconfig, c1.kubeconfig and so on.",
    )
    @click.option(
        "--own-clusters",
        is_flag=True,
        help="Each shard has clusters of its own, in the Secrets NAME-0, NAME-1 ...: then all run "
        "at once. Else they take turns.",
    )
    @click.option("--storage", default="1Gi", show_default=True, help="The volume of the reports.")
    @click.option("--name", default=job.NAME, show_default=True, help="Of the Job and all with it.")
    @click.option(
        "--collect",
        is_flag=True,
        help="Print the pod from which the reports are copied instead.",
    )
    @click.argument("options", nargs=-1, type=click.UNPROCESSED, metavar="[-- OPTIONS OF RUN]")
    def made(
        image: str,
        shards: int,
        secret: str,
        own_clusters: bool,
        storage: str,
        name: str,
        collect: bool,
        options: tuple[str, ...],
    ) -> None:
        """
        Print the suite as a Job for a cluster: `... job --image IMAGE | kubectl apply -f -`.

        What follows `--` are options of `run`, such as --tags or --fail-on.
        """
        _check(run, options)
        wanted = job.Wanted(image, shards, secret, own_clusters, storage, name, options)
        documents = [job.collector(wanted)] if collect else job.manifests(wanted)
        secrets = f"{secret}-0 and so on" if own_clusters else secret
        if not collect:
            click.echo(_HEAD.format(shards=shards, secret=secrets), nl=False)
        click.echo(manifest.dump(*documents), nl=False)

    return made


def _check(run: click.Command, options: tuple[str, ...]) -> None:
    """Refuse here what every pod would refuse."""
    context = run.make_context("run", list(options))
    for parameter in job.RESERVED:
        if context.get_parameter_source(parameter) is ParameterSource.COMMANDLINE:
            raise UsageError(f"--{parameter} is for the Job to say; leave it out.")
    if (system := context.params["system"]) != reference.NAME:
        raise UsageError(
            f"--system {system}: the image of the harness holds the {reference.NAME} only; run "
            f"{system} outside, with `run --clusters {given.NAME}`."
        )
