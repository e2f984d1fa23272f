"""Fleet, Git server and system, started in the right order; what they need becomes a session."""

import secrets
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path

from harness.cli import controllers, placing, workloads
from harness.cluster import binaries, providers
from harness.cluster.binaries import Binaries
from harness.cluster.fleet import Fleet, Lease
from harness.cluster.providing import Request
from harness.config import Session
from harness.containers.git import InContainers
from harness.gitserver import launch
from harness.kit.wait import Patience
from harness.reporting.record import ClusterRecord, ModuleRecord, ProgramRecord
from harness.systems import (
    Running,
    flux,
    flux_versions,
    front,
    in_cluster,
    installation,
    reference,
)
from harness.systems.pods import Pods

Progress = Callable[[str], None]

SYSTEMS = (reference.NAME, flux.NAME)
"""What can be judged."""

GIT_SERVER = "git-server"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a run is to be made of."""

    clusters: str = "local"
    system: str = "reference"
    attached: int = 3
    kind_image: str = ""
    git: str = "auto"
    """Where the Git servers stand: one of `placing.CHOICES`."""
    controllers: str = controllers.HOST
    """Where the system's controllers run: one of `controllers.CHOICES`."""
    image_base: str = ""
    kubeconfigs: Path | None = None
    """Of clusters that are given."""
    seed: int = 0
    patience: Patience = field(default_factory=Patience)
    options: front.Options = field(default_factory=front.Options)

    @property
    def programs(self) -> tuple[str, ...]:
        """What the system needs on this machine, besides what its clusters are made of."""
        return self.pair.programs if self.system == flux.NAME else ()

    @property
    def pair(self) -> flux_versions.Pair:
        """The Flux controllers that are asked for; Inconclusive where they cannot be had."""
        return flux_versions.choose(self.options.pair or None)

    @property
    def variant(self) -> str:
        """The system, with what was left out of it; names its baseline."""
        plain = self.options.management == "plain"
        return f"{self.system}-plain" if plain else self.system


@dataclass(frozen=True, slots=True)
class Prepared:
    """All that runs, and the session that tells the workers about it."""

    session: Session
    fleet: Fleet
    binaries: Binaries
    running: Running
    timings: dict[str, float]


@contextmanager
def prepared(
    wanted: Wanted, lease: Lease, evidence: Path, progress: Progress
) -> Iterator[Prepared]:
    """Programs, clusters, Git server and system; they end with the lease."""
    timings: dict[str, float] = {}
    begun = time.monotonic()
    provider = providers.named(wanted.clusters)
    request = Request(
        wanted.attached,
        progress,
        wanted.patience,
        wanted.kind_image,
        kubeconfigs=wanted.kubeconfigs,
    )
    provider.check(request)
    found = binaries.provide((*provider.programs, *wanted.programs), on_progress=progress)
    timings["programs"] = time.monotonic() - begun
    begun = time.monotonic()
    in_pods = wanted.controllers == controllers.IN_CLUSTER
    image = placing.image(
        # Pods must reach the Git servers: without a container there is nothing to run.
        "container" if in_pods else wanted.git,
        wanted.clusters,
        wanted.image_base,
        patience=wanted.patience,
        tell=progress,
    )
    flux_image = ""
    if in_pods and wanted.system == flux.NAME:
        flux_image = controllers.flux_image_of(wanted.pair, found, progress)
    applications = workloads.images(wanted.clusters, progress)
    timings["image"] = time.monotonic() - begun
    begun = time.monotonic()
    launcher = InContainers(lease, image) if image else launch.OnHost(lease.start, lease.directory)
    # It starts beside the clusters, which leave a core idle at first.
    servers: list[launch.Launched] = []
    request = replace(request, meanwhile=lambda: servers.append(launcher(GIT_SERVER)))
    with provider.lend(found, lease, request) as fleet:
        timings["fleet"] = time.monotonic() - begun
        begun = time.monotonic()
        (git,) = servers
        server = git.await_ready(within=wanted.patience.process_ready)
        trusted = lease.directory / "trusted-ca.pem"
        trusted.write_text(server.endpoints.authorities["trusted"])
        pods = None
        if in_pods and image:
            pods = controllers.pods(image, flux_image, found, trusted)
            controllers.bring(pods, wanted.system, found, lease, fleet, wanted.patience, progress)
            timings["controllers' images"] = time.monotonic() - begun
            begun = time.monotonic()
        progress(f"starting the {wanted.system} controllers{' in the clusters' if pods else ''}")
        with (
            closing(pods) if pods else nullcontext(),
            # The nodes take them in while the controllers start.
            workloads.loading(
                applications, found, lease, fleet, wanted.patience, progress
            ) as loaded,
        ):
            running = front.start(
                lease,
                fleet,
                _tier(wanted, found, pods),
                trusted_ca=trusted,
                patience=wanted.patience,
                options=wanted.options,
                git=launcher,
                pods=pods,
            )
            images = loaded()
        if provider.nodes:
            # By now the pods of the clusters themselves have found theirs, most likely.
            workloads.reserve(fleet, wanted.patience)
        timings["system"] = time.monotonic() - begun
        session = session_of(wanted, lease, fleet, found, running, git, evidence, images)
        session.write()
        yield Prepared(session, fleet, found, running, timings)


def _tier(wanted: Wanted, found: Binaries, pods: Pods | None) -> front.AttachedTier:
    tier: in_cluster.Deployable
    if wanted.system == flux.NAME:
        tier = flux.Tier(found, wanted.pair, wanted.options)
    else:
        tier = reference.Tier(found.path("kubectl"), wanted.options)
    return in_cluster.Tier(tier, pods) if pods else tier


def session_of(
    wanted: Wanted,
    lease: Lease,
    fleet: Fleet,
    found: Binaries,
    running: Running,
    git: launch.Launched,
    evidence: Path,
    workload_images: tuple[str, ...] = (),
) -> Session:
    """What the workers of this run need to know."""
    control, token = running.bootstrap_control or ("", "")
    # Whether pods run is a matter of the clusters, whatever the system.
    claimed = {workloads.CAPABILITY} if workload_images else set()
    return Session(
        directory=str(lease.directory),
        clusters={member.name: str(member.kubeconfig) for member in fleet.members},
        git_control=git.control_url,
        git_token=git.token,
        system=running.profile.name,
        dialect=running.profile.dialect.name,
        capabilities=tuple(sorted(running.profile.capabilities | claimed)),
        may_poke=running.profile.may_poke,
        kubectl=str(found.path("kubectl")),
        workspace=installation.WORKSPACE,
        seed=wanted.seed,
        evidence=str(evidence),
        patience=wanted.patience.as_mapping(),
        bootstrap_control=control,
        bootstrap_token=token,
        logs=str(lease.logs),
        variant=wanted.variant,
        judged=running.judged,
        provider=wanted.clusters,
        controllers=wanted.controllers,
        workload_images=workload_images,
    )


def cluster_records(fleet: Fleet) -> tuple[ClusterRecord, ...]:
    """The clusters, for the report."""
    return tuple(
        ClusterRecord(
            m.name,
            "management" if m is fleet.management else "attached",
            m.version,
            m.image,
            m.image_digest,
        )
        for m in fleet.members
    )


def module_records(system: str) -> tuple[ModuleRecord, ...]:
    """The modules whose files were put on the clusters as they are."""
    used = flux.CRDS if system == flux.NAME else {}
    return tuple(
        ModuleRecord(f"CRDs of {name}", module.path, module.version, module.checksum)
        for name, module in used.items()
    )


def program_records(found: Binaries, running: Running) -> tuple[ProgramRecord, ...]:
    """Each program as it is on disk (decision 18)."""
    judged = {program.path: program.name for program in running.programs}
    records = []
    for name in found.found:
        known = found.provenance(name)
        path = found.path(name)
        records.append(
            ProgramRecord(
                judged.get(path, name),
                known.module or "",
                known.version or found.found[name].version,
                known.checksum or "",
                f"sha256:{known.sha256}",
                under_test=path in judged,
            )
        )
    version = ".".join(map(str, sys.version_info[:3]))
    ours = ProgramRecord(
        "reference controllers",
        "harness",
        version=f"Python {version}",
        # Behind real Flux they are only the front that the judged tier needs.
        under_test="management" in running.judged,
    )
    return (*records, ours)


def fresh_seed() -> int:
    """A seed for a run that names none."""
    return secrets.randbelow(2**32)
