"""
System `reference`: our controllers for both tiers, and a bootstrap repository of their own.

One controller process per cluster; the bootstrap repository is a Git server process with one
writer and one reader per cluster (decisions 3, 11).
"""

import json
import os
import secrets
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import yaml

from harness import data
from harness.cluster import client, errors
from harness.cluster.client import Cluster
from harness.cluster.fleet import Fleet, Lease, Member
from harness.errors import SetupError
from harness.gitserver import launch
from harness.gitserver.access import Access, Account
from harness.gitserver.client import GitServer
from harness.kit import process, wait
from harness.kit.process import Process
from harness.kit.wait import Patience
from harness.model import conditions, profile
from harness.model.objects import Object, Ref
from harness.systems import Program, Running

NAME = "reference"
WORKSPACE = "default-workspace"
BOOTSTRAP = "kommander/kommander"
FLUX_NAMESPACE = "kommander-flux"
_MANAGER = "gitops-conformance-setup"
_README = "What the clusters of this Kommander instance pull; written by its controllers.\n"
_CONTROLLERS = (sys.executable, "-m", "harness.controllers")


@dataclass(frozen=True, slots=True)
class Options:
    """What can be chosen about the reference."""

    dialect: str = "page"
    source_interval: str = "1s"
    kustomization_interval: str = "2s"
    controllers: Sequence[str] = _CONTROLLERS
    """The command of a controller process; the faulty ones of the tests are another module."""


def start(
    lease: Lease,
    fleet: Fleet,
    *,
    kubectl: Path,
    trusted_ca: Path,
    patience: Patience,
    options: Options | None = None,
    label: str = "",
) -> Running:
    """
    Install and start the reference on a fleet; returns when every cluster is attached.

    `label` tells apart several systems that are started one after the other on the same fleet.
    """
    options = options or Options()
    directory = lease.directory / f"system{label}"
    directory.mkdir(mode=0o700)
    readers = {
        member.name: Account(f"reader-{member.name}", secrets.token_urlsafe(24))
        for member in fleet.attached
    }
    bootstrap = launch.launch(
        lambda name, argv: lease.start(name, argv),
        directory / "bootstrap",
        name=f"bootstrap-repository{label}",
        listeners=["https-private"],
        repositories={BOOTSTRAP: Access("basic", tuple(readers.values()))},
    )
    install(fleet, patience)
    server = bootstrap.await_ready(within=patience.process_ready)
    # Flux cannot fetch a repository without commits, and the first project may be long in coming.
    server.repository(BOOTSTRAP).commit({"README.md": _README}, message="Begin")
    config = _configuration(directory, server, bootstrap, readers, options)
    environment = {**os.environ, "SSL_CERT_FILE": str(trusted_ca)}
    processes = [
        _management(lease, fleet, directory, config, options, environment, label),
        *(
            _attached(lease, member, directory, kubectl, options, environment, label)
            for member in fleet.attached
        ),
    ]
    with ThreadPoolExecutor(len(processes)) as pool:
        list(pool.map(lambda p: _await_controller(p, directory, patience), processes))
    _attach(fleet, patience, processes)
    return Running(
        profile=claims(options.dialect),
        processes=(bootstrap.process, *processes),
        programs=(Program("reference controllers", Path(sys.executable)),),
        bootstrap_control=(bootstrap.control_url, bootstrap.token),
        secrets=(
            bootstrap.token,
            bootstrap.admin.password,
            *(str(account.password) for account in readers.values()),
        ),
    )


def claims(dialect: str) -> profile.Profile:
    """What the reference claims: everything that it has."""
    return profile.Profile(
        name=NAME,
        capabilities=profile.CORE
        | {"edit", "git-ref", "flux-resources", "secret.overrides", "bootstrap-faults"},
        dialect=profile.dialect(dialect),
        may_poke=True,
    )


def install(fleet: Fleet, patience: Patience) -> None:
    """The CRDs of both tiers, the workspace, and a KommanderCluster for each attached cluster."""
    with ThreadPoolExecutor(len(fleet.members)) as pool:
        list(pool.map(lambda member: _install_crds(fleet, member, patience), fleet.members))


def _install_crds(fleet: Fleet, member: Member, patience: Patience) -> None:
    tier = "management" if member is fleet.management else "attached"
    cluster = _connect(member)
    crds = [
        yaml.load(path.read_text(), Loader=yaml.CSafeLoader)
        for path in sorted(data.path("fixtures", "crds", tier).glob("*.yaml"))
    ]
    for crd in crds:
        cluster.apply(crd, field_manager=_MANAGER)
    for crd in crds:
        wait.eventually(
            lambda crd=crd: _served(cluster, crd),  # type: ignore[misc] # as for any default
            within=patience.discovery,
            what=f"{member.name} serves {crd['spec']['names']['kind']}",
        )


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


def _configuration(
    directory: Path,
    server: GitServer,
    bootstrap: launch.Launched,
    readers: dict[str, Account],
    options: Options,
) -> Path:
    ca = directory / "bootstrap-ca.pem"
    ca.write_text(server.endpoints.authorities["private"])
    config = {
        "bootstrap": {
            "url": server.endpoints.url(BOOTSTRAP, "https-private"),
            "caFile": str(ca),
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
            "management": options.source_interval,
        },
        "directory": str(directory / "management"),
    }
    path = directory / "management.json"
    path.touch(mode=0o600)
    path.write_text(json.dumps(config, indent=2))
    return path


def _management(
    lease: Lease,
    fleet: Fleet,
    directory: Path,
    config: Path,
    options: Options,
    environment: dict[str, str],
    label: str,
) -> Process:
    name = f"controllers-management{label}"
    return lease.start(
        name,
        [
            *options.controllers,
            "management",
            "--kubeconfig",
            fleet.management.kubeconfig,
            "--config",
            config,
            "--ready",
            directory / f"{name}.ready",
        ],
        env=environment,
    )


def _attached(
    lease: Lease,
    member: Member,
    directory: Path,
    kubectl: Path,
    options: Options,
    environment: dict[str, str],
    label: str,
) -> Process:
    name = f"controllers-{member.name}{label}"
    storage = directory / f"artifacts-{member.name}"
    storage.mkdir(mode=0o700)
    return lease.start(
        name,
        [
            *options.controllers,
            "attached",
            "--kubeconfig",
            member.kubeconfig,
            "--name",
            member.name,
            "--storage",
            storage,
            "--kubectl",
            kubectl,
            "--dialect",
            options.dialect,
            "--ready",
            directory / f"{name}.ready",
        ],
        env=environment,
    )


def _await_controller(running: Process, directory: Path, patience: Patience) -> None:
    ready = directory / f"{running.name}.ready"
    process.await_ready(
        running,
        lambda: None if ready.exists() else "its first lists are not in yet",
        within=patience.process_ready,
    )


def _attach(fleet: Fleet, patience: Patience, processes: Sequence[Process]) -> None:
    management = _connect(fleet.management)
    management.apply(_workspace(), field_manager=_MANAGER)
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
        for obj in _kommander_cluster(member):
            management.apply(obj, field_manager=_MANAGER)
    for member in fleet.attached:
        cluster = _connect(member)
        try:
            wait.eventually(
                lambda cluster=cluster: _attached_missing(cluster),  # type: ignore[misc]
                within=patience.cluster_ready,
                what=f"{member.name} is attached",
            )
        except SetupError as error:
            for running in processes:
                running.check()
            raise SetupError(f"{error}\n{processes[0].explain()}") from None


def _attached_missing(cluster: Cluster) -> str | None:
    ref = Ref("source.toolkit.fluxcd.io/v1", "GitRepository", "management", FLUX_NAMESPACE)
    obj = cluster.find(ref)
    return conditions.explain_ready(obj) if obj else f"there is no {ref}"


def _workspace() -> Object:
    return {
        "apiVersion": "workspaces.kommander.mesosphere.io/v1alpha1",
        "kind": "Workspace",
        "metadata": {"name": WORKSPACE},
        "spec": {"namespaceName": WORKSPACE},
    }


def _kommander_cluster(member: Member) -> list[Object]:
    where = {"namespace": WORKSPACE}
    secret = f"{member.name}-kubeconfig"
    return [
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": secret, **where},
            "stringData": {"kubeconfig": member.kubeconfig.read_text()},
        },
        {
            "apiVersion": "kommander.mesosphere.io/v1beta1",
            "kind": "KommanderCluster",
            "metadata": {"name": member.name, **where},
            "spec": {"kubeconfigRef": {"name": secret}},
        },
    ]


def _connect(member: Member) -> Cluster:
    return client.connect(member.kubeconfig, name=member.name, context=member.context)
