"""Where a system's controllers run: processes of this machine, or pods of the clusters."""

from collections.abc import Sequence
from pathlib import Path

from harness.cluster import kind
from harness.cluster.binaries import Binaries
from harness.cluster.fleet import Fleet, Lease
from harness.cluster.providing import Progress
from harness.containers import flux_image
from harness.errors import UsageError
from harness.kit.wait import Patience
from harness.systems import flux, front
from harness.systems.flux_versions import Pair
from harness.systems.pods import Pods

HOST = "host"
IN_CLUSTER = "in-cluster"
CHOICES = (HOST, IN_CLUSTER)


def check(choice: str, clusters: str, git: str, command: Sequence[str]) -> None:
    """Say what does not go together, before anything is started."""
    if choice != IN_CLUSTER:
        return
    if clusters != "kind":
        raise UsageError(
            "--controllers in-cluster needs nodes that take the images which we build: add "
            "`--clusters kind`, or leave it out."
        )
    if git == "host":
        raise UsageError(
            "--controllers in-cluster needs the Git servers where pods reach them: leave "
            "`--git host` out."
        )
    if command != front.CONTROLLERS:
        raise UsageError(
            "--controllers in-cluster runs the controllers of the image: unset "
            "GITOPS_CONFORMANCE_CONTROLLERS, which names others of this machine."
        )


def flux_image_of(pair: Pair, found: Binaries, tell: Progress) -> str:
    """The image of a pair of Flux controllers, under the names that Flux gives them."""
    programs = dict(zip(flux.PROGRAMS, pair.programs, strict=True))
    return flux_image.provide(programs, found, tell)


def bring(
    pods: Pods,
    system: str,
    found: Binaries,
    lease: Lease,
    fleet: Fleet,
    patience: Patience,
    tell: Progress,
) -> None:
    """Load the images into the nodes that need them."""
    tell("loading the images of the controllers into the clusters")
    attached = [member.name for member in fleet.attached]
    ours = [fleet.management.name, *([] if system == flux.NAME else attached)]
    within = patience.cluster_ready
    kind.load(found, lease, ours, [pods.image], within=within)
    if system == flux.NAME:
        kind.load(found, lease, attached, [pods.flux_image], within=within)


def pods(image: str, flux_name: str, found: Binaries, trusted: Path) -> Pods:
    """What the controllers in pods are made of."""
    return Pods(image, found.path("kubectl"), trusted.read_text(), flux_name)
