"""
Bare repositories on disk: made, committed to, read and removed without a work tree.

Authors and dates are fixed, so the same commits in the same order have the same ids in every run.
What is not here: who may do it (`access`) and how Git clients get at it (`web`, `ssh`).
"""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")

import git
import gitdb  # type: ignore[import-untyped]  # the object store under GitPython
from git.objects.fun import traverse_tree_recursive, tree_to_stream

from harness.errors import SetupError, UsageError

BASE_DATE = datetime(2024, 1, 1, 12, 0, tzinfo=UTC)
AUTHOR = git.Actor("Conformance", "conformance@example.com")

_FILE = 0o100644
_TREE = 0o040000
_CONFIG = """\
[core]
\trepositoryformatversion = 0
\tbare = true
\tfsync = none
[http]
\treceivepack = true
[uploadpack]
\tallowFilter = true
\tallowAnySHA1InWant = true
[receive]
\tautogc = false
[gc]
\tauto = 0
"""

Files = Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class Change:
    """One commit to be made."""

    files: Files
    delete: tuple[str, ...] = ()
    message: str = "Change"
    branch: str = "main"
    tag: str | None = None
    replace: bool = False

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Change:
        """Read the wire form: a file is a text or `{"base64": ...}`."""
        files = {path: _content(value) for path, value in raw.get("files", {}).items()}
        return cls(
            files=files,
            delete=tuple(raw.get("delete", ())),
            message=raw.get("message") or "Change",
            branch=raw.get("branch") or "main",
            tag=raw.get("tag"),
            replace=bool(raw.get("replace", False)),
        )


def create(path: Path) -> None:
    """Make an empty bare repository whose first branch is `main`."""
    # What `git init --bare` writes, without its process and its sample hooks.
    for folder in ("objects/info", "objects/pack", "refs/heads", "refs/tags"):
        (path / folder).mkdir(parents=True)
    (path / "HEAD").write_text("ref: refs/heads/main\n")
    (path / "config").write_text(_CONFIG)


def remove(path: Path) -> None:
    """Remove a repository."""
    # Renamed first, so that a request in flight sees all of it or nothing.
    doomed = path.with_name(f"{path.name}.removed-{os.urandom(4).hex()}")
    path.rename(doomed)
    shutil.rmtree(doomed, ignore_errors=True)


def commit(path: Path, change: Change, *, number: int) -> str:
    """Make the commit, `number` minutes after the base date; give its id."""
    with _open(path) as repo:
        reference = git.Reference(repo, f"refs/heads/{_ref_name(change.branch)}")
        parents = [repo.commit(reference.path)] if reference.is_valid() else []
        tree = {} if change.replace or not parents else _flat(repo, parents[0])
        for doomed in change.delete:
            if tree.pop(doomed, None) is None:
                raise UsageError(f"{doomed!r} cannot be deleted: it is not in {change.branch}")
        for name, data in change.files.items():
            tree[_safe_path(name)] = (_FILE, _store(repo, b"blob", data))
        when = BASE_DATE + timedelta(minutes=number)
        made = git.Commit.create_from_tree(
            repo,
            git.Tree(repo, _write_tree(repo, tree)),
            change.message,
            parents,
            author=AUTHOR,
            committer=AUTHOR,
            author_date=when,
            commit_date=when,
        )
        reference.set_object(made)
        if change.tag:
            git.Reference(repo, f"refs/tags/{_ref_name(change.tag)}").set_object(made)
        return made.hexsha


def create_tag(path: Path, name: str, *, at: str = "main") -> str:
    """Put a lightweight tag on a commit; give the commit's id."""
    with _open(path) as repo:
        target = _resolve(repo, at)
        git.Reference(repo, f"refs/tags/{_ref_name(name)}").set_object(target)
        return target.hexsha


def delete_branch(path: Path, name: str) -> None:
    """Remove a branch."""
    with _open(path) as repo:
        reference = git.Reference(repo, f"refs/heads/{_ref_name(name)}")
        if not reference.is_valid():
            raise LookupError(f"there is no branch {name!r}")
        git.Reference.delete(repo, reference.path)


def references(path: Path) -> dict[str, str]:
    """Give all references and the ids that they point to."""
    with _open(path) as repo:
        found: list[git.Reference] = list(git.Reference.iter_items(repo))
        return {str(reference.path): reference.commit.hexsha for reference in found}


def files(path: Path, *, at: str = "main") -> list[str]:
    """List the paths of all files of a commit."""
    with _open(path) as repo:
        return sorted(_flat(repo, _resolve(repo, at)))


def read(path: Path, name: str, *, at: str = "main") -> bytes:
    """Give the content of a file."""
    with _open(path) as repo:
        entry = _flat(repo, _resolve(repo, at)).get(name)
        if entry is None:
            raise LookupError(f"there is no file {name!r} at {at}")
        return bytes(repo.odb.stream(entry[1]).read())


def commits(path: Path, *, at: str = "main", limit: int = 100) -> list[dict[str, str]]:
    """List the commits behind a reference, newest first."""
    with _open(path) as repo:
        found: list[dict[str, str]] = []
        pending = [_resolve(repo, at)]
        while pending and len(found) < limit:
            made = pending.pop()
            when = made.committed_datetime.astimezone(UTC).isoformat()
            found.append({"sha": made.hexsha, "message": str(made.message), "date": when})
            # Only first parents: what one reads as the history of a branch, and no `git rev-list`.
            pending.extend(made.parents[:1])
        return found


def count(path: Path) -> int:
    """Count the commits on `main`; 0 if there is no such branch."""
    try:
        return len(commits(path, limit=1_000_000))
    except LookupError:
        return 0


def settle(home: Path) -> dict[str, str]:
    """Give the environment in which Git reads no configuration but the repository's own."""
    home.mkdir(parents=True, exist_ok=True)
    kept = {name: os.environ[name] for name in ("PATH", "TMPDIR") if name in os.environ}
    return kept | {
        "HOME": str(home),
        "XDG_CONFIG_HOME": str(home),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "LC_ALL": "C",
    }


def program() -> str:
    """Give the path of `git`, after a look that it is new enough for us."""
    found = shutil.which("git")
    if not found:
        raise SetupError("The Git server needs the program `git` (2.34 or newer) on PATH.")
    told = subprocess.run([found, "version"], capture_output=True, text=True, check=False).stdout
    number = tuple(int(part) for part in told.split()[2].split(".")[:2])
    if number < (2, 34):
        raise SetupError(f"The Git server needs git 2.34 or newer; {found} is {told.strip()!r}.")
    return found


@contextmanager
def _open(path: Path) -> Iterator[git.Repo]:
    # GitDB reads objects in this process; GitPython's default asks a `git cat-file` for each.
    with git.Repo(path, odbt=gitdb.GitDB) as repo:
        yield repo


def _resolve(repo: git.Repo, name: str) -> git.Commit:
    for path in (name, f"refs/heads/{name}", f"refs/tags/{name}"):
        reference = git.Reference(repo, path, check_path=False)
        if path.startswith("refs/") and reference.is_valid():
            return reference.commit
    try:
        return repo.commit(name)
    except (git.BadName, ValueError, IndexError):
        raise LookupError(f"there is no commit {name!r}") from None


def _flat(repo: git.Repo, made: git.Commit) -> dict[str, tuple[int, bytes]]:
    entries = traverse_tree_recursive(repo.odb, made.tree.binsha, "")
    return {name: (mode, sha) for sha, mode, name in entries if mode & 0o170000 != _TREE}


def _store(repo: git.Repo, kind: bytes, data: bytes) -> bytes:
    return bytes(repo.odb.store(gitdb.IStream(kind, len(data), BytesIO(data))).binsha)


def _write_tree(repo: git.Repo, entries: Mapping[str, tuple[int, bytes]]) -> bytes:
    here: list[tuple[bytes, int, str]] = []
    below: dict[str, dict[str, tuple[int, bytes]]] = {}
    for name, (mode, sha) in entries.items():
        head, slash, rest = name.partition("/")
        if slash:
            below.setdefault(head, {})[rest] = (mode, sha)
        else:
            here.append((sha, mode, name))
    clash = below.keys() & {name for _, _, name in here}
    if clash:
        raise UsageError(f"{min(clash)!r} is both a file and a folder")
    here.extend((_write_tree(repo, inner), _TREE, name) for name, inner in below.items())
    # Git sorts a folder as if its name ended with a slash.
    here.sort(key=lambda entry: (entry[2] + "/" * (entry[1] == _TREE)).encode())
    stream = BytesIO()
    tree_to_stream(here, stream.write)
    return _store(repo, b"tree", stream.getvalue())


def _safe_path(name: str) -> str:
    if any(part in ("", ".", "..") or part.lower() == ".git" for part in name.split("/")):
        raise UsageError(f"{name!r} is no path inside a repository")
    return name


def _ref_name(name: str) -> str:
    bad: Sequence[str] = ("..", "//", "@{", " ", "~", "^", ":", "?", "*", "[", "\\")
    if not name or name[0] in "/-." or name[-1] in "/." or any(part in name for part in bad):
        raise UsageError(f"{name!r} is no name for a branch or tag")
    return name


def _content(value: object) -> bytes:
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, Mapping) and isinstance(value.get("base64"), str):
        return base64.b64decode(value["base64"])
    raise UsageError('a file must be a text or {"base64": "..."}')
