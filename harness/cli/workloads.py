"""Whether pods can run on a run's clusters: the suite's application, built and on the nodes."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial

from harness.cluster import client, kind, providers
from harness.cluster.fleet import Fleet, Lease
from harness.cluster.providing import Programs
from harness.containers import workload_image
from harness.errors import NotYet, SetupError
from harness.kit.wait import Patience
from harness.model import objects, taints
from harness.model.objects import Ref
from harness.observe.observer import Observer, first_missing

CAPABILITY = "workloads"
_DEPLOYMENT = ("apps/v1", "Deployment")
_POD = ("v1", "Pod")

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
        return _none(tell, error)


def reserve(fleet: Fleet, patience: Patience) -> None:
    """
    Keep the nodes of the attached clusters for what is to run there.

    Pods of the cluster itself, its DNS server before all, know nothing of the taint: they are
    given time to be placed first. SetupError if they are not.
    """
    clusters = {m.name: client.connect(m.kubeconfig, name=m.name) for m in fleet.attached}
    observer = Observer(clusters, dict.fromkeys(clusters, (_DEPLOYMENT, _POD)))
    try:
        observer.start()
        observer.until(
            first_missing(partial(_homeless, observer, name) for name in clusters),
            within=patience.cluster_ready,
            budget="cluster_ready",
            scope=None,
        )
        for cluster in clusters.values():
            for node in cluster.list("v1", "Node").items:
                cluster.patch(Ref.of(node), taints.tainted(node))
    except NotYet as error:
        raise SetupError(f"The pods of a cluster itself are not placed: {error}") from None
    finally:
        observer.stop()
        for cluster in clusters.values():
            cluster.close()


def _homeless(observer: Observer, cluster: str) -> str | None:
    """A pod of a cluster that has no node yet, or that a Deployment is still to make."""
    for each in observer.follow(cluster, _DEPLOYMENT).items():
        made = objects.status(each).get("replicas", 0)
        if made < objects.spec(each).get("replicas", 1):
            return f"{cluster}: {Ref.of(each)} has {made} pods"
    for each in observer.follow(cluster, _POD).items():
        if not objects.spec(each).get("nodeName"):
            return f"{cluster}: {Ref.of(each)} has no node"
    return None


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

    def loaded() -> tuple[str, ...]:
        try:
            arrived()
        except SetupError as error:
            return _none(tell, error)
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
            _none(tell, error)
            yield tuple
            return
        yield loaded


def _none(tell: Progress, error: SetupError) -> tuple[str, ...]:
    """No image, and why."""
    tell(f"no scenario with pods is judged: {error}")
    return ()
