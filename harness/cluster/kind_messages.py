"""
What goes wrong with Docker and kind, each as one sentence: the thing, the cause, the fix.

Pure: from what the programs say, and from what is known of the machine, to a message.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

_LOCAL = "or use `--clusters local`, which needs no Docker"

ABSENT = (
    "Docker is not installed (there is no program `docker` on PATH): install Docker Engine 20.10 "
    f"or newer, {_LOCAL}."
)
NOT_LINUX = f"Docker runs Windows containers, but kind needs Linux ones: switch it, {_LOCAL}."

NODE_IMAGE = "--kind-image (KIND_NODE_IMAGE)"
"""What names another node image."""

INSTANCES = 512
WATCHES = 524_288


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What is known beside the programs' output; None and empty mean unknown."""

    image: str = ""
    inotify_instances: int | None = None
    inotify_watches: int | None = None
    option: str = NODE_IMAGE
    """What names another image."""

    @property
    def inotify_is_low(self) -> bool:
        """Whether a limit is below what kind recommends for several nodes."""
        instances, watches = self.inotify_instances, self.inotify_watches
        return (instances is not None and instances < INSTANCES) or (
            watches is not None and watches < WATCHES
        )


_Table = tuple[tuple[str, Callable[[Circumstances], str]], ...]


def air_gap(option: str = NODE_IMAGE) -> str:
    """What to do where no registry can be reached; `option` names another image."""
    return (
        "without a registry, bring the image with `docker save` and `docker load`, or name one "
        f"that is there with {option}"
    )


def silent(seconds: float) -> str:
    """The engine does not answer at all."""
    return f"Docker did not answer within {seconds:g} s: restart its engine, {_LOCAL}."


def too_old(version: str, oldest: tuple[int, ...]) -> str:
    """The engine is older than what kind needs."""
    wanted = ".".join(map(str, oldest))
    return f"Docker {version} is too old for kind: install {wanted} or newer, {_LOCAL}."


def no_room(root: Path, free: int, needed: int) -> str:
    """The disk will be full before the clusters are there."""
    return (
        f"Docker is nearly out of space: {root} has {_gigabytes(free)} free and the clusters need "
        f"about {_gigabytes(needed)}: make room (`docker system df` tells what takes it) or attach "
        "fewer clusters with --attached."
    )


def of_docker(output: str) -> str | None:
    """The message for what a docker command said, or None when it is nothing well known."""
    return _first(_ENGINE, output, Circumstances())


def of_pull(output: str, image: str, option: str = NODE_IMAGE) -> str | None:
    """The message for what `docker pull` said; `option` is what names another image."""
    return _first((*_ENGINE, *_REGISTRY), output, Circumstances(image, option=option))


def of_creation(output: str, node: str, around: Circumstances) -> str | None:
    """
    The message for what `kind create` said, and the node that it left.

    Much of what both say is harmless: a kubelet always complains that it cannot connect yet. So of
    the node only what nobody says without need is taken for a cause.
    """
    said = _first((*_NODE, *_ENGINE, *_MACHINE), output, around) or _first(_NODE, node, around)
    # A node without inotify instances shows many faces; none of them names the limit.
    symptom = re.search(_NODE_DOES_NOT_START, output, re.IGNORECASE)
    return said or (_inotify(around) if symptom and around.inotify_is_low else None)


def _first(table: _Table, output: str, around: Circumstances) -> str | None:
    for pattern, message in table:
        if re.search(pattern, output, re.IGNORECASE):
            return message(around)
    return None


def _fixed(text: str) -> Callable[[Circumstances], str]:
    return lambda _: text


def _image(text: str) -> Callable[[Circumstances], str]:
    return lambda around: text.format(
        image=around.image or "The node image",
        option=around.option,
        air_gap=air_gap(around.option),
    )


def _inotify(around: Circumstances) -> str:
    seen = ""
    if around.inotify_instances is not None and around.inotify_watches is not None:
        seen = (
            f" (max_user_instances is {around.inotify_instances}, max_user_watches is "
            f"{around.inotify_watches})"
        )
    return (
        f"The nodes run into the machine's inotify limits{seen}: raise them with `sysctl "
        f"fs.inotify.max_user_instances={INSTANCES} fs.inotify.max_user_watches={WATCHES}`, or "
        "attach fewer clusters with --attached."
    )


def _gigabytes(size: int) -> str:
    return f"{size / 1e9:.1f} GB"


_NODE_DOES_NOT_START = (
    r"could not find a log line that matches|kubelet is not (?:running|healthy)"
    r"|timed out waiting for the condition|context deadline exceeded"
)

# Of a table the first that matches is told.
_ENGINE: _Table = (
    (
        r"permission denied.*docker(?:\.sock| daemon| API)|docker daemon socket.*permission denied",
        _fixed(
            "Docker may not be used by this user (permission denied on its socket): add the user "
            f"to the group `docker`, {_LOCAL}."
        ),
    ),
    (
        r"cannot connect to the docker daemon|is the docker daemon running|failed to connect to the"
        r" docker api|error during connect",
        _fixed(
            "Docker is installed but its engine does not run: start it (`systemctl start docker`), "
            f"{_LOCAL}."
        ),
    ),
    (
        r"no space left on device|disk quota exceeded",
        _fixed(
            "Docker is out of space: make room (`docker system df` tells what takes it), or attach "
            "fewer clusters with --attached."
        ),
    ),
    (
        r"client version \S+ is too (?:new|old)|minimum supported api version",
        _fixed(
            "The `docker` program and its engine are too far apart in version: update the older "
            f"one, {_LOCAL}."
        ),
    ),
    (
        r"could not find an available, non-overlapping|address pools have been fully subnetted",
        _fixed(
            "Docker has no address range left for another network: remove unused ones (`docker "
            "network prune`), or give it more with `default-address-pools`."
        ),
    ),
)

_REGISTRY: _Table = (
    (
        r"toomanyrequests|rate limit",
        _image(
            "{image} could not be pulled: the registry's rate limit is reached; log in with "
            "`docker login` or wait; {air_gap}."
        ),
    ),
    (
        r"manifest (?:for \S+ )?(?:unknown|not found)|not found: manifest|failed to resolve"
        r" reference.*not found",
        _image(
            "{image} does not exist in its registry: name one that does with {option} (kind's "
            "release notes list node images); {air_gap}."
        ),
    ),
    (
        r"pull access denied|unauthorized|authentication required",
        _image(
            "{image} could not be pulled: the registry wants credentials or has no such image; try "
            "`docker login`; {air_gap}."
        ),
    ),
    (
        r"no such host|dial tcp|tls handshake|i/o timeout|x509:|connection refused"
        r"|client\.timeout exceeded|server misbehaving|network is unreachable",
        _image("{image} could not be pulled: its registry cannot be reached; {air_gap}."),
    ),
)

_NODE: _Table = (
    (
        r"too many open files|inotify[^\n]*no space left|no space left[^\n]*inotify",
        _inotify,
    ),
    (
        r"configured to not run on a host using cgroup v1",
        _image(
            "The kubelet of {image} refuses this machine's cgroup v1: start it with cgroup v2 "
            "(systemd.unified_cgroup_hierarchy=1), or name an image of Kubernetes 1.34 or older "
            "with --kind-image."
        ),
    ),
)

_MACHINE: _Table = (
    (
        r"rootless provider requires|delegate=yes",
        _fixed(
            "Rootless Docker lacks the cgroups that kind needs: enable cgroup v2 and "
            '"Delegate=yes" as kind.sigs.k8s.io/docs/user/rootless says, or use an engine that '
            "runs as root."
        ),
    ),
    (
        r"cgroup[^\n]*(?:permission denied|no such file|read-only|not supported|device or resource"
        r" busy|operation not)|required cgroups? disabled|cgroups?: .*unsupported",
        _fixed(
            "The nodes cannot use this machine's cgroups: kind needs a privileged container with a "
            "writable cgroup hierarchy (nested containers often lack one); run on the machine "
            f"itself, {_LOCAL}."
        ),
    ),
    (
        r"out of memory|oomkilled|cannot allocate memory",
        _fixed(
            "The machine has too little memory for the nodes (about 0.6 GB each): attach fewer "
            f"clusters with --attached, {_LOCAL}."
        ),
    ),
)
