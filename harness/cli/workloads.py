"""Whether pods can run on a run's clusters: the suite's application, built and on the nodes."""

from collections.abc import Callable

from harness.cluster import client, kind, providers
from harness.cluster.fleet import Fleet, Lease
from harness.cluster.providing import Programs
from harness.containers import workload_image
from harness.errors import SetupError
from harness.kit.wait import Patience
from harness.model import taints
from harness.model.objects import Ref

CAPABILITY = "workloads"

Progress = Callable[[str], None]


def part(selection: str, tags: str, clusters: str) -> str:
    """
    The tags of a run: without a nodeless provider's scenarios with pods, unless somebody chose.

    They are about what runs on nodes. Where there are none nothing is to be judged, and a report
    must not look as if the system had failed to show it.
    """
    return tags if selection or providers.named(clusters).nodes else f"not @{CAPABILITY}"


def images(clusters: str, tell: Progress) -> tuple[str, ...]:
    """The images of the application by version; none where no pods run, or where it says why."""
    if not providers.named(clusters).nodes:
        return ()
    try:
        return workload_image.provide(tell)
    except SetupError as error:
        tell(f"no scenario with pods is judged: {error}")
        return ()


def reserve(fleet: Fleet) -> None:
    """Keep the nodes of the attached clusters for what is to run there."""
    for member in fleet.attached:
        cluster = client.connect(member.kubeconfig, name=member.name)
        for node in cluster.list("v1", "Node").items:
            cluster.patch(Ref.of(node), taints.tainted(node))
        cluster.close()


def load(
    names: tuple[str, ...],
    programs: Programs,
    lease: Lease,
    fleet: Fleet,
    patience: Patience,
    tell: Progress,
) -> tuple[str, ...]:
    """Bring the images to the attached clusters; those that are there, or none and why."""
    if not names:
        return ()
    tell("loading the image of the application into the clusters")
    try:
        kind.load(
            programs, lease, [m.name for m in fleet.attached], names, within=patience.cluster_ready
        )
    except SetupError as error:
        tell(f"no scenario with pods is judged: {error}")
        return ()
    return names
