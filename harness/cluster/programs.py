"""
The table of programs: where each comes from, which version is pinned, how it tells its own.

The versions themselves are in the `go.mod` files below `harness/assets`, and only there.
"""

import functools
import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from harness import errors

ASSETS = Path(__file__).resolve().parent.parent / "assets"

CORE = ("etcd", "kube-apiserver", "kube-controller-manager", "kubectl")
"""What the provider `local` needs."""

_SOURCE_CONTROLLER = "github.com/fluxcd/source-controller"
_KUSTOMIZE_CONTROLLER = "github.com/fluxcd/kustomize-controller"
KIND = ("kubectl", "kind")
"""What the provider `kind` needs."""

GIVEN = ("kubectl",)
"""What the provider `given` needs."""

_STAMPED = ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")


@dataclass(frozen=True, slots=True)
class Program:
    """A program at its pinned version."""

    name: str
    folder: str
    """Its `go.mod` and `go.sum`, below `harness/assets`."""
    package: str
    module: str
    """The module whose version is the program's."""
    seconds: float
    """How long its build takes with empty caches on two cores, after the ones before it."""
    version_arguments: tuple[str, ...] = ("--version",)
    also: tuple[str, ...] = ()
    """Minors besides the pinned one that do as well."""
    stamped: bool = False
    """Whether its version must be written into it, as Kubernetes' own build does."""
    from_path: bool = False
    """Whether one that is installed on this machine does as well."""

    @property
    def version(self) -> str:
        """The pinned version, as in `v1.34.4`."""
        return _pinned(self.folder, self.module)

    @property
    def digest(self) -> str:
        """Changes with every pinned module, its checksums, and the way of building."""
        return _digest(self.folder, self.ldflags)

    @property
    def go(self) -> tuple[int, ...]:
        """The least Go that builds it."""
        return _least_go(self.folder)

    @property
    def ldflags(self) -> str:
        """What the linker is told."""
        if not self.stamped:
            return "-s -w"
        major, minor, _ = self.version.lstrip("v").split(".", 2)
        values = {
            "gitVersion": self.version,
            "gitMajor": major,
            "gitMinor": minor,
            "gitCommit": "",
            "gitTreeState": "",
        }
        stamps = [f"-X {package}.{key}={value}" for package in _STAMPED
                  for key, value in values.items()]  # fmt: skip
        return " ".join(["-s -w", *stamps])

    def accepts(self, version: str) -> bool:
        """Whether a program of this version may be used instead of the pinned one."""
        return minor_of(version) in (minor_of(self.version), *self.also)

    def version_in(self, text: str) -> str | None:
        """The version in what the program says about itself."""
        match = re.search(r"v?(\d+\.\d+\.\d+[-+.\w]*)", text)
        return f"v{match[1]}" if match else None


TABLE = {
    program.name: program
    for program in (
        Program(
            "etcd", "etcd", "go.etcd.io/etcd/server/v3", "go.etcd.io/etcd/server/v3", 30,
            also=("3.5",),
        ),
        Program(
            "kube-apiserver", "kubernetes", "k8s.io/kubernetes/cmd/kube-apiserver",
            "k8s.io/kubernetes", 240, stamped=True,
        ),
        Program(
            "kube-controller-manager", "kubernetes",
            "k8s.io/kubernetes/cmd/kube-controller-manager", "k8s.io/kubernetes", 70, stamped=True,
        ),
        Program(
            "kubectl", "kubernetes", "k8s.io/kubernetes/cmd/kubectl", "k8s.io/kubernetes", 40,
            version_arguments=("version", "--client"), stamped=True,
        ),
        *(
            Program(name, name, _SOURCE_CONTROLLER, _SOURCE_CONTROLLER, 180)
            for name in ("source-controller", "source-controller-v1.2.3")
        ),
        *(
            Program(name, name, _KUSTOMIZE_CONTROLLER, _KUSTOMIZE_CONTROLLER, 180)
            for name in (
                "kustomize-controller", "kustomize-controller-v1.7.3",
                "kustomize-controller-v1.6.0",
            )
        ),
        Program(
            # The first to support nodes of the pinned Kubernetes minor was 0.30.
            "kind", "kind", "sigs.k8s.io/kind", "sigs.k8s.io/kind", 20,
            also=("0.30", "0.31", "0.32"), from_path=True,
        ),
    )
}  # fmt: skip


def named(name: str) -> Program:
    """The program of that name."""
    try:
        return TABLE[name]
    except KeyError:
        known = ", ".join(TABLE)
        raise errors.UsageError(f"There is no program {name!r}; there are: {known}.") from None


def minor_of(version: str) -> str:
    """The `1.34` of `v1.34.4`."""
    return ".".join(version.lstrip("v").split(".")[:2])


@functools.cache
def _pinned(folder: str, module: str) -> str:
    text = (ASSETS / folder / "go.mod").read_text()
    # The first is a `require`: a `replace` has an arrow where this wants a version.
    match = re.search(rf"^\s*(?:require\s+)?{re.escape(module)} (v\S+)", text, re.MULTILINE)
    if match is None:
        raise errors.HarnessBug(f"{folder}/go.mod does not pin {module}.")
    return match[1]


@functools.cache
def _digest(folder: str, ldflags: str) -> str:
    content = b"".join((ASSETS / folder / name).read_bytes() for name in ("go.mod", "go.sum"))
    return hashlib.sha256(content + ldflags.encode()).hexdigest()[:12]


@functools.cache
def _least_go(folder: str) -> tuple[int, ...]:
    match = re.search(r"^go (\S+)", (ASSETS / folder / "go.mod").read_text(), re.MULTILINE)
    return tuple(int(part) for part in match[1].split(".")) if match else (1,)
