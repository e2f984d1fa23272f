"""Where a run's Git servers stand: processes of this machine, or containers on kind's network."""

from collections.abc import Callable

from harness.cluster import docker
from harness.containers import git, harness_image
from harness.errors import SetupError, UsageError
from harness.kit.wait import Patience

CHOICES = ("auto", "host", "container")

_QUICK = 60.0
"""Seconds after which a base image that nobody asked for is not waited for any more."""


def image(
    choice: str, clusters: str, base: str, *, patience: Patience, tell: Callable[[str], None]
) -> str | None:
    """
    The image of the Git servers' containers; None where they are processes of this machine.

    `auto` takes containers on kind, where pods can reach them, and says why if it does not.
    """
    if clusters != "kind":
        if choice == "container":
            raise UsageError(
                "--git container stands on the Docker network of kind clusters: add `--clusters "
                "kind`, or leave it out."
            )
        return None
    if choice == "host":
        return None
    if choice == "container":
        return _provide(base, tell, patience.image_pull)
    try:
        return _provide(base, tell, min(_QUICK, patience.image_pull))
    except SetupError as error:
        tell(f"the Git server is a process of this machine: {error}")
        return None


def _provide(base: str, tell: Callable[[str], None], within: float) -> str:
    # Every engine of Linux has this network, and all of its others are reached alike.
    if not docker.reaches("bridge"):
        raise SetupError(git.UNREACHABLE)
    return harness_image.provide(base, tell, within=within)
