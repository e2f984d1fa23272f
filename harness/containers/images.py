"""
Images that the project builds: named by their content, and built only where they are absent.

The context is made in memory of what a recipe names, so nothing else of a checkout can get in.
"""

import hashlib
import os
import tarfile
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from harness.cluster import docker

LABEL = "gitops-conformance.image"
"""The label of our images; its value is the recipe's name."""

FOLDER = Path(__file__).resolve().parents[1] / "images"
"""A folder an image, with its Dockerfile."""

_BUILD = 900.0

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Recipe:
    """
    What an image is made of.

    `content` tells one image from another besides the Dockerfile: digests, versions. `arguments`
    are for the Dockerfile; what they change belongs into `content` too.
    """

    name: str
    content: tuple[str, ...]
    arguments: Mapping[str, str] = field(default_factory=dict)

    @property
    def dockerfile(self) -> Path:
        """How it is built."""
        return FOLDER / self.name / "Dockerfile"

    @property
    def tag(self) -> str:
        """The image's name: the same content, the same name."""
        digest = hashlib.sha256(self.dockerfile.read_bytes())
        for part in self.content:
            digest.update(f"{len(part)} {part}\n".encode())
        return f"gitops-conformance/{self.name}:{digest.hexdigest()[:16]}"


def provide(recipe: Recipe, places: Callable[[], Mapping[str, Path]], tell: Progress) -> str:
    """
    The name of the recipe's image, which the engine holds afterwards; SetupError where it cannot.

    `places` says what is beside the Dockerfile, folders or files; it is asked only when there is
    something to build.
    """
    if docker.has_image(recipe.tag):
        return recipe.tag
    inside = places()
    tell(f"building the image {recipe.tag} (once)")
    with tempfile.NamedTemporaryFile(prefix="gitops-conformance-", suffix=".tar") as context:
        _pack(Path(context.name), recipe, inside)
        docker.run(
            "build", "--quiet", f"--tag={recipe.tag}", f"--label={LABEL}={recipe.name}",
            *(f"--build-arg={name}={value}" for name, value in recipe.arguments.items()), "-",
            within=_BUILD, given=Path(context.name),
        )  # fmt: skip
    return recipe.tag


def digest(folder: Path) -> str:
    """What tells the content of a folder from another one."""
    found = hashlib.sha256()
    for name, path in _files(folder):
        found.update(f"{name} {hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return found.hexdigest()


def _pack(target: Path, recipe: Recipe, places: Mapping[str, Path]) -> None:
    with tarfile.open(target, "w") as archive:
        archive.add(recipe.dockerfile, "Dockerfile", filter=_plain)
        for place, source in places.items():
            if source.is_file():
                archive.add(source.resolve(), place, filter=_plain)
            for name, path in _files(source):
                archive.add(path, f"{place}/{name}", filter=_plain)


def _plain(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """Nobody's file of no time, readable by all: who built it leaves no trace."""
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    member.mtime = 0
    member.mode = 0o755 if member.mode & 0o100 else 0o644
    return member


def _files(folder: Path) -> Iterator[tuple[str, Path]]:
    for directory, inner, names in os.walk(folder):
        inner[:] = sorted(each for each in inner if each != "__pycache__")
        for name in sorted(names):
            path = Path(directory) / name
            yield path.relative_to(folder).as_posix(), path
