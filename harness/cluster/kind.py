"""
The provider `kind`: a management cluster and attached ones, each a kind cluster in Docker.

Whole Kubernetes: every controller, a scheduler, a kubelet. All clusters are created at once, each
by a `kind` process of its own, on one Docker network of ours. What is made is recorded first
(`holdings`), so that it is removed whatever becomes of us. What runs on the clusters is no
business of this module.
"""

import contextlib
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from harness import errors
from harness.cluster import (
    client,
    docker,
    fleet,
    holdings,
    kind_config,
    kind_messages,
    kubeconfig_file,
    programs,
    providing,
)
from harness.cluster.errors import ClusterError
from harness.kit import ports, process, wait
from harness.model import manifest
from harness.model.objects import Ref

IMAGE = f"kindest/node:{programs.named('kube-apiserver').version}"
"""The node image where none is named: Kubernetes at the version that `local` runs."""

ROOM = 1_000_000_000
"""Bytes on the engine's disk that a cluster takes, with what it writes in a run."""

_EVERY = 0.2
_TOLD = 5.0
_READY = (
    Ref("v1", "ServiceAccount", "default", "default"),
    Ref("v1", "ConfigMap", "kube-root-ca.crt", "default"),
)


class _Asked(Protocol):
    """A cluster that can be asked whether it is usable."""

    def ready(self) -> str | None: ...
    def find(self, ref: Ref) -> Mapping[str, object] | None: ...
    def list(self, api_version: str, kind: str) -> client.Listing: ...


@dataclass(slots=True)
class _Creation:
    """One cluster on its way up."""

    member: str
    cluster: str
    directory: Path
    kind: process.Process
    network: str = ""  # on which this machine reaches its node
    api: client.Cluster | None = None
    version: str = ""
    missing: str = field(default="kind is at work")

    @property
    def kubeconfig(self) -> Path:
        return self.directory / "kubeconfig"

    @property
    def node(self) -> str:
        """The container of its one node."""
        return f"{self.cluster}-control-plane"

    @property
    def inside(self) -> str:
        """The API server as containers of the network see it."""
        return f"https://{self.node}:6443"

    @property
    def nearby(self) -> str:
        """The API server without the engine's proxy in between, where this machine can do that."""
        return f"https://{docker.address(self.node, self.network)}:6443" if self.network else ""


def check(request: providing.Request) -> None:
    """Raise, within seconds, when Docker cannot carry the clusters."""
    docker.check(bytes_needed=ROOM * (1 + request.attached))


@contextlib.contextmanager
def lend(
    binaries: providing.Programs, lease: fleet.Lease, request: providing.Request
) -> Iterator[fleet.Fleet]:
    """
    The clusters, usable: nodes are ready and a new namespace gets its ServiceAccount.

    They end with the block, unless the lease was told to leave them running. To be called from the
    main thread, with which `kind` ends if it is killed.
    """
    try:
        yield _start(binaries, lease, request)
    except BaseException:
        lease.give_up()
        raise
    if lease.mode == "run":
        lease.stop()


def load(
    binaries: providing.Programs,
    lease: fleet.Lease,
    members: Sequence[str],
    images: Sequence[str],
    *,
    within: float,
) -> None:
    """Bring images of the engine to the nodes of these members, all at once."""
    with loading(binaries, lease, members, images, within=within) as arrived:
        arrived()


@contextlib.contextmanager
def loading(
    binaries: providing.Programs,
    lease: fleet.Lease,
    members: Sequence[str],
    images: Sequence[str],
    *,
    within: float,
) -> Iterator[Callable[[], None]]:
    """The same beside the block, which gets what returns when all are there, or SetupError."""
    held = holdings.read(lease.directory)
    if held is None:
        raise errors.SetupError("These clusters are not of kind: no image can be loaded.")
    environment = {**os.environ, **lease.mark, "KIND_EXPERIMENTAL_PROVIDER": "docker"}
    # Packed once for all of them, where a killed run leaves nothing; kind by itself would have the
    # engine pack them for each cluster.
    what = images[0].rpartition("/")[2].partition(":")[0]
    archive = lease.directory / f"images-{what}.tar"
    loads: list[process.Process] = []

    def missing() -> str | None:
        busy = [each.name for each in loads if each.alive]
        return f"{', '.join(busy)} is at work" if busy else None

    def arrived() -> None:
        wait.eventually(missing, within=within, what="The images are on the nodes", every=_EVERY)
        for each in loads:
            if each.returncode != 0:
                raise errors.SetupError(each.explain())

    try:
        docker.run("save", f"--output={archive}", *images, within=within)
        loads += [
            process.start(
                f"kind load for {member}",
                [binaries.path("kind"), "load", "image-archive", archive,
                 f"--name={held.id}-{member}"],
                log=lease.logs / f"{member}-load-{what}.log",
                env=environment,
            )
            for member in members
        ]  # fmt: skip
        yield arrived
    finally:
        for each in loads:
            each.stop()
        archive.unlink(missing_ok=True)


def _start(
    binaries: providing.Programs, lease: fleet.Lease, request: providing.Request
) -> fleet.Fleet:
    image = request.image or IMAGE
    _provide_image(image, lease, request)
    held = holdings.record(lease.directory, request.members)
    request.tell(f"creating {len(held.clusters)} kind clusters named {held.id}-*")
    docker.create_network(held.network, held.label)
    # An address of the network may be another one after the engine was started anew.
    direct = held.network if not lease.outlives and docker.reaches(held.network) else ""
    free = ports.free(len(held.clusters))
    creations = [
        _create(binaries, lease, held, member, cluster, image, port, direct)
        for member, cluster, port in zip(request.members, held.clusters, free, strict=True)
    ]
    if request.meanwhile:
        request.meanwhile()
    _await_all(creations, lease, image, request)
    digest = docker.image_digest(image)
    members = [
        fleet.Member(
            each.member, each.kubeconfig, each.member, each.version, image, digest, each.inside
        )
        for each in creations
    ]
    made = fleet.Fleet(members[0], tuple(members[1:]), lease.directory)
    kubeconfig_file.merge([member.kubeconfig for member in members], made.kubeconfig)
    lease.record(made)
    return made


def _provide_image(image: str, lease: fleet.Lease, request: providing.Request) -> None:
    """Pulled once for all clusters, so that it is told what takes so long."""
    if docker.has_image(image):
        return
    pull = process.start(
        "docker pull",
        ["docker", "pull", "--quiet", image],
        log=lease.logs / "docker-pull.log",
        env={**os.environ, **lease.mark},
    )
    began = told = time.monotonic()
    request.tell(f"pulling {image} (once)")

    def missing() -> str | None:
        nonlocal told
        if (now := time.monotonic()) - told >= _TOLD:
            told = now
            request.tell(f"pulling {image} (once), {now - began:.0f} s")
        return "it is still being pulled" if pull.alive else None

    try:
        wait.eventually(missing, within=request.patience.image_pull, what=image, every=_EVERY)
    finally:
        pull.stop()
    if pull.returncode != 0:
        known = kind_messages.of_pull(pull.tail(), image)
        raise errors.SetupError(known or f"{image} could not be pulled. {pull.explain()}")


def _create(
    binaries: providing.Programs,
    lease: fleet.Lease,
    held: holdings.Holdings,
    member: str,
    cluster: str,
    image: str,
    port: int,
    network: str,
) -> _Creation:
    directory = lease.directory / member
    directory.mkdir(mode=0o700)
    config = directory / "kind.yaml"
    folder = directory / "patches"
    folder.mkdir()
    for name, text in kind_config.patches().items():
        (folder / name).write_text(text)
    config.write_text(manifest.dump(kind_config.cluster(port, folder)))
    environment = {
        **os.environ,
        **lease.mark,
        "KIND_EXPERIMENTAL_PROVIDER": "docker",
        "KIND_EXPERIMENTAL_DOCKER_NETWORK": held.network,
    }
    command: list[str | Path] = [
        binaries.path("kind"), "create", "cluster", f"--name={cluster}", f"--image={image}",
        f"--config={config}", f"--kubeconfig={directory / 'kubeconfig'}",
        # What is left of a failure explains it; we remove it ourselves.
        "--retain",
    ]  # fmt: skip
    # Marked, but no process of the fleet: that it ends is no harm.
    started = process.start(
        f"kind create cluster for {member}",
        command,
        log=lease.logs / f"{member}-kind.log",
        env=environment,
    )
    return _Creation(member, cluster, directory, started, network)


def _await_all(
    creations: list[_Creation], lease: fleet.Lease, image: str, request: providing.Request
) -> None:
    """Return when every cluster is usable; the first failure is told, explained by its node."""
    began = time.monotonic()
    pending = list(creations)

    def missing() -> str | None:
        for creation in tuple(pending):
            if _advance(creation, lease, image):
                pending.remove(creation)
                ready = len(creations) - len(pending)
                elapsed = time.monotonic() - began
                request.tell(
                    f"{creation.member} is ready ({ready} of {len(creations)}, {elapsed:.1f} s)"
                )
        return "; ".join(f"{each.member}: {each.missing}" for each in pending) or None

    try:
        wait.eventually(
            missing, within=request.patience.kind_ready, what="All kind clusters are usable",
            every=_EVERY,
        )  # fmt: skip
    finally:
        for creation in creations:
            creation.kind.stop()


def _advance(creation: _Creation, lease: fleet.Lease, image: str) -> bool:
    """Take a cluster one step further; say whether it is usable."""
    if creation.api is None:
        if creation.kind.alive:
            return False
        if creation.kind.returncode != 0:
            raise _failure(creation, lease, image)
        kubeconfig_file.rename(creation.kubeconfig, creation.member, server=creation.nearby)
        creation.api = client.connect(creation.kubeconfig, name=creation.member)
    try:
        creation.missing = _missing(creation.api) or ""
        if not creation.missing:
            creation.version = creation.api.server_version()
    except ClusterError as error:
        creation.missing = str(error)
    return not creation.missing


def _missing(api: _Asked) -> str | None:
    """What the cluster lacks until it can be used."""
    if unready := api.ready():
        return unready
    for ref in _READY:
        if api.find(ref) is None:
            return f"there is no {ref} yet"
    for node in api.list("v1", "Node").items:
        conditions = node.get("status", {}).get("conditions") or []
        if not any(c["type"] == "Ready" and c["status"] == "True" for c in conditions):
            return f"node {node['metadata']['name']} is not ready"
    return None


def _failure(creation: _Creation, lease: fleet.Lease, image: str) -> errors.SetupError:
    node = ""
    with contextlib.suppress(errors.SetupError):
        for container in docker.nodes([creation.cluster]):
            node += docker.last_words(container, lease.logs / f"{creation.member}-node.log")
    around = _circumstances(image)
    known = kind_messages.of_creation(creation.kind.tail(200), node, around)
    if known:
        return errors.SetupError(f"{known} (seen on {creation.member}; {creation.kind.log})")
    return errors.SetupError(creation.kind.explain())


def _circumstances(image: str) -> kind_messages.Circumstances:
    return kind_messages.Circumstances(
        image, _limit("max_user_instances"), _limit("max_user_watches")
    )


def _limit(name: str) -> int | None:
    with contextlib.suppress(OSError, ValueError):
        return int(Path(f"/proc/sys/fs/inotify/{name}").read_text())
    return None
