"""What a provider of clusters is asked for, and with what; `providers` has the table of them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from harness.kit import wait

MANAGEMENT = "management"

Progress = Callable[[str], None]


class Programs(Protocol):
    """Where the programs are (`binaries.Binaries`)."""

    def path(self, name: str) -> Path:
        """The executable of that name."""
        ...


@dataclass(frozen=True, slots=True)
class Request:
    """The clusters that are wanted."""

    attached: int = 3
    on_progress: Progress | None = None
    patience: wait.Patience = field(default_factory=wait.Patience)
    image: str = ""
    """The node image of kind; empty for the default."""
    meanwhile: Callable[[], None] | None = None
    """Done once nothing stands against the clusters; by kind when its network is there."""
    kubeconfigs: Path | None = None
    """A folder with the kubeconfigs of clusters that are given."""

    @property
    def members(self) -> tuple[str, ...]:
        """How the clusters are called, the management cluster first."""
        return (MANAGEMENT, *(f"c{number}" for number in range(1, self.attached + 1)))

    def tell(self, text: str) -> None:
        """Say what is being done."""
        if self.on_progress:
            self.on_progress(text)
