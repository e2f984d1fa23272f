"""Whether pods can run on a run's clusters: the suite's application, built and on the nodes."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

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


@contextmanager
def loading(
    names: tuple[str, ...],
    programs: Programs,
    lease: Lease,
    fleet: Fleet,
    patience: Patience,
    tell: Progress,
) -> Iterator[Callable[[], tuple[str, ...]]]:
    """
    Bring the images to the attached clusters beside the block.

    The block gets what waits for them and gives those that are there: all, or none once it told
    why.
    """

    def refused(error: SetupError) -> tuple[str, ...]:
        tell(f"no scenario with pods is judged: {error}")
        return ()

    def loaded() -> tuple[str, ...]:
        try:
            arrived()
        except SetupError as error:
            return refused(error)
        return names

    if not names:
        yield tuple
        return
    tell("loading the image of the application into the clusters")
    members = [member.name for member in fleet.attached]
    with ExitStack() as stack:
        try:
            arrived = stack.enter_context(
                kind.loading(programs, lease, members, names, within=patience.cluster_ready)
            )
        except SetupError as error:
            refused(error)
            yield tuple
            return
        yield loaded
