"""An attached tier whose controllers are pods of the clusters that they work on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from harness.cluster.fleet import Member
from harness.model.objects import Object
from harness.model.profile import Profile
from harness.systems import Program
from harness.systems.deployment import Controller
from harness.systems.front import AttachedTier, Site, Starting
from harness.systems.pods import Pods


class Deployable(AttachedTier, Protocol):
    """An attached tier that knows what it looks like in pods."""

    def deployments(self, member: Member, pods: Pods) -> Sequence[Controller]:
        """Its controllers on one cluster."""
        ...


@dataclass(frozen=True, slots=True)
class Tier:
    """The attached tier of a system, in pods; what is claimed is what the system claims."""

    system: Deployable
    pods: Pods

    def kinds(self) -> Sequence[Object]:
        """As on the host."""
        return self.system.kinds()

    def prepare(self, site: Site, member: Member) -> None:  # noqa: ARG002 - no files are needed
        """Deploy the controllers, so that those of all clusters come up at once."""
        for controller in self.system.deployments(member, self.pods):
            self.pods.deploy(member, controller)

    def start(self, site: Site, member: Member) -> Sequence[Starting]:
        """Follow what was deployed."""
        return [site.follow(each) for each in self.pods.on(member)]

    def profile(self, members: Sequence[Member]) -> Profile:
        """As on the host."""
        return self.system.profile(members)

    def programs(self) -> Sequence[Program]:
        """The same programs: their images hold nothing else."""
        return self.system.programs()

    @property
    def intervals(self) -> tuple[str, str, str]:
        """As on the host."""
        return self.system.intervals

    @property
    def judged(self) -> tuple[str, ...]:
        """As on the host."""
        return self.system.judged

    @property
    def secrets(self) -> Sequence[str]:
        """Those of the system."""
        return self.system.secrets
