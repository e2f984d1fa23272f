"""System `reference`: our controllers for both tiers, one process per cluster (decision 11)."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.cluster.fleet import Member
from harness.model import profile
from harness.model.objects import Object
from harness.systems import Program, front, installation, reference_pods
from harness.systems.deployment import Controller
from harness.systems.front import Options, Site, Starting
from harness.systems.pods import Pods

NAME = "reference"
_DIALECT = "page"


def claims(dialect: str) -> profile.Profile:
    """What the reference claims: everything that it has."""
    return profile.Profile(
        name=NAME,
        capabilities=front.CAPABILITIES,
        dialect=profile.dialect(dialect),
        may_poke=True,
    )


@dataclass(frozen=True, slots=True)
class Tier:
    """The attached tier: one process of our own per cluster."""

    kubectl: Path
    options: Options

    def kinds(self) -> Sequence[Object]:
        """Our own transcription of what Flux serves as v1."""
        return installation.our_kinds("attached")

    def prepare(self, site: Site, member: Member) -> None:
        """Nothing: it works with the kubeconfig of the fleet."""

    def start(self, site: Site, member: Member) -> Sequence[Starting]:
        """The controller process of one cluster."""
        storage = site.directory / f"artifacts-{member.name}"
        storage.mkdir(mode=0o700)
        arguments: list[str | Path] = [
            "--name", member.name, "--storage", storage, "--kubectl", self.kubectl,
            "--dialect", self.options.dialect or _DIALECT,
            "--builds", site.directory / "builds",
        ]  # fmt: skip
        return [front.controller(site, self.options.controllers, "attached", member, arguments)]

    def deployments(self, member: Member, pods: Pods) -> Sequence[Controller]:
        """The same in a pod of that cluster."""
        dialect = self.options.dialect or _DIALECT
        log = front.log_name(member)
        return [reference_pods.attached(pods.image, member.name, dialect, pods.trusted, log=log)]

    def profile(self, members: Sequence[Member]) -> profile.Profile:  # noqa: ARG002 - as the page
        """What the reference claims."""
        return claims(self.options.dialect or _DIALECT)

    def programs(self) -> Sequence[Program]:
        """Nothing that is not ours."""
        return ()

    @property
    def intervals(self) -> tuple[str, str, str]:
        """It looks at a remote without starting git, so a second is little."""
        return ("1s", "2s", "2s")

    @property
    def judged(self) -> tuple[str, ...]:
        """Everything: both tiers are the reference."""
        return ("management", "attached", "both")

    @property
    def secrets(self) -> Sequence[str]:
        """None of its own."""
        return ()
