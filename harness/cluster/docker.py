"""
The Docker engine, asked by its own command line: whether it is usable, what it holds, what goes.

`docker` alone knows contexts, sockets and credentials of this machine. Every failure becomes one
sentence (`kind_messages`). Nothing here knows of fleets.
"""

import contextlib
import ipaddress
import json
import os
import re
import select
import shutil
import socket
import subprocess
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from harness import errors
from harness.cluster import kind_messages

NODE = "io.x-k8s.kind.cluster"
"""The label that `kind` gives to the containers of a cluster; its value is the cluster's name."""

OLDEST = (20, 10)
"""The first Docker that gives a container a cgroup namespace of its own, which kind needs."""

_QUESTION = 30.0
_REMOVAL = 120.0


@dataclass(frozen=True, slots=True)
class Container:
    """A node of a kind cluster."""

    id: str
    cluster: str
    state: str
    name: str


def run(*arguments: str, within: float = _QUESTION, given: Path | None = None) -> str:
    """What a docker command prints, which may read a `given` file; a failure is explained."""
    if shutil.which("docker") is None:
        raise errors.SetupError(kind_messages.ABSENT)
    try:
        with (given or Path(os.devnull)).open("rb") as stdin:
            done = subprocess.run(
                ["docker", *arguments],
                capture_output=True, text=True, timeout=within, check=False, stdin=stdin,
                # A Ctrl-C is for us; what is being removed is removed.
                start_new_session=True,
            )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise errors.SetupError(kind_messages.silent(within)) from None
    if done.returncode != 0:
        said = done.stderr.strip() or done.stdout.strip()
        known = kind_messages.of_docker(said)
        raise errors.SetupError(known or f"`docker {' '.join(arguments[:2])}` failed: {said}")
    return done.stdout.strip()


def check(*, bytes_needed: int = 0) -> None:
    """Raise unless the engine answers, is new enough, runs Linux, and has room."""
    told = run("version", "--format", "{{json .Server}}")
    server = json.loads(told)
    version = str(server["Version"])
    if numbers(version) < OLDEST:
        raise errors.SetupError(kind_messages.too_old(version, OLDEST))
    if server.get("Os", "linux") != "linux":
        raise errors.SetupError(kind_messages.NOT_LINUX)
    root = Path(run("info", "--format", "{{.DockerRootDir}}"))
    free = _free(root)
    if free is not None and free < bytes_needed:
        raise errors.SetupError(kind_messages.no_room(root, free, bytes_needed))


def numbers(version: str) -> tuple[int, ...]:
    """`20.10.24+dfsg1` as numbers."""
    match = re.match(r"\d+(?:\.\d+)*", version)
    return tuple(map(int, match[0].split("."))) if match else ()


def has_image(image: str) -> bool:
    """Whether the engine holds the image."""
    return bool(image_id(image))


def image_id(image: str) -> str:
    """The digest of an image that the engine holds; empty where it does not."""
    try:
        return run("image", "inspect", "--format", "{{.Id}}", image)
    except errors.SetupError as error:
        if "no such image" in str(error).lower():
            return ""
        raise


def pull(image: str, *, within: float, option: str) -> None:
    """Get an image from its registry; `option` names another one, for who reads the error."""
    try:
        run("pull", "--quiet", image, within=within)
    except errors.SetupError as error:
        known = kind_messages.of_pull(str(error), image, option)
        raise errors.SetupError(known or str(error)) from None


def image_digest(image: str) -> str:
    """
    Exactly which image that is: `name@sha256:...`, by which its registry has it.

    An image that was loaded or built here has none; then its ID, `sha256:...`.
    """
    told = run("image", "inspect", "--format", '{"id":"{{.Id}}","of":{{json .RepoDigests}}}', image)
    found = json.loads(told)
    name = re.sub(r"(:[^:/@]*)?(@.*)?$", "", image, count=1)
    # One image may have several names; that under which it was asked for goes first.
    known = sorted(found["of"] or [], key=lambda each: (each.partition("@")[0] != name, each))
    return str(next(iter(known), found["id"]))


def nodes(clusters: Collection[str]) -> list[Container]:
    """The containers of kind clusters with exactly these names, running or not."""
    columns = f'{{{{.ID}}}}\t{{{{.Label "{NODE}"}}}}\t{{{{.State}}}}\t{{{{.Names}}}}'
    told = run("ps", "--all", "--no-trunc", "--filter", f"label={NODE}", "--format", columns)
    found = [Container(*line.split("\t")) for line in told.splitlines()]
    return [each for each in found if each.cluster in clusters]


def labelled(label: str) -> list[str]:
    """The ids of the containers that carry the label (`key=value`), running or not."""
    told = run("ps", "--all", "--no-trunc", "--quiet", "--filter", f"label={label}")
    return told.splitlines()


def remove_containers(containers: Collection[str]) -> None:
    """Remove them with their anonymous volumes; one that is gone already is no failure."""
    try:
        run("rm", "--force", "--volumes", *containers, within=_REMOVAL)
    except errors.SetupError as error:
        if not re.search(r"no such container|already in progress", str(error), re.IGNORECASE):
            raise


def create_network(name: str, label: str) -> None:
    """A network like the one that kind makes, but with a label that says whose it is."""
    mtu = run(
        "network", "inspect", "bridge",
        "--format", '{{index .Options "com.docker.network.driver.mtu"}}',
    )  # fmt: skip
    options = [f"--opt=com.docker.network.driver.mtu={mtu}"] if mtu.isdigit() else []
    masquerade = "--opt=com.docker.network.bridge.enable_ip_masquerade=true"
    run("network", "create", "--driver=bridge", masquerade, *options, f"--label={label}", name)


def reaches(network: str) -> bool:
    """Whether this machine has an address on the network, so that it reaches what is there."""
    told = run(
        "network", "inspect", network,
        "--format", "{{range .IPAM.Config}}{{println .Subnet .Gateway}}{{end}}",
    )  # fmt: skip
    return any(_is_ours(gateway) for gateway in _gateways(told))


def _gateways(told: str) -> list[str]:
    """
    The engine's own addresses from lines `subnet gateway`.

    Engines that made their first network just now tell no gateway of it until they are restarted;
    they take the first address of a subnet.
    """
    found = []
    for subnet, *gateway in filter(None, map(str.split, told.splitlines())):
        found += gateway or [str(next(iter(ipaddress.ip_network(subnet).hosts())))]
    return found


def address(container: str, network: str) -> str:
    """The address that a container has on a network."""
    where = f'{{{{(index .NetworkSettings.Networks "{network}").IPAddress}}}}'
    return run("container", "inspect", "--format", where, container)


def networks(label: str) -> list[str]:
    """The ids of the networks that carry the label (`key=value`)."""
    told = run("network", "ls", "--no-trunc", "--quiet", "--filter", f"label={label}")
    return told.splitlines()


def remove_network(network: str) -> bool:
    """Remove it; False while a container is still connected."""
    try:
        run("network", "rm", network)
    except errors.SetupError as error:
        if re.search("active endpoints", str(error)):
            return False
        if not re.search(r"no such network|not found", str(error), re.IGNORECASE):
            raise
    return True


@contextlib.contextmanager
def changes(since: float) -> Iterator[Callable[[float], None]]:
    """
    What waits, for some seconds at most, until the engine has done something: an event stream.

    It begins at a time of the past (`time.time()`), so that nothing is missed.
    """
    with subprocess.Popen(
        ["docker", "events", f"--since={since:.3f}", "--format={{.Action}}"],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as events:  # fmt: skip
        assert events.stdout is not None
        stream = events.stdout.fileno()

        def wait(seconds: float) -> None:
            if select.select([stream], [], [], seconds)[0] and not os.read(stream, 1 << 16):
                raise errors.SetupError("The Docker engine tells of nothing any more.")

        try:
            yield wait
        finally:
            events.terminate()


def last_words(container: Container, target: Path) -> str:
    """What a node says about its start, kept in a file; best effort."""
    said = []
    for command in (
        ("logs", "--tail", "100", container.id),
        ("exec", container.id, "journalctl", "--no-pager", "-n", "200", "-u", "kubelet"),
    ):
        try:
            said.append(_both(command))
        except (OSError, subprocess.SubprocessError) as error:
            said.append(str(error))
    text = "\n".join(said)
    target.write_text(text)
    return text


def _both(arguments: Collection[str]) -> str:
    done = subprocess.run(
        ["docker", *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=20, check=False,
        stdin=subprocess.DEVNULL, errors="replace",
    )  # fmt: skip
    return done.stdout


def _is_ours(address: str) -> bool:
    family = socket.AF_INET6 if ipaddress.ip_address(address).version == 6 else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((address, 0))
        except OSError:
            return False
    return True


def _free(root: Path) -> int | None:
    """Bytes that are free where the engine keeps its data, if that is on this machine."""
    try:
        status = os.statvfs(root)
    except OSError:
        return None
    return status.f_bavail * status.f_frsize
