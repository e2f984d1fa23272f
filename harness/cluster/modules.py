"""
Files of a Go module that are used as they are, such as the CRDs that a controller ships.

A module is fetched by `go mod download` (which checks it against the checksum database), compared
with the checksum that is pinned here, and what is wanted of it kept in the cache.
"""

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from harness import errors
from harness.cluster import binaries, gobuild

Progress = Callable[[str], None]

_SECONDS = 300


@dataclass(frozen=True, slots=True)
class Module:
    """A module at a pinned version; `checksum` is its `h1:` sum."""

    path: str
    version: str
    checksum: str

    def __str__(self) -> str:
        return f"{self.path}@{self.version}"


class NotServed(errors.SetupError):
    """The module proxy does not have the module."""


def folder(
    module: Module,
    inside: str,
    *,
    on_progress: Progress | None = None,
    cache: Path | None = None,
) -> Path:
    """The folder `inside` a module, from the cache or fetched now; nobody may write to it."""
    home = binaries.cache_directory(cache)
    name = module.path.replace("/", "_") + "@" + module.version
    target = home / "modules" / f"{name}-{_safe(module.checksum)}" / inside
    if target.is_dir():
        return target
    progress = on_progress or _silent
    with gobuild.alone(home, progress):
        if not target.is_dir():
            progress(f"fetching {module}")
            _keep(_download(module, home) / inside, target)
    return target


def _download(module: Module, cache: Path) -> Path:
    toolchain = gobuild.any_toolchain(cache)
    if toolchain is None:
        raise errors.SetupError(f"{module} cannot be fetched without Go: {gobuild.ADVICE}")
    with tempfile.TemporaryDirectory(prefix="gitops-conformance-") as work:
        try:
            done = subprocess.run(
                [toolchain.go, "mod", "download", "-json", str(module)],
                env=gobuild.environment(cache),
                cwd=work,
                capture_output=True,
                text=True,
                timeout=_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise errors.SetupError(
                f"{module} was not fetched within {_SECONDS} s; is the module proxy reachable?"
            ) from None
    answer = _parsed(done.stdout)
    if "Dir" not in answer:
        said = str(answer.get("Error") or done.stderr).strip().splitlines()
        raise NotServed(f"module not served: {module}: {said[-1].strip() if said else 'no answer'}")
    if answer.get("Sum") != module.checksum:
        raise errors.SetupError(
            f"{module} has the checksum {answer.get('Sum')}, but {module.checksum} is pinned."
        )
    return Path(str(answer["Dir"]))


def _parsed(text: str) -> dict[str, object]:
    try:
        answer = json.loads(text)
    except ValueError:
        return {}
    return answer if isinstance(answer, dict) else {}


def _keep(source: Path, target: Path) -> None:
    """Copy, whole or not at all."""
    partial = target.with_name(f".{target.name}.{os.getpid()}")
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(partial, ignore_errors=True)
    try:
        shutil.copytree(source, partial, copy_function=shutil.copyfile)
        partial.chmod(0o755)  # Go's module cache is read-only, and so would its copy be
        partial.rename(target)
    except OSError as error:
        raise errors.SetupError(f"{source} could not be kept in {target}: {error}") from error


def _safe(checksum: str) -> str:
    return "".join(letter for letter in checksum.removeprefix("h1:") if letter.isalnum())[:12]


def _silent(_: str) -> None:
    """Progress that nobody follows."""
