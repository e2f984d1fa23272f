"""
The libraries of this installation, fetched for another Python: the one of a base image.

The same versions as here, as wheels by `pip`, which knows the index that this machine uses. Kept
in the cache by what they are.
"""

import hashlib
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from harness import errors
from harness.cluster import gobuild
from harness.kit import process, wait

PROJECT = "gitops-conformance"
OLDEST = (3, 11)

_WITHIN = 600.0
_FIRST_MANYLINUX = 5


@dataclass(frozen=True, slots=True)
class Python:
    """A CPython on Linux with glibc: its version, its machine, and the minor version of glibc 2."""

    version: tuple[int, int]
    machine: str
    glibc: int

    QUESTION = (
        "import os, sys; print(*sys.version_info[:2], os.uname().machine, "
        "os.confstr('CS_GNU_LIBC_VERSION').split()[1])"
    )
    """Code that makes a Python print what `of` reads."""

    @classmethod
    def of(cls, answer: str) -> "Python":
        """What such a Python printed; ValueError when it is something else."""
        major, minor, machine, glibc = answer.split()
        return cls((int(major), int(minor)), machine, int(glibc.rpartition(".")[2]))

    @property
    def platforms(self) -> list[str]:
        """Those whose wheels it can load, the newest first."""
        newest_first = range(self.glibc, _FIRST_MANYLINUX - 1, -1)
        names = [f"manylinux_2_{minor}" for minor in newest_first]
        return [f"{name}_{self.machine}" for name in (*names, "manylinux2014", "linux")]


def pins() -> tuple[str, ...]:
    """All that this installation needs at run time, as `name==version`."""
    seen: dict[str, str] = {}
    waiting = [*_needs(PROJECT, frozenset())]
    while waiting:
        needed = waiting.pop()
        name = canonicalize_name(needed.name)
        if name in seen and not needed.extras:
            continue
        seen[name] = f"{name}=={_distribution(name).version}"
        waiting += _needs(needed.name, frozenset(needed.extras))
    return tuple(sorted(seen.values()))


def fetch(
    wanted: tuple[str, ...], python: Python, cache: Path, tell: Callable[[str], None]
) -> Path:
    """A folder with these distributions, unpacked, as `python` imports them."""
    if python.version < OLDEST:
        needed, found = (".".join(map(str, each)) for each in (OLDEST, python.version))
        raise errors.SetupError(f"the harness needs Python {needed} or newer, not {found}")
    key = hashlib.sha256(repr((wanted, python)).encode()).hexdigest()[:16]
    target = cache / "libraries" / key
    if target.exists():  # whoever builds something else for minutes is not waited for
        return target
    with gobuild.alone(cache, tell):
        if not target.exists():
            tell(
                f"fetching {len(wanted)} libraries for Python {'.'.join(map(str, python.version))}"
            )
            _install(wanted, python, target, cache / "logs" / "libraries.log")
    return target


def _install(wanted: tuple[str, ...], python: Python, target: Path, log: Path) -> None:
    partial = target.with_name(f"{target.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    log.unlink(missing_ok=True)
    command: list[str | Path] = [
        sys.executable, "-m", "pip", "install", "--no-deps", "--no-input", "--no-compile",
        "--disable-pip-version-check", "--only-binary=:all:", "--implementation=cp",
        f"--python-version={'.'.join(map(str, python.version))}",
        *(f"--platform={name}" for name in python.platforms), "--target", partial, *wanted,
    ]  # fmt: skip
    started = process.start("pip install", command, log=log, env={**os.environ})
    try:
        wait.eventually(
            lambda: "pip is at work" if started.alive else None,
            within=_WITHIN, what="The libraries of the image are fetched", every=0.2,
        )  # fmt: skip
        if started.returncode != 0:
            raise errors.SetupError(
                "The libraries of the image could not be fetched (pip must reach a package index "
                f"with wheels of them). {started.explain()}"
            )
        partial.rename(target)
    finally:
        started.stop(grace=2.0)
        shutil.rmtree(partial, ignore_errors=True)


def _needs(name: str, extras: frozenset[str]) -> Iterator[Requirement]:
    for text in _distribution(name).requires or ():
        needed = Requirement(text)
        marker = needed.marker
        if marker is None or any(marker.evaluate({"extra": each}) for each in ("", *extras)):
            yield needed


def _distribution(name: str) -> metadata.Distribution:
    try:
        return metadata.distribution(name)
    except metadata.PackageNotFoundError:
        raise errors.SetupError(
            f"{name} is not installed here, so its version for the image is not known: install "
            "the project with `pip install -e .` or from its wheel."
        ) from None
