"""
What a program on disk is: module, version, checksum and Go version as its linker wrote them into
it, and the digest of the file. Where programs come from is not asked here.
"""

import hashlib
import json
import mmap
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

# The form since Go 1.18, which `go version -m` reads too: a magic text, flags, and at 32 bytes two
# texts, each after its length; the second one is framed by 16 bytes on either side.
_MAGIC = b"\xff Go buildinf:"
_INLINE = 0x2
_FRAME = 16


@dataclass(frozen=True, slots=True)
class Provenance:
    """What a program under test is, as it lies on the disk."""

    path: Path
    sha256: str
    module: str | None = None
    version: str | None = None
    checksum: str | None = None
    go: str | None = None


class Note:
    """What is known about a file, kept until the file changes."""

    def __init__(self, directory: Path, path: Path) -> None:
        self._path = path.resolve()
        name = hashlib.sha256(str(self._path).encode()).hexdigest()[:24]
        self._note = directory / f"{name}.json"

    def read(self) -> dict[str, Any]:
        """What was noted about the file as it is now."""
        try:
            content = json.loads(self._note.read_text())
        except (OSError, ValueError):
            return {}
        fresh = isinstance(content, dict) and content.get("file") == self._state()
        return dict(content["notes"]) if fresh else {}

    def update(self, **notes: Any) -> None:
        """Note something; that it cannot be kept only costs time later."""
        content = {"file": self._state(), "notes": {**self.read(), **notes}}
        try:
            self._note.parent.mkdir(parents=True, exist_ok=True)
            partial = self._note.with_suffix(".new")
            partial.write_text(json.dumps(content, indent=2))
            partial.replace(self._note)
        except OSError:
            return

    def _state(self) -> list[Any]:
        status = self._path.stat()
        return [str(self._path), status.st_size, status.st_mtime_ns, status.st_ino]


def of(path: Path, *, notes: Path) -> Provenance:
    """What the program is; computed once a file, since a digest of 100 MB takes a while."""
    note = Note(notes, path)
    known = note.read().get("provenance")
    if isinstance(known, dict):
        return Provenance(path=path, **known)
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    result = Provenance(path=path, sha256=digest, **_build_information(path))
    note.update(provenance={k: v for k, v in asdict(result).items() if k != "path"})
    return result


def _build_information(path: Path) -> Mapping[str, str]:
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            return _parse(data)
    except (OSError, ValueError, IndexError):
        return {}


def _parse(data: mmap.mmap) -> Mapping[str, str]:
    start = data.find(_MAGIC)
    # The magic may also stand in the data of a program that knows it; the real one is aligned.
    while start >= 0 and (start % 16 or not data[start + 15] & _INLINE):
        start = data.find(_MAGIC, start + 1)
    if start < 0:
        return {}
    go, position = _text(data, start + 32)
    lines, _ = _text(data, position)
    found = {"go": go.decode()}
    for line in lines[_FRAME:-_FRAME].decode(errors="replace").splitlines():
        kind, *fields = line.split("\t")
        if kind == "mod":
            names = ("module", "version", "checksum")
            found.update({k: v for k, v in zip(names, fields, strict=False) if v})
        elif kind == "path" and fields:
            found.setdefault("module", fields[0])
    return found


def _text(data: mmap.mmap, position: int) -> tuple[bytes, int]:
    length = shift = 0
    while True:
        byte = data[position]
        position += 1
        length |= (byte & 0x7F) << shift
        shift += 7
        if not byte & 0x80:
            return data[position : position + length], position + length
