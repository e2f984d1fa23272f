"""
Git as a program: list the references of a remote, fetch one, read what it points to.

Nothing here knows Kubernetes or how credentials come about: they arrive as an environment. What
git says when it fails is translated by `git_fetch_errors`.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from harness.controllers import git_fetch_glance, git_fetch_snapshot
from harness.controllers.git_fetch_snapshot import Snapshot
from harness.controllers.runtime import Retry

COMMIT: Final = re.compile(r"[0-9a-f]{40}")
_FETCHED: Final = "refs/fetched"
_PASSED_ON: Final = ("PATH", "http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "TMPDIR")
# What git would otherwise take from the user, or do besides what it was asked.
_SETTINGS: Final = {
    "credential.helper": "",
    "core.hooksPath": "/dev/null",
    "fetch.writeCommitGraph": "false",
    "gc.auto": "0",
    "maintenance.auto": "false",
    # One request lists the references of a remote; the newer protocol needs two.
    "protocol.version": "0",
    # A redirect would carry the Authorization header to whoever it names.
    "http.followRedirects": "false",
}
# The archive is the tree as committed: no attribute of the repository may change it.
_ATTRIBUTES: Final = "* !export-ignore !export-subst -text -ident !filter\n"


class GitFailed(Exception):
    """A git command failed; `said` is its standard error."""

    def __init__(self, said: str) -> None:
        super().__init__(said)
        self.said = said


class TimedOut(GitFailed):
    """A git command was ended because it took too long."""


@dataclass(frozen=True, slots=True)
class Remote:
    """A repository elsewhere: its address without user or password, and how to get in."""

    url: str
    timeout: float
    settings: Mapping[str, str] = field(default_factory=dict, repr=False)
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)


class Git:
    """The git program; one object per process, so that a stop ends every command that runs."""

    def __init__(self) -> None:
        self._running: set[subprocess.Popen[bytes]] = set()
        self._connections = git_fetch_glance.Connections()
        self._stopping = False

    def references(self, remote: Remote, patterns: Sequence[str] = ()) -> dict[str, str]:
        """The remote's references that match, by name; an annotated tag also with `^{}` behind."""
        seen = git_fetch_glance.references(self._connections, remote, patterns)
        if seen is not None:
            return seen
        listed = self._run(remote, "ls-remote", "--quiet", remote.url, *patterns).decode()
        pairs = (line.split("\t", 1) for line in listed.splitlines())
        return {name: commit for commit, name in pairs}

    def snapshot(self, remote: Remote, branch: str) -> Snapshot | None:
        """What a branch (`refs/heads/...`) holds now, where that can be had without git."""
        if self._stopping:
            raise Retry("stopping")
        try:
            return git_fetch_snapshot.snapshot(self._connections, remote, branch)
        except git_fetch_snapshot.Unfinished:
            raise TimedOut("context deadline exceeded") from None

    def fetch(self, remote: Remote, repository: Path, reference: str) -> str:
        """The commit, or tag object, that `reference` points to there, without its history."""
        spec = f"+{reference}:{_FETCHED}"
        self._run(remote, *_fetching(repository), "--depth=1", remote.url, spec)
        return (repository / _FETCHED).read_text().strip()

    def fetch_history(self, remote: Remote, repository: Path, references: Sequence[str]) -> None:
        """Everything that can be reached from the references (a name may hold one `*`)."""
        specs = [f"+{name}:{name.replace('refs/', 'refs/history/', 1)}" for name in references]
        self._run(remote, *_fetching(repository), remote.url, *specs)

    def has_commit(self, repository: Path, commit: str) -> bool:
        """Whether the commit was fetched."""
        try:
            self._local(repository, "cat-file", "-e", f"{commit}^{{commit}}")
        except GitFailed:
            return False
        return True

    def subject(self, repository: Path, commit: str) -> str:
        """The first line of a commit's message."""
        text = self._local(repository, "cat-file", "commit", commit).decode(errors="replace")
        return subject(text.partition("\n\n")[2])

    def checkout(self, repository: Path, commit: str) -> bytes:
        """The files of a commit as a tar file."""
        return self._local(repository, "archive", "--format=tar", commit)

    def stop(self) -> None:
        """End every request and git command that still runs, and start no other command."""
        self._stopping = True
        self._connections.stop()
        for running in list(self._running):
            _kill(running)

    def _local(self, repository: Path, *arguments: str) -> bytes:
        return self._run(Remote("", 60.0), f"--git-dir={repository}", *arguments)

    def _run(self, remote: Remote, *arguments: str) -> bytes:
        if self._stopping:
            raise Retry("stopping")
        running = subprocess.Popen(
            ["git", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment(remote),
            process_group=0,  # git starts helpers, which have to end with it
        )
        self._running.add(running)
        try:
            out, said = running.communicate(timeout=remote.timeout)
        except subprocess.TimeoutExpired:
            _kill(running)
            running.communicate()
            raise TimedOut("context deadline exceeded") from None
        finally:
            self._running.discard(running)
            if self._stopping:  # what git says now is about us, not about the remote
                raise Retry("stopping")
        if running.returncode != 0:
            raise GitFailed(said.decode(errors="replace"))
        return out


def subject(message: str) -> str:
    """The first line of a commit's message."""
    return message.lstrip("\n").partition("\n")[0]


def prepare(directory: Path) -> Path:
    """An empty bare repository, made without a process of its own."""
    for part in ("objects", "refs", "info"):
        (directory / part).mkdir(parents=True)
    (directory / "HEAD").write_text("ref: refs/heads/none\n")
    (directory / "config").write_text("[core]\n\tbare = true\n\trepositoryformatversion = 0\n")
    (directory / "info" / "attributes").write_text(_ATTRIBUTES)
    return directory


def _fetching(repository: Path) -> list[str]:
    return [
        f"--git-dir={repository}",
        "fetch",
        "--quiet",
        "--no-tags",
        "--no-auto-maintenance",
        "--recurse-submodules=no",
    ]


def environment(remote: Remote) -> dict[str, str]:
    """The whole environment of a git command: nothing of the user's, no question to anybody."""
    passed_on = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    settings = {**_SETTINGS, **remote.settings}
    entries = {"GIT_CONFIG_COUNT": str(len(settings))}
    for number, (name, value) in enumerate(settings.items()):
        entries[f"GIT_CONFIG_KEY_{number}"] = name
        entries[f"GIT_CONFIG_VALUE_{number}"] = value
    unproxied = ",".join(filter(None, ("127.0.0.1,localhost,::1", os.environ.get("no_proxy"))))
    return {
        **passed_on,
        "no_proxy": unproxied,
        "HOME": "/nonexistent",
        "LC_ALL": "C",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ALLOW_PROTOCOL": "http:https:ssh",
        **entries,
        **remote.environment,
    }


def _kill(running: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(running.pid, signal.SIGKILL)
