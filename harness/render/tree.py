"""
Repository trees: folders as dict[path, bytes], and the commits of a fixture.

A fixture is a folder with one folder per commit (`v1`, `v2`, ...) and `expected.yaml`; the format
is described in fixtures/repositories/README.md. Placeholders are filled by `model.naming`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from harness.errors import HarnessBug
from harness.model import manifest, naming
from harness.model.objects import Object

Files = dict[str, bytes]
_COMMIT: Final = re.compile(r"v([1-9][0-9]*)")


@dataclass(frozen=True, slots=True)
class Expected:
    """What a fixture says, by hand, about one path of one of its commits."""

    commit: str
    path: str
    objects: tuple[Object, ...]
    refused: Literal["path", "build", "apply"] | None = None


def load(directory: Path) -> Files:
    """Every file below the folder, by its path relative to it, in order."""
    if not directory.is_dir():
        raise HarnessBug(f"{directory} is no folder")
    files: Files = {}
    for path in sorted(directory.rglob("*")):
        if path.is_symlink():
            raise HarnessBug(f"{path} is a symbolic link, which a fixture must not have")
        if path.is_file():
            files[path.relative_to(directory).as_posix()] = path.read_bytes()
    return files


def write(files: Mapping[str, bytes], directory: Path) -> None:
    """Write the tree into the folder; paths that leave it are refused."""
    root = directory.resolve()
    for name, content in files.items():
        target = (root / name).resolve()
        if root not in target.parents:
            raise HarnessBug(f"{name!r} leaves the folder")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)


def commits(fixture: Path, mapping: Mapping[str, str] | None = None) -> dict[str, Files]:
    """The commits of a fixture in order, placeholders filled where a mapping is given."""
    found = {p.name: p for p in fixture.iterdir() if p.is_dir() and _COMMIT.fullmatch(p.name)}
    names = sorted(found, key=lambda name: int(name[1:]))
    if not names or names != [f"v{n}" for n in range(1, len(names) + 1)]:
        raise HarnessBug(f"{fixture} needs the folders v1, v2, ..., but has {names}")
    trees = {name: load(found[name]) for name in names}
    if mapping is None:
        return trees
    return {name: naming.substitute_files(files, mapping) for name, files in trees.items()}


def expected(fixture: Path, mapping: Mapping[str, str]) -> list[Expected]:
    """What the fixture's expected.yaml says, placeholders filled."""
    text = naming.substitute((fixture / "expected.yaml").read_text("utf-8"), mapping)
    [document] = manifest.documents(text)
    cases: list[Expected] = []
    for commit, paths in document.items():
        cases.extend(_case(commit, path, said) for path, said in paths.items())
    return cases


def main_path(fixture: Path) -> str:
    """The path that sources of this fixture have: the first that its expected.yaml names."""
    [document] = manifest.documents((fixture / "expected.yaml").read_text("utf-8"))
    return str(next(iter(document["v1"])))


def _case(commit: str, path: str, said: Any) -> Expected:
    if isinstance(said, list):
        return Expected(commit, path, tuple(said))
    return Expected(commit, path, tuple(said.get("objects") or ()), said["refused"])
