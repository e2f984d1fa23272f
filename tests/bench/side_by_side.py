"""
Commit to applied: the reference on one cluster, real Flux on another, the same commits for both.

One management tier, one project, one source; both look for commits every second. What is measured
is the time from the answer to a push until the change of a ConfigMap is seen on each cluster.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from harness.cluster import binaries, client, controlplane
from harness.cluster.fleet import Fleet, Lease, Member
from harness.cluster.programs import CORE
from harness.gitserver import launch
from harness.gitserver.client import GitServer
from harness.kit.wait import Patience
from harness.model.objects import Object
from harness.model.profile import Profile
from harness.observe.observer import Observer
from harness.systems import Program, flux, flux_versions, front, installation, reference
from harness.systems.front import Options, Site, Starting
from tests.bench.figures import Figure, percentile

COMMITS = 20
_SPACE = "bench"
_CONFIG = ("v1", "ConfigMap")
_NAMESPACE = ("v1", "Namespace")


@dataclass(frozen=True)
class Mixed:
    """Another attached tier on each cluster; what is not about a cluster is that of Flux."""

    tiers: dict[str, reference.Tier | flux.Tier]
    flux: flux.Tier

    def kinds(self) -> Sequence[Object]:
        return self.flux.kinds()

    def prepare(self, site: Site, member: Member) -> None:
        self.tiers[member.name].prepare(site, member)

    def start(self, site: Site, member: Member) -> Sequence[Starting]:
        return self.tiers[member.name].start(site, member)

    def profile(self, members: Sequence[Member]) -> Profile:
        return self.flux.profile(members)

    def programs(self) -> Sequence[Program]:
        return self.flux.programs()

    @property
    def intervals(self) -> tuple[str, str, str]:
        return ("1s", "1m0s", "1m0s")

    @property
    def judged(self) -> tuple[str, ...]:
        return ("attached", "both")

    @property
    def secrets(self) -> Sequence[str]:
        return self.flux.secrets


def measure(lease: Lease, tell: Callable[[str], None]) -> list[Figure]:
    """Median and p95 for both, from one run."""
    pair = flux_versions.choose()
    found = binaries.provide((*CORE, *pair.programs), on_progress=tell)
    patience = Patience()
    git = launch.launch(lease.start, lease.directory / "git")
    with controlplane.local(found, lease, attached=2, on_progress=tell, patience=patience) as made:
        server = git.await_ready(within=patience.process_ready)
        trusted = lease.directory / "trusted-ca.pem"
        trusted.write_text(server.endpoints.authorities["trusted"])
        options = Options()
        ours = reference.Tier(found.path("kubectl"), options)
        theirs = flux.Tier(found, pair, options)
        tell("starting the reference on c1 and Flux on c2")
        front.start(
            lease, made, Mixed({"c1": ours, "c2": theirs}, theirs),
            trusted_ca=trusted, patience=patience, options=options,
        )  # fmt: skip
        tell(f"pushing {COMMITS} commits and waiting for each on both clusters")
        times = _times(made, server)
    return [
        Figure(f"commit to applied, {name}, {label}", percentile(times[cluster], p), "ms")
        for cluster, name in (("c1", "reference"), ("c2", f"Flux {pair.name}"))
        for p, label in ((50, "median"), (95, "p95"))
    ]


def _times(fleet: Fleet, server: GitServer) -> dict[str, list[float]]:
    clusters = {
        member.name: client.connect(member.kubeconfig, name=member.name) for member in fleet.members
    }
    repository = server.create_repository("bench/apps")
    repository.commit({"gitops/config.yaml": _config(0)}, message="Commit 0")
    observer = Observer(clusters, dict.fromkeys(clusters, (_CONFIG, _NAMESPACE)))
    observer.start()
    management = clusters[fleet.management.name]
    for obj in _project(repository.url("http")):
        management.create(obj)
        if obj["kind"] == "Project":
            _await(observer, lambda: _has_namespace(observer, "management"), 60)
    times: dict[str, list[float]] = {"c1": [], "c2": []}
    for cluster in times:
        _await(observer, lambda cluster=cluster: _at(observer, cluster, 0), 60)
    for number in range(1, COMMITS + 1):
        repository.commit({"gitops/config.yaml": _config(number)}, message=f"Commit {number}")
        pushed = time.monotonic()
        left = set(times)

        def probe(
            number: int = number, pushed: float = pushed, left: set[str] = left
        ) -> str | None:
            for cluster in tuple(left):
                if _at(observer, cluster, number) is None:
                    times[cluster].append((time.monotonic() - pushed) * 1000)
                    left.discard(cluster)
            return f"commit {number} is not yet on {left}" if left else None

        _await(observer, probe, 60)
    observer.stop()
    for cluster_client in clusters.values():
        cluster_client.close()
    return times


def _await(observer: Observer, probe, within: float) -> None:
    observer.until(probe, within=within, budget="bench", scope=None)


def _has_namespace(observer: Observer, cluster: str) -> str | None:
    found = observer.follow(cluster, _NAMESPACE).get(None, _SPACE)
    return None if found else f"{cluster} has no namespace {_SPACE}"


def _at(observer: Observer, cluster: str, number: int) -> str | None:
    data = (observer.follow(cluster, _CONFIG).get(_SPACE, "tick") or {}).get("data") or {}
    return None if data.get("n") == str(number) else f"{cluster} is at {data.get('n')}"


def _config(number: int) -> str:
    return f'apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: tick}}\ndata: {{n: "{number}"}}\n'


def _project(url: str) -> list[Object]:
    return [
        {
            "apiVersion": "workspaces.kommander.mesosphere.io/v1alpha1",
            "kind": "Project",
            "metadata": {"name": _SPACE, "namespace": installation.WORKSPACE},
            "spec": {
                "namespaceName": _SPACE,
                "workspaceRef": {"name": installation.WORKSPACE},
                "placement": {"clusters": [{"name": "c1"}, {"name": "c2"}]},
            },
        },
        {
            "apiVersion": "dispatch.d2iq.io/v1alpha2",
            "kind": "GitopsRepository",
            "metadata": {"name": "apps", "namespace": _SPACE},
            "spec": {
                "cloneUrl": url,
                "template": {"path": "./gitops", "ref": {"branch": "main"}},
            },
        },
    ]
