"""
What a source offers: one archive per revision, the same bytes for the same content.

Packing, unpacking and checking, all in memory; where archives lie and who serves them belongs to
`artifact_storage`.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from harness.controllers import artifact_ignore
from harness.controllers.artifact_ignore import Pattern

_IGNORE_FILE = ".sourceignore"


@dataclass(frozen=True, slots=True)
class Tree:
    """The directories and files of an archive, by path relative to its root."""

    directories: frozenset[str]
    files: dict[str, bytes] = field(repr=False)

    def has_directory(self, path: str) -> bool:
        """Whether `path` is a directory; the root is the empty string."""
        return path == "" or path in self.directories

    def below(self, path: str) -> dict[str, bytes]:
        """The files under a directory, still by their path from the root."""
        prefix = f"{path}/" if path else ""
        return {name: data for name, data in self.files.items() if name.startswith(prefix)}


@dataclass(frozen=True, slots=True)
class Entry:
    """A file of a checkout, or a directory (without content)."""

    path: str
    content: bytes | None = field(default=None, repr=False)


def entries(checkout: bytes) -> list[Entry]:
    """The files and directories in the tar file that `git archive` writes; no links, as in Flux."""
    with tarfile.open(fileobj=io.BytesIO(checkout)) as incoming:
        found = []
        for member in incoming:
            path = member.name.rstrip("/")
            if member.isdir():
                found.append(Entry(path))
            elif member.isfile():
                content = incoming.extractfile(member)
                found.append(Entry(path, content.read() if content else b""))
        return found


def pack(checkout: Iterable[Entry], *, ignore: str | None) -> bytes:
    """
    The archive of a checkout.

    Left out are the default patterns, those of each `.sourceignore`, and those of `spec.ignore`.
    Owners, times and modes are flattened: equal content, equal bytes.
    """
    ordered = sorted(checkout, key=lambda entry: entry.path)
    patterns = _patterns(ordered, ignore)
    buffer = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=buffer, mode="wb", mtime=0, compresslevel=6) as zipped,
        tarfile.open(fileobj=zipped, mode="w", format=tarfile.PAX_FORMAT) as outgoing,
    ):
        for entry in ordered:
            directory = entry.content is None
            if artifact_ignore.is_left_out(patterns, entry.path, directory=directory):
                continue
            header = tarfile.TarInfo(entry.path)
            header.type = tarfile.DIRTYPE if directory else tarfile.REGTYPE
            header.mode = 0o755 if directory else 0o644
            header.size = len(entry.content or b"")
            outgoing.addfile(header, io.BytesIO(entry.content or b""))
    return buffer.getvalue()


def unpack(archive: bytes) -> Tree:
    """The content of an archive; raises ValueError if it is none."""
    try:
        with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as incoming:
            return _tree(incoming)
    except (tarfile.TarError, OSError, EOFError) as error:
        raise ValueError(f"not a tar.gz archive: {error}") from error


def digest(archive: bytes) -> str:
    """The digest as an artifact carries it."""
    return f"sha256:{hashlib.sha256(archive).hexdigest()}"


def _tree(incoming: tarfile.TarFile) -> Tree:
    directories: set[str] = set()
    files: dict[str, bytes] = {}
    for member in incoming:
        path = member.name.strip("/").removeprefix("./")
        if ".." in path.split("/"):
            raise ValueError(f"{path} leaves the archive")
        directories.update(_parents(path))
        if member.isdir():
            directories.add(path)
        elif member.isfile():
            content = incoming.extractfile(member)
            files[path] = content.read() if content else b""
    return Tree(frozenset(directories), files)


def _parents(path: str) -> Iterator[str]:
    parts = path.split("/")[:-1]
    for end in range(1, len(parts) + 1):
        yield "/".join(parts[:end])


def _patterns(ordered: Iterable[Entry], ignore: str | None) -> list[Pattern]:
    patterns = [*artifact_ignore.defaults()]
    for entry in ordered:
        directory, _, name = entry.path.rpartition("/")
        if name == _IGNORE_FILE and entry.content is not None:
            lines = entry.content.decode(errors="replace").splitlines()
            patterns += artifact_ignore.parse(lines, directory)
    return patterns + artifact_ignore.parse((ignore or "").splitlines())
