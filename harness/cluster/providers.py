"""Where clusters come from: the table of providers."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

from harness import errors
from harness.cluster import controlplane, fleet, given, kind, programs
from harness.cluster.providing import Programs, Request


@dataclass(frozen=True, slots=True)
class Provider:
    """A way to get clusters."""

    name: str
    programs: tuple[str, ...]
    """What must be provided before; kubectl is among them, which every run needs."""
    check: Callable[[Request], None]
    """Raises SetupError at once when this way is closed here, before minutes are spent."""
    lend: Callable[[Programs, fleet.Lease, Request], AbstractContextManager[fleet.Fleet]]
    nodes: bool
    """Whether pods can run."""


@contextmanager
def _local(binaries: Programs, lease: fleet.Lease, request: Request) -> Iterator[fleet.Fleet]:
    if request.meanwhile:
        request.meanwhile()
    with controlplane.local(
        binaries,
        lease,
        attached=request.attached,
        on_progress=request.on_progress,
        patience=request.patience,
    ) as made:
        yield made


def _nothing_to_check(_: Request) -> None:
    """What `local` needs is provided."""


TABLE = {
    provider.name: provider
    for provider in (
        Provider("local", programs.CORE, _nothing_to_check, _local, nodes=False),
        Provider("kind", programs.KIND, kind.check, kind.lend, nodes=True),
        # They may have nodes, but from where those would get the application is not known.
        Provider(given.NAME, programs.GIVEN, given.check, given.lend, nodes=False),
    )
}


def named(name: str) -> Provider:
    """The provider of that name."""
    try:
        return TABLE[name]
    except KeyError:
        known = ", ".join(TABLE)
        raise errors.UsageError(f"There is no provider {name!r}; there are: {known}.") from None
