"""
What one process of the suite works with: clusters, observer, Git server, profile, deadlines.

Made once a process by the plugin, from the session of the run.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.cluster.client import Cluster
from harness.errors import Inconclusive
from harness.gitserver.client import GitServer
from harness.kit.wait import Patience
from harness.model.profile import Profile
from harness.observe.observer import Observer


@dataclass(frozen=True, slots=True)
class Bench:
    """The fleet under test and the means to act on it and to see it."""

    management: Cluster
    attached: Mapping[str, Cluster]
    kubeconfigs: Mapping[str, Path]
    observer: Observer
    git: GitServer
    bootstrap: GitServer | None
    """The control of the system's own bootstrap repository, where the system lends it."""
    profile: Profile
    patience: Patience
    kubectl: Path
    scratch: Path
    """A folder of the run for what programs want to keep at home (kubectl's discovery cache)."""
    workspace: str
    seed: int
    workload_images: tuple[str, ...]
    """Versions 1 and 2 of the suite's application; none where no pods run."""
    journal: Callable[[str, str], None]
    """Notes what a scenario made (kind, name), so that the run can prove that nothing is left."""

    @property
    def project_clusters(self) -> tuple[str, ...]:
        """The clusters that scenarios place their projects on: all attached ones but the last."""
        names = tuple(self.attached)
        return names[:-1] if len(names) > 1 else names

    @property
    def outside_clusters(self) -> tuple[str, ...]:
        """The attached clusters that no project is placed on."""
        outside = tuple(name for name in self.attached if name not in self.project_clusters)
        if not outside:
            raise Inconclusive(
                "precondition", "The fleet has no cluster outside the project; use --attached 2."
            )
        return outside
