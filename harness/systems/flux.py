"""
System `flux`: the real source-controller and kustomize-controller, unmodified, behind our
management tier. One pair of host processes per attached cluster, with accounts of their own.

Which versions there are is said by `flux_versions`; what is put on a cluster by `flux_objects`.
"""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import yaml

from harness.cluster import kubeconfig_file, modules
from harness.cluster.binaries import Binaries
from harness.cluster.fleet import Member
from harness.cluster.modules import Module
from harness.errors import Inconclusive
from harness.kit import ports
from harness.model import era_detection, installed, profile
from harness.model.eras import Era
from harness.model.objects import Object, Ref
from harness.systems import Program, flux_objects, flux_pods, front, installation
from harness.systems.deployment import Controller
from harness.systems.flux_objects import KUSTOMIZE, SOURCE
from harness.systems.flux_versions import Pair
from harness.systems.front import Options, Site, Starting
from harness.systems.pods import Pods

NAME = "flux"
PROGRAMS = (SOURCE, KUSTOMIZE)
CRDS = {
    # source-controller v1.3.0 asks for v1beta2 of some kinds and kustomize-controller v1.9 for v1:
    # the newest CRDs that serve both.
    SOURCE: Module(
        "github.com/fluxcd/source-controller",
        "v1.7.3",
        "h1:gFfeBiNUgF0kFFGap/rrMeJqz+0Tod0ARENJO8w/UA8=",
    ),
    KUSTOMIZE: Module(
        "github.com/fluxcd/kustomize-controller",
        "v1.9.5",
        "h1:/XY2zy3K7fntyppEXIHG7oRMzmfgIt50eJzUfaPX1Kc=",
    ),
}
_BASES = "config/crd/bases"
_GIT_CRD = Ref(
    "apiextensions.k8s.io/v1",
    "CustomResourceDefinition",
    "gitrepositories.source.toolkit.fluxcd.io",
)
_MONTH = 30 * 24 * 3600
_GARBAGE = "400"
"""Memory for time: a controller of this size collects garbage a quarter as often."""
_COMMON = (
    "--metrics-addr=0",
    "--events-addr=",
    "--enable-leader-election=false",
    "--watch-all-namespaces=true",
    "--log-level=info",
    "--log-encoding=json",
    "--concurrent=8",
    "--interval-jitter-percentage=0",
    "--min-retry-delay=250ms",
    "--max-retry-delay=2s",
    "--kube-api-qps=200",
    "--kube-api-burst=400",
)
"""Everything here is a setting that Flux documents; the waits are short as our intervals are."""
_ARGUMENTS = {SOURCE: (), KUSTOMIZE: ("--concurrent-ssa=2",)}


@dataclass(frozen=True, slots=True)
class Tier:
    """The attached tier: two processes per cluster."""

    binaries: Binaries
    pair: Pair
    options: Options
    _tokens: list[str] = field(default_factory=list, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def kinds(self) -> Sequence[Object]:
        """The CRDs that the modules ship, not our transcription of them."""
        return [
            flux_objects.kind(yaml.load(path.read_text(), Loader=yaml.CSafeLoader), name,
                              module.version)
            for name, module in CRDS.items()
            for path in sorted(modules.folder(module, _BASES).glob("*.yaml"))
        ]  # fmt: skip

    def prepare(self, site: Site, member: Member) -> None:
        """Accounts, roles, and a kubeconfig for each controller."""
        cluster = installation.connect(member)
        for name in PROGRAMS:
            mighty = self._all_powerful(name)
            for obj in flux_objects.on_cluster(name, self._version(name), all_powerful=mighty):
                cluster.apply(installed.marked(obj), field_manager=installation.MANAGER)
            account = Ref("v1", "ServiceAccount", name, installation.FLUX_NAMESPACE)
            token = cluster.token(account, seconds=_MONTH)
            kubeconfig_file.for_token(
                member.kubeconfig,
                _kubeconfig(site, member, name),
                context=member.context,
                user=name,
                token=token,
            )
            with self._lock:
                self._tokens.append(token)
        cluster.close()

    def start(self, site: Site, member: Member) -> Sequence[Starting]:
        """The two controllers of one cluster."""
        storage = site.directory / f"artifacts-{member.name}"
        storage.mkdir(mode=0o700)
        [address] = ports.free()
        served = f"{ports.LOOPBACK}:{address}"
        return [
            self._controller(
                site,
                member,
                SOURCE,
                f"--storage-path={storage}",
                f"--storage-addr={served}",
                f"--storage-adv-addr={served}",
            ),
            self._controller(site, member, KUSTOMIZE, *_ARGUMENTS[KUSTOMIZE]),
        ]

    def deployments(self, member: Member, pods: Pods) -> Sequence[Controller]:
        """The same in pods of that cluster, told the same."""
        return [
            flux_pods.controller(
                name,
                pods.flux_image,
                [*_COMMON, *_ARGUMENTS[name]],
                version=self._version(name),
                log=f"{name}-{member.name}",
                trusted=pods.trusted,
                environment={"RUNTIME_NAMESPACE": installation.FLUX_NAMESPACE, "GOGC": _GARBAGE},
                all_powerful=self._all_powerful(name),
            )
            for name in PROGRAMS
        ]

    def _all_powerful(self, name: str) -> bool:
        """Without our remedies it is as Flux ships it."""
        return name == KUSTOMIZE and self.options.management == "plain"

    def _controller(self, site: Site, member: Member, name: str, *arguments: str) -> Starting:
        [health] = ports.free()
        temporary = site.directory / f"tmp-{name}-{member.name}"
        temporary.mkdir(mode=0o700)
        process = site.start(
            f"{name}-{member.name}",
            [
                self._path(name),
                *_COMMON,
                f"--health-addr={ports.LOOPBACK}:{health}",
                *arguments,
            ],
            KUBECONFIG=str(_kubeconfig(site, member, name)),
            RUNTIME_NAMESPACE=installation.FLUX_NAMESPACE,
            TMPDIR=str(temporary),
            GOGC=_GARBAGE,
        )
        return Starting(process, lambda: _unready(health))

    def profile(self, members: Sequence[Member]) -> profile.Profile:
        """What it claims; which era it speaks is seen on the cluster, not assumed."""
        plain = self.options.management == "plain"
        # Without remedies nothing is made up for, the page's own wording included.
        spoken = self.options.dialect or ("page" if plain else self._era(members).name)
        return profile.Profile(
            name=NAME,
            capabilities=front.CAPABILITIES,
            dialect=profile.dialect(spoken),
            may_poke=True,
        )

    def _era(self, members: Sequence[Member]) -> Era:
        cluster = installation.connect(members[0])
        crd = cluster.get(_GIT_CRD)
        cluster.close()
        served = [each["name"] for each in crd["spec"]["versions"] if each["served"]]
        found = era_detection.detect(self._version(SOURCE), self._version(KUSTOMIZE), served)
        if found is None:
            raise Inconclusive("environment", f"the era of {self.pair} cannot be told")
        return found

    def programs(self) -> Sequence[Program]:
        """The two controllers."""
        return [Program(name, self._path(name)) for name in PROGRAMS]

    @property
    def intervals(self) -> tuple[str, str, str]:
        """
        A turn of a Kustomization makes a client for its account, which asks the API server for
        all it serves: too often, and nothing but that would be done.
        """
        return ("5s", "10s", "1m0s")

    @property
    def judged(self) -> tuple[str, ...]:
        """What Flux does, alone or with our front; what our front does alone is supplied."""
        return ("attached", "both")

    @property
    def secrets(self) -> Sequence[str]:
        """The tokens of the controllers' accounts."""
        return tuple(self._tokens)

    def _program(self, name: str) -> str:
        """The name that a controller of this pair has among the programs."""
        found = self.pair.source_program if name == SOURCE else self.pair.kustomize_program
        return found or name

    def _path(self, name: str) -> Path:
        return self.binaries.path(self._program(name))

    def _version(self, name: str) -> str:
        """The version that its linker wrote into it."""
        program = self._program(name)
        written = self.binaries.provenance(program).version
        return written or self.binaries.found[program].version


def _kubeconfig(site: Site, member: Member, name: str) -> Path:
    return site.directory / f"{name}-{member.name}.kubeconfig"


def _unready(port: int) -> str | None:
    try:
        with urlopen(f"http://{ports.LOOPBACK}:{port}/readyz", timeout=2):
            return None
    except (URLError, OSError) as error:
        return f"/readyz said {error}"
