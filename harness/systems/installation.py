"""
What is installed before a system starts: kinds, the workspace, and the attachment of clusters.

Which kinds, and from where, is said by the system; that a cluster is attached is seen by its
GitRepository `management`, whoever reconciles it.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import yaml

from harness import data
from harness.cluster import client, errors
from harness.cluster.client import Cluster
from harness.cluster.fleet import Fleet, Member
from harness.errors import SetupError
from harness.kit import wait
from harness.kit.process import Supervised
from harness.kit.wait import Patience
from harness.model import conditions, installed
from harness.model.objects import Object, Ref

WORKSPACE = "default-workspace"
FLUX_NAMESPACE = "kommander-flux"
MANAGER = "gitops-conformance-setup"


def connect(member: Member) -> Cluster:
    """The cluster, as its administrator."""
    return client.connect(member.kubeconfig, name=member.name, context=member.context)


def on_all(members: Sequence[Member], task: Callable[[Member], None]) -> None:
    """Do something on several clusters at once; the first failure is raised."""
    with ThreadPoolExecutor(max(1, len(members))) as pool:
        list(pool.map(task, members))


def our_kinds(tier: str) -> list[Object]:
    """The CRDs that this project ships for a tier, `management` or `attached`."""
    return [
        yaml.load(path.read_text(), Loader=yaml.CSafeLoader)
        for path in sorted(data.path("fixtures", "crds", tier).glob("*.yaml"))
    ]


def install_kinds(member: Member, kinds: Sequence[Object], patience: Patience) -> None:
    """Apply CRDs; returns when every served version of each can be used."""
    cluster = connect(member)
    for crd in kinds:
        cluster.apply(installed.marked(crd), field_manager=MANAGER)
    for crd in kinds:
        wait.eventually(
            lambda crd=crd: _served(cluster, crd),  # type: ignore[misc] # as for any default
            within=patience.discovery,
            what=f"{member.name} serves {crd['spec']['names']['kind']}",
        )
    cluster.close()


def attach(
    fleet: Fleet,
    patience: Patience,
    processes: Sequence[Supervised],
    kubeconfig: Callable[[Member], str],
) -> None:
    """
    Make the workspace and attach every cluster to it; returns when Flux follows on each.

    `processes` are those of the system, the management tier first; `kubeconfig` is what that one
    gets to reach a cluster.
    """
    management = connect(fleet.management)
    management.apply(_workspace(), field_manager=MANAGER)
    wait.eventually(
        lambda: (
            None
            if management.find(Ref("v1", "Namespace", WORKSPACE))
            else f"there is no namespace {WORKSPACE}"
        ),
        within=patience.cluster_ready,
        what=f"workspace {WORKSPACE}",
    )
    for member in fleet.attached:
        for obj in _kommander_cluster(member, kubeconfig(member)):
            management.apply(obj, field_manager=MANAGER)
    management.close()
    for member in fleet.attached:
        _await_attached(member, patience, processes)


def _await_attached(member: Member, patience: Patience, processes: Sequence[Supervised]) -> None:
    cluster = connect(member)
    try:
        wait.eventually(
            lambda: _missing(cluster),
            within=patience.cluster_ready,
            what=f"{member.name} is attached",
        )
    except SetupError as error:
        for running in processes:
            running.check()
        raise SetupError(f"{error}\n{processes[0].explain()}") from None
    finally:
        cluster.close()


def _missing(cluster: Cluster) -> str | None:
    ref = Ref("source.toolkit.fluxcd.io/v1", "GitRepository", "management", FLUX_NAMESPACE)
    obj = cluster.find(ref)
    return conditions.explain_ready(obj) if obj else f"there is no {ref}"


def _served(cluster: Cluster, crd: Object) -> str | None:
    # Established comes about a second before the kind is served, so discovery is asked.
    group, kind = crd["spec"]["group"], crd["spec"]["names"]["kind"]
    for version in crd["spec"]["versions"]:
        if not version["served"]:
            continue
        try:
            cluster.resource(f"{group}/{version['name']}", kind)
        except errors.ClusterError as error:
            return str(error)
    return None


def _workspace() -> Object:
    return {
        "apiVersion": "workspaces.kommander.mesosphere.io/v1alpha1",
        "kind": "Workspace",
        "metadata": {"name": WORKSPACE},
        "spec": {"namespaceName": WORKSPACE},
    }


def _kommander_cluster(member: Member, kubeconfig: str) -> list[Object]:
    where = {"namespace": WORKSPACE}
    secret = f"{member.name}-kubeconfig"
    return [
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": secret, **where},
            "stringData": {"kubeconfig": kubeconfig},
        },
        {
            "apiVersion": "kommander.mesosphere.io/v1beta1",
            "kind": "KommanderCluster",
            "metadata": {"name": member.name, **where},
            "spec": {"kubeconfigRef": {"name": secret}},
        },
    ]
