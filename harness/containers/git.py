"""
The Git server in a container on a fleet's Docker network, which pods and this machine both reach.

testcontainers makes the container; what it is called and labelled is said by the fleet's
`holdings`, so that whoever ends the fleet of a killed run removes it. Its reaper (Ryuk) is not
needed for that and stays off: it would be another image to pull. The configuration, which holds
secrets, is copied into the container before it starts: no command line, environment or image
layer has them.
"""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from harness import errors
from harness.cluster import docker, holdings, kind_messages
from harness.cluster.fleet import Lease
from harness.gitserver import launch
from harness.gitserver.access import Access
from harness.gitserver.config import TRANSPORTS, Config
from harness.gitserver.launch import Launched
from harness.kit import ports

if TYPE_CHECKING:
    from testcontainers.core.container import DockerContainer

DATA = Path("/data/git")
CONTROL = 8080
PORTS = {"control": CONTROL, **{name: 8081 + n for n, name in enumerate(TRANSPORTS)}}
"""Fixed: nobody else listens in the container."""

_CONFIG = "/data/config.json"
_READY = "/data/ready.json"
_EVERYWHERE = "0.0.0.0"  # noqa: S104 - of the container, which is on our network only
_GROUP_READS = 0o640  # docker copies files as root's; the container's user is of root's group


@dataclass(frozen=True, slots=True)
class InContainers:
    """Servers that are containers of `image`, on the Docker network of the lease's fleet."""

    lease: Lease
    image: str

    def __call__(
        self,
        name: str,
        *,
        listeners: Sequence[str] = TRANSPORTS,
        repositories: Mapping[str, Access] | None = None,
    ) -> Launched:
        """A server of that name, started."""
        return self.start(name, settings(listeners=listeners, repositories=repositories))

    def start(self, name: str, configuration: Config) -> Launched:
        """As by call, with a given configuration (made by `settings`)."""
        held = holdings.read(self.lease.directory)
        if held is None or not docker.reaches(held.network):
            raise errors.SetupError(UNREACHABLE)
        full_name = f"{held.id}-{name}"
        address = _start(self.image, full_name, held, configuration)
        # Ends when the container does, and has its output: all that is asked of a process.
        follower = self.lease.start(name, ["docker", "logs", "--follow", full_name])

        def locate() -> str | None:
            listens = address and ports.accepts(CONTROL, address)
            return f"http://{address}:{CONTROL}" if listens else None

        return Launched(follower, configuration, locate)


def settings(
    *,
    listeners: Sequence[str] = TRANSPORTS,
    repositories: Mapping[str, Access] | None = None,
) -> Config:
    """A configuration for a container: open to its network, where it names its own address."""
    return launch.fresh(
        DATA,
        listeners=listeners,
        repositories=repositories,
        bind=_EVERYWHERE,
        control_bind=_EVERYWHERE,
        advertise="",
        ports=PORTS,
    )


UNREACHABLE = (
    "This machine has no address on Docker's networks, so it cannot reach a Git server in a "
    "container (Docker Desktop, rootless and remote engines are like that): use --git host."
)


def _start(image: str, name: str, held: holdings.Holdings, configuration: Config) -> str:
    """Make the container and start it; its address, empty if it ended at once."""
    with _explained(name):
        container = _container(image, name, held)
        container.with_copy_into_container(configuration.text().encode(), _CONFIG, _GROUP_READS)
        try:
            container.start()
            wrapped = container.get_wrapped_container()
            wrapped.reload()
            return str(wrapped.attrs["NetworkSettings"]["Networks"][held.network]["IPAddress"])
        finally:
            container.get_docker_client().client.close()


def _container(image: str, name: str, held: holdings.Holdings) -> "DockerContainer":
    # Here, since it takes half a second that only this way of running pays.
    from testcontainers.core.config import testcontainers_config
    from testcontainers.core.container import DockerContainer

    testcontainers_config.ryuk_disabled = True
    testcontainers_config.hub_image_name_prefix = ""  # the image is of this machine
    command = ["harness.gitserver", "--config", _CONFIG, "--ready", _READY]
    key, _, value = held.label.partition("=")
    return (
        DockerContainer(image)
        .with_name(name)
        .with_command(command)
        .with_kwargs(
            network=held.network,
            hostname=name,
            labels={key: value},
            cap_drop=["ALL"],
            security_opt=["no-new-privileges"],
        )
    )


@contextlib.contextmanager
def _explained(name: str) -> Iterator[None]:
    """What Docker's library raises, as one sentence."""
    import docker.errors as engine
    from requests.exceptions import RequestException

    try:
        yield
    except (engine.DockerException, RequestException, OSError) as error:
        known = kind_messages.of_docker(str(error))
        raise errors.SetupError(
            known or f"The container {name} could not be started: {error}"
        ) from None
