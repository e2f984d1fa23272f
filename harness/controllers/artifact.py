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
from collections.abc import Iterator
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


def pack(checkout: bytes, *, ignore: str | None) -> bytes:
    """
    The archive of a checkout, given as the tar file that `git archive` writes.

    Left out are the default patterns, those of each `.sourceignore`, those of `spec.ignore`, and
    symbolic links, as in Flux. Owners, times and modes are flattened: equal content, equal bytes.
    """
    buffer = io.BytesIO()
    with (
        tarfile.open(fileobj=io.BytesIO(checkout)) as incoming,
        gzip.GzipFile(fileobj=buffer, mode="wb", mtime=0, compresslevel=6) as zipped,
        tarfile.open(fileobj=zipped, mode="w", format=tarfile.PAX_FORMAT) as outgoing,
    ):
        members = sorted(incoming.getmembers(), key=lambda member: member.name)
        patterns = _patterns(incoming, members, ignore)
        for member in members:
            path = member.name.rstrip("/")
            kept = member.isfile() or member.isdir()
            if not kept or artifact_ignore.is_left_out(patterns, path, directory=member.isdir()):
                continue
            entry = tarfile.TarInfo(path)
            entry.type = member.type
            entry.mode = 0o755 if member.isdir() else 0o644
            entry.size = member.size
            outgoing.addfile(entry, incoming.extractfile(member))
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


def _patterns(
    incoming: tarfile.TarFile, members: list[tarfile.TarInfo], ignore: str | None
) -> list[Pattern]:
    patterns = artifact_ignore.parse(artifact_ignore.DEFAULTS.splitlines())
    for member in members:
        directory, _, name = member.name.rpartition("/")
        if name == _IGNORE_FILE and member.isfile():
            content = incoming.extractfile(member)
            lines = content.read().decode(errors="replace").splitlines() if content else []
            patterns += artifact_ignore.parse(lines, directory)
    return patterns + artifact_ignore.parse((ignore or "").splitlines())
