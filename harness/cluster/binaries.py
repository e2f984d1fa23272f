"""
The programs that local clusters are made of: which versions, where they are found, what they are.

Found program by program: `KUBEBUILDER_ASSETS` (at the pinned minor only), PATH (`kind` alone), the
cache, and what the `makers` can provide (today a build from pinned Go modules, see `gobuild`; a
download comes as another maker). Nothing here starts a cluster.
"""

import json
import os
import platform
import shutil
import subprocess
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from harness import errors
from harness.cluster import gobuild, programs, provenance
from harness.cluster.programs import Program

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Found:
    """A program on this machine: where, which version, and by which way it got there."""

    program: Program
    path: Path
    version: str
    where: str


@dataclass(frozen=True, slots=True)
class Finding:
    """A line of what `doctor` tells about one program."""

    program: str
    wanted: str
    found_where: str | None
    version: str | None
    note: str


@dataclass(frozen=True, slots=True)
class Binaries:
    """The programs that a run uses."""

    found: Mapping[str, Found]

    def path(self, name: str) -> Path:
        """The executable of that name."""
        return self.found[name].path

    def provenance(self, name: str, cache: Path | None = None) -> provenance.Provenance:
        """What that program is, for the report."""
        return provenance.of(self.path(name), notes=cache_directory(cache) / "notes")


class Maker(Protocol):
    """A way to get a program that is not there yet, tried in order until one succeeds."""

    @property
    def name(self) -> str:
        """How it is called in messages and notes."""
        ...

    def make(self, program: Program, target: Path, progress: Progress) -> str | None:
        """
        Write the executable to `target` and say how it came to be ("go1.26.8").

        None when this way is closed here; SetupError when it is open but failed.
        """
        ...


def provide(
    names: Iterable[str] = programs.CORE,
    *,
    on_progress: Progress | None = None,
    environ: Mapping[str, str] | None = None,
    cache: Path | None = None,
    makers: Sequence[Maker] | None = None,
) -> Binaries:
    """The programs of these names, made first where they are missing (minutes, once)."""
    shelf = _Shelf(os.environ if environ is None else environ, cache_directory(cache))
    wanted = [programs.named(name) for name in names]
    found = {each.name: shelf.find(each) for each in wanted}
    if not all(found.values()):
        ways: Sequence[Maker] = [gobuild.GoBuild(shelf.cache)] if makers is None else makers
        with gobuild.alone(shelf.cache, on_progress or _silent):
            _make_missing(wanted, shelf, ways, on_progress or _silent)
        found = {each.name: shelf.find(each) for each in wanted}
    missing = [name for name, each in found.items() if each is None]
    if missing:
        raise errors.SetupError(
            f"No way to get {', '.join(missing)}: {gobuild.ADVICE}\n"
            "`gitops-conformance doctor` tells what was looked for where."
        )
    return Binaries({name: each for name, each in found.items() if each is not None})


def survey(
    names: Iterable[str] = programs.CORE,
    *,
    environ: Mapping[str, str] | None = None,
    cache: Path | None = None,
) -> list[Finding]:
    """What is there, where, and what would be done about the rest; changes nothing."""
    shelf = _Shelf(os.environ if environ is None else environ, cache_directory(cache))
    return [shelf.report(programs.named(name)) for name in names]


def cache_directory(cache: Path | None = None) -> Path:
    """Where programs are kept for the next run."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return cache or Path(base) / "gitops-conformance" / "assets"


class _Shelf:
    """What is on this machine already."""

    def __init__(self, environ: Mapping[str, str], cache: Path) -> None:
        self.environ = environ
        self.cache = cache

    def find(self, program: Program) -> Found | None:
        return self._offered(program)[0] or self._installed(program)[0] or self._cached(program)

    def folder(self, program: Program) -> Path:
        """The folder of a program at its pin; in it one folder a toolchain."""
        machine = f"{platform.system().lower()}-{platform.machine()}"
        return self.cache / f"{program.name}-{program.version}-{machine}-{program.digest}"

    def report(self, program: Program) -> Finding:
        found = self.find(program)
        objections = (self._offered(program)[1], self._installed(program)[1])
        objection = "; ".join(filter(None, objections))
        if found:
            where = f"{found.where}: {found.path}"
            return Finding(program.name, program.version, where, found.version, objection)
        plan = gobuild.plan(program, self.cache)
        note = "; ".join(part for part in (objection, plan) if part)
        return Finding(program.name, program.version, None, None, note)

    def _cached(self, program: Program) -> Found | None:
        # Whatever toolchain made it: a new Go on this machine is no reason to build for minutes.
        for path in sorted(self.folder(program).glob(f"*/{program.name}"), reverse=True):
            if os.access(path, os.X_OK):
                return Found(program, path, program.version, f"cache ({path.parent.name})")
        return None

    def _offered(self, program: Program) -> tuple[Found | None, str]:
        """What `KUBEBUILDER_ASSETS` holds, or why that is not used."""
        variable = self.environ.get("KUBEBUILDER_ASSETS")
        if not variable:
            return None, ""
        path = Path(variable) / program.name
        if not os.access(path, os.X_OK):
            return None, f"KUBEBUILDER_ASSETS has no {program.name}"
        version = self._version(program, path)
        if version is None:
            return None, "KUBEBUILDER_ASSETS holds one that does not tell its version"
        if not program.accepts(version):
            return None, f"KUBEBUILDER_ASSETS holds {version}, which is not the pinned minor"
        return Found(program, path, version, "KUBEBUILDER_ASSETS"), ""

    def _installed(self, program: Program) -> tuple[Found | None, str]:
        """What PATH holds, or why that is not used."""
        which = shutil.which(program.name, path=self.environ.get("PATH", ""))
        if not program.from_path or which is None:
            return None, ""
        version = self._version(program, Path(which))
        if version is None or not program.accepts(version):
            return None, f"{which} is {version or 'of no known version'}, which does not do"
        return Found(program, Path(which), version, "PATH"), ""

    def _version(self, program: Program, path: Path) -> str | None:
        """The version a program says it has; asked once a file, since that takes 50 ms and more."""
        note = provenance.Note(self.cache / "notes", path)
        known = note.read().get("version")
        if isinstance(known, str):
            return known
        try:
            answer = subprocess.run(
                [path, *program.version_arguments],
                capture_output=True, text=True, timeout=20, check=True, stdin=subprocess.DEVNULL,
            )  # fmt: skip
        except (OSError, subprocess.SubprocessError):
            return None
        version = program.version_in(answer.stdout)
        if version is not None:
            note.update(version=version)
        return version


def _make_missing(
    wanted: Sequence[Program], shelf: _Shelf, makers: Sequence[Maker], progress: Progress
) -> None:
    """Make what is still missing now that no other run is at it."""
    todo = [program for program in wanted if shelf.find(program) is None]
    left = sum(gobuild.estimate(program) for program in todo)
    for number, program in enumerate(todo, start=1):
        head = f"{program.name} {program.version} ({number} of {len(todo)})"
        tail = f"; about {gobuild.minutes(left)} for all that is missing, once"
        progress(f"getting {head}{tail}")
        _make(program, shelf.folder(program), makers, _prefixed(progress, head))
        left -= gobuild.estimate(program)


def _make(program: Program, folder: Path, makers: Sequence[Maker], progress: Progress) -> None:
    """Into a temporary place first, so that nobody ever finds half a program."""
    partial = folder / f".partial-{os.getpid()}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # We are alone, so whatever is half made belongs to a run that was killed.
        for old in folder.glob(".partial-*"):
            shutil.rmtree(old, ignore_errors=True)
        partial.mkdir()
        for maker in makers:
            how = maker.make(program, partial / program.name, progress)
            if how is not None:
                (partial / program.name).chmod(0o755)
                (partial / "how.json").write_text(json.dumps({"maker": maker.name, "how": how}))
                shutil.rmtree(folder / how, ignore_errors=True)
                partial.rename(folder / how)
                return
    except OSError as error:
        raise errors.SetupError(f"{program.name} could not be kept in {folder}: {error}") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _prefixed(progress: Progress, head: str) -> Progress:
    return lambda text: progress(f"{head}: {text}")


def _silent(_: str) -> None:
    """Progress that nobody follows."""
