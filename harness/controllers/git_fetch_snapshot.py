"""
What a branch of an HTTP remote holds now, fetched without starting git.

The two requests of `git fetch --depth=1`, after which git would start four more processes, and as
many again to read the files. The pack is read by dulwich. Whatever is not a plain good answer is
left to git (`None`), which then says what is wrong.
"""

from __future__ import annotations

import http.client
import stat
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from dulwich.errors import ApplyDeltaError, ChecksumMismatch, FileFormatException
from dulwich.object_store import MemoryObjectStore
from dulwich.objects import Blob, Commit, ObjectID, Tree

from harness.controllers import git_fetch_glance
from harness.controllers.artifact import Entry
from harness.controllers.git_fetch_glance import Connections

if TYPE_CHECKING:
    from harness.controllers.git_fetch import Remote

_TYPE: Final = "application/x-git-upload-pack-result"
_BROKEN: Final = (
    *(OSError, EOFError, ValueError, KeyError, AssertionError, TypeError, zlib.error),
    *(http.client.HTTPException, ApplyDeltaError, ChecksumMismatch, FileFormatException),
)


class Unfinished(Exception):
    """The remote did not answer in time."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A commit and its files."""

    commit: str
    message: str
    entries: tuple[Entry, ...] = field(repr=False)


def snapshot(connections: Connections, remote: Remote, reference: str) -> Snapshot | None:
    """What `reference` (`refs/heads/...`) holds; None where git has to be asked."""
    if not git_fetch_glance.understands(remote):
        return None
    try:
        with connections.to(remote) as connection:
            listed = git_fetch_glance.advertised(connection, remote)
            commit = (listed or {}).get(reference)
            if commit is None:
                return None
            answer = git_fetch_glance.answered(
                connection,
                remote,
                "POST",
                f"{urlsplit(remote.url).path}/git-upload-pack",
                _TYPE,
                _request(commit),
            )
        return None if answer is None else _opened(_pack(answer), commit)
    except TimeoutError:
        raise Unfinished from None
    except _BROKEN:
        return None


def _request(commit: str) -> bytes:
    wanted = f"want {commit} ofs-delta no-progress agent=git/reference-source-controller\n"
    return _packet(wanted) + _packet("deepen 1\n") + b"0000" + _packet("done\n")


def _packet(text: str) -> bytes:
    return f"{len(text) + 4:04x}{text}".encode()


def _pack(answer: bytes) -> bytes:
    """What follows on the shallow boundary, a flush, and NAK."""
    at = answer.index(b"0008NAK\n")
    for line in git_fetch_glance.packets(answer[:at]):
        if line and not line.startswith(b"shallow "):
            raise ValueError("an answer that is no pack")
    return answer[at + 8 :]


def _opened(pack: bytes, commit: str) -> Snapshot:
    store = MemoryObjectStore()
    file, finish, give_up = store.add_pack()
    try:
        file.write(pack)
        finish()
    finally:
        give_up()
    found = store[ObjectID(commit.encode())]
    if not isinstance(found, Commit):
        raise ValueError("the branch is at no commit")
    entries = tuple(_entries(store, found.tree, ""))
    return Snapshot(commit, found.message.decode(errors="replace"), entries)


def _entries(store: MemoryObjectStore, tree: ObjectID, below: str) -> Iterator[Entry]:
    found = store[tree]
    if not isinstance(found, Tree):
        raise ValueError("a directory that is none")
    for name, mode, sha in found.iteritems():
        path = below + name.decode()
        if stat.S_ISDIR(mode):
            yield Entry(path)
            yield from _entries(store, sha, f"{path}/")
        elif stat.S_ISREG(mode):
            content = store[sha]
            if not isinstance(content, Blob):
                raise ValueError("a file that is none")
            yield Entry(path, content.data)
        elif not stat.S_ISLNK(mode):  # a submodule: an empty directory, as in every checkout
            yield Entry(path)
