"""
Our management tier in front of an attached tier, whichever that is: started, attached, claimed.

The bootstrap repository is a Git server of the system's own, with one writer and one reader per
cluster (decision 3); where it runs is said by whoever starts the system. The attached tier says
which kinds it needs, what it puts on a cluster beforehand and which processes it is made of.
"""

import json
import os
import secrets
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from harness.cluster.fleet import Fleet, Lease, Member
from harness.gitserver import launch
from harness.gitserver.access import Access, Account
from harness.gitserver.client import GitServer
from harness.kit import process
from harness.kit.process import Process, Supervised
from harness.kit.wait import Patience, Probe
from harness.model import profile
from harness.model.objects import Object
from harness.model.profile import Profile
from harness.systems import Program, Running, installation, reference_pods
from harness.systems.deployment import DATA, SETTINGS
from harness.systems.pods import Deployed, Pods

BOOTSTRAP = "kommander/kommander"
CONTROLLERS = (sys.executable, "-m", "harness.controllers")
CAPABILITIES = profile.CORE | {
    "edit",
    "git-ref",
    "flux-resources",
    "secret.overrides",
    "bootstrap-faults",
}
"""What the tier and either attached tier have together."""
_FALLBACK = "30s"
"""How often a cluster looks at the bootstrap repository unasked: our tier wakes it at a push."""
_README = "What the clusters of this Kommander instance pull; written by its controllers.\n"


@dataclass(frozen=True, slots=True)
class Options:
    """What can be chosen about a system behind our management tier."""

    dialect: str = ""
    """How it words its status; by default the system's own."""
    management: str = "full"
    """`plain` leaves out the remedies by which the page holds with Flux underneath."""
    source_interval: str = ""
    kustomization_interval: str = ""
    project_interval: str = ""
    """How often a GitRepository, a Kustomization and the Kustomization `project` look (which our
    management tier wakes up besides); by default what suits the attached tier."""
    controllers: Sequence[str] = CONTROLLERS
    """The command of a controller process; the faulty ones of the tests are another module."""
    pair: str = ""
    """Which pair of Flux controllers, by its name in the version matrix."""


@dataclass(frozen=True, slots=True)
class Site:
    """Where a system works: its lease, its own directory, its environment."""

    lease: Lease
    directory: Path
    environment: Mapping[str, str]
    patience: Patience
    label: str = ""

    def start(self, name: str, argv: Sequence[str | Path], **environment: str) -> Process:
        """A process of the system; `environment` comes on top of the site's."""
        env = {**self.environment, **environment}
        return self.lease.start(f"{name}{self.label}", argv, env=env)

    def follow(self, deployed: Deployed) -> "Starting":
        """A controller in a pod, its output in the logs from now on."""
        within = self.patience.cluster_ready
        deployed.follow(self.lease, within=within)
        return Starting(deployed, deployed.unready, within)


@dataclass(frozen=True, slots=True)
class Starting:
    """A process, and how to see that it is ready."""

    process: Supervised
    probe: Probe
    within: float | None = None
    """Seconds that it may take; by default what a process of this machine may."""


class AttachedTier(Protocol):
    """What reconciles `GitRepository` and `Kustomization` on the attached clusters."""

    def kinds(self) -> Sequence[Object]:
        """The CRDs that it needs."""
        ...

    def prepare(self, site: Site, member: Member) -> None:
        """Put on a cluster what must be there first; several clusters are prepared at once."""
        ...

    def start(self, site: Site, member: Member) -> Sequence[Starting]:
        """The processes for one cluster; called from the main thread."""
        ...

    def profile(self, members: Sequence[Member]) -> Profile:
        """What it claims together with our management tier."""
        ...

    def programs(self) -> Sequence[Program]:
        """What is under test besides our controllers."""
        ...

    @property
    def intervals(self) -> tuple[str, str, str]:
        """Of GitRepository, Kustomization and `project`: short, as far as it can keep up."""
        ...

    @property
    def judged(self) -> tuple[str, ...]:
        """The tiers that a report on it is about; what the others do is ours."""
        ...

    @property
    def secrets(self) -> Sequence[str]:
        """What it made that must never be seen in an artefact."""
        ...


def start(
    lease: Lease,
    fleet: Fleet,
    tier: AttachedTier,
    *,
    trusted_ca: Path,
    patience: Patience,
    options: Options,
    label: str = "",
    git: launch.Launcher | None = None,
    pods: Pods | None = None,
) -> Running:
    """
    Install and start both tiers on a fleet; returns when every cluster is attached.

    `label` tells apart several systems that are started one after the other on the same fleet.
    `git` starts the bootstrap repository, by default as a process of this machine. With `pods` the
    management tier is one on its cluster; where the attached tier runs is its own to say.
    """
    directory = lease.directory / f"system{label}"
    directory.mkdir(mode=0o700)
    environment = {**os.environ, "SSL_CERT_FILE": str(trusted_ca)}
    site = Site(lease, directory, environment, patience, label)
    readers = {
        member.name: Account(f"reader-{member.name}", secrets.token_urlsafe(24))
        for member in fleet.attached
    }
    launcher = git or launch.OnHost(lease.start, directory)
    bootstrap = launcher(
        f"bootstrap-repository{label}",
        listeners=["https-private"],
        repositories={BOOTSTRAP: Access("basic", tuple(readers.values()))},
    )
    installation.on_all(fleet.members, _installer(fleet, tier, site))
    server = bootstrap.await_ready(within=patience.process_ready)
    # Flux cannot fetch a repository without commits, and the first project may be long in coming.
    server.repository(BOOTSTRAP).commit({"README.md": _README}, message="Begin")
    paced = replace(
        options,
        source_interval=options.source_interval or tier.intervals[0],
        kustomization_interval=options.kustomization_interval or tier.intervals[1],
        project_interval=options.project_interval or tier.intervals[2],
    )
    configure = partial(_configuration, server, bootstrap, readers, paced)
    authority = server.endpoints.authorities["private"]
    starting = [
        _in_pod(site, pods, fleet.management, configure, authority)
        if pods
        else _on_host(site, options.controllers, fleet.management, configure, authority)
    ]
    for member in fleet.attached:
        starting += tier.start(site, member)
    processes = [each.process for each in starting]
    with ThreadPoolExecutor(len(starting)) as pool:
        list(pool.map(lambda each: _await(each, patience), starting))
    installation.attach(
        fleet,
        patience,
        processes,
        partial(pods.attachment, directory) if pods else lambda each: each.kubeconfig.read_text(),
    )
    return Running(
        profile=tier.profile(fleet.attached),
        processes=(bootstrap.process, *processes),
        programs=(Program("reference controllers", Path(sys.executable)), *tier.programs()),
        judged=tier.judged,
        bootstrap_control=(bootstrap.control_url, bootstrap.token),
        secrets=(
            bootstrap.token,
            bootstrap.admin.password,
            *(str(account.password) for account in readers.values()),
            *tier.secrets,
            *(pods.secrets if pods else ()),
        ),
    )


def _installer(fleet: Fleet, tier: AttachedTier, site: Site) -> Callable[[Member], None]:
    attached = tier.kinds()  # once: reading those of Flux takes a while

    def install(member: Member) -> None:
        if member is fleet.management:
            kinds = installation.our_kinds("management")
            installation.install_kinds(member, kinds, site.patience)
        else:
            installation.install_kinds(member, attached, site.patience)
            tier.prepare(site, member)

    return install


Configure = Callable[[str, str], dict[str, Any]]
"""Where the bootstrap repository's authority lies, and where the clone goes -> configuration."""


def _on_host(
    site: Site, command: Sequence[str], member: Member, configure: Configure, authority: str
) -> Starting:
    """The management tier as a process of this machine."""
    ca = site.directory / reference_pods.AUTHORITY
    ca.write_text(authority)
    config = site.directory / reference_pods.CONFIGURATION
    config.touch(mode=0o600)
    config.write_text(json.dumps(configure(str(ca), str(site.directory / "management")), indent=2))
    return controller(site, command, "management", member, ["--config", config])


def _in_pod(
    site: Site, pods: Pods, member: Member, configure: Configure, authority: str
) -> Starting:
    """The management tier as a Deployment on its cluster."""
    configuration = configure(f"{SETTINGS}/{reference_pods.AUTHORITY}", f"{DATA}/management")
    settings = {
        reference_pods.AUTHORITY: authority,
        reference_pods.CONFIGURATION: json.dumps(configuration, indent=2),
    }
    log = log_name(member)
    wanted = reference_pods.management(pods.image, settings, pods.trusted, log=log)
    return site.follow(pods.deploy(member, wanted))


def log_name(member: Member) -> str:
    """How our controllers of a cluster are called among processes and logs."""
    return f"controllers-{member.name}"


def controller(
    site: Site,
    command: Sequence[str],
    tier: str,
    member: Member,
    arguments: Sequence[str | Path],
) -> Starting:
    """One of our own controller processes; it is ready when it says so in a file."""
    name = log_name(member)
    ready = site.directory / f"{name}.ready"
    started = site.start(
        name,
        [*command, tier, "--kubeconfig", member.kubeconfig, *arguments, "--ready", ready],
    )
    return Starting(started, lambda: None if ready.exists() else "its first lists are not in yet")


def _configuration(
    server: GitServer,
    bootstrap: launch.Launched,
    readers: Mapping[str, Account],
    options: Options,
    authority: str,
    directory: str,
) -> dict[str, Any]:
    return {
        "bootstrap": {
            "url": server.endpoints.url(BOOTSTRAP, "https-private"),
            "caFile": authority,
            "branch": "main",
            "writer": {"username": bootstrap.admin.name, "password": bootstrap.admin.password},
            "readers": {
                name: {"username": account.name, "password": account.password}
                for name, account in readers.items()
            },
        },
        "intervals": {
            "source": options.source_interval,
            "kustomization": options.kustomization_interval,
            "management": _FALLBACK,
            "project": options.project_interval,
        },
        "remedies": options.management != "plain",
        "directory": directory,
    }


def _await(starting: Starting, patience: Patience) -> None:
    within = starting.within or patience.process_ready
    process.await_ready(starting.process, starting.probe, within=within)
