"""
A bare clone of the bootstrap repository, driven by the genuine `git` program.

One commit is two processes: `git fast-import` (no work tree, no index) and `git push`. Passwords
go to git in its environment: never into an argument, a URL or a file.
"""

from __future__ import annotations

import base64
import os
import re
import signal
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from harness.kit.clock import Clock, system_clock

_PUSH_TIMEOUT = 30.0
_AUTHOR = "kommander <kommander@localhost>"
_BEHIND = re.compile(r"non-fast-forward|fetch first|stale info|failed to lock|incorrect old value")
_NOISE = ("hint:", "To ", "warning:", "error: failed to push some refs")


class BootstrapError(Exception):
    """The bootstrap repository could not be read or written; the message is for users."""


class Behind(BootstrapError):
    """Somebody else pushed first."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """A user of the bootstrap repository."""

    username: str
    password: str = field(repr=False)

    def header(self) -> str:
        """The value of the Authorization header."""
        pair = f"{self.username}:{self.password}".encode()
        return f"Basic {base64.b64encode(pair).decode()}"


@dataclass(frozen=True, slots=True)
class Remote:
    """The bootstrap repository as its writer reaches it."""

    url: str
    branch: str
    ca_file: Path | None
    credentials: Credentials

    def environment(self) -> dict[str, str]:
        """What git needs to know, for its environment."""
        settings = {
            f"http.{self.url}.extraHeader": f"Authorization: {self.credentials.header()}",
            "http.lowSpeedLimit": "1",  # a server that hangs is given up
            "http.lowSpeedTime": "10",
            "gc.auto": "0",
            "core.fsync": "none",  # a clone that a crash spoils is made anew
        }
        environment = {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": os.devnull,
            "LC_ALL": "C",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_CONFIG_COUNT": str(len(settings)),
        }
        for number, (key, value) in enumerate(settings.items()):
            environment[f"GIT_CONFIG_KEY_{number}"] = key
            environment[f"GIT_CONFIG_VALUE_{number}"] = value
        if self.ca_file:
            environment["GIT_SSL_CAINFO"] = str(self.ca_file)
            # Else a curl built on GnuTLS reads the machine's authorities too, at every start.
            environment["GIT_SSL_CAPATH"] = os.devnull
        return environment


class Clone:
    """The files of the branch in memory, and the commits that made them."""

    def __init__(self, remote: Remote, directory: Path, clock: Clock = system_clock) -> None:
        self._remote = remote
        self._directory = directory
        self._clock = clock
        self._environment = remote.environment()
        self._ref = f"refs/heads/{remote.branch}"
        self.files: dict[str, str] = {}
        self.commits: list[str] = []

    @property
    def head(self) -> str:
        """The newest commit known to be on the server; empty before the first."""
        return self.commits[-1] if self.commits else ""

    def fetch(self) -> None:
        """Take over what the server has."""
        if not (self._directory / "HEAD").exists():
            self._directory.mkdir(parents=True, exist_ok=True)
            self._git("init", "--quiet", "--bare", f"--initial-branch={self._remote.branch}", ".")
        listed = self._git("ls-remote", self._remote.url, self._ref)
        if listed:
            self._git(
                "fetch", "--quiet", "--no-tags", self._remote.url, f"+{self._ref}:{self._ref}"
            )
            self.commits = self._git("rev-list", "--reverse", self._ref).split()
            self.files = dict(self._read())
        else:
            self._git("update-ref", "-d", self._ref)
            self.commits, self.files = [], {}

    def commit(
        self,
        changes: Mapping[str, str | None],
        message: str,
        pointers: Mapping[str, bool] | None = None,
    ) -> str:
        """
        Commit `changes` (None removes a file) and push; the commit's id.

        `pointers` are branches that shall point at this commit as well (False: shall go), all or
        none of it.
        """
        commit = self._git("fast-import", "--quiet", "--force", data=self._stream(changes, message))
        commit = commit.strip()
        try:
            self._git(
                "push", "--quiet", "--atomic", self._remote.url, f"{commit}:{self._ref}",
                *(f"+{commit if stays else ''}:refs/heads/{name}"
                  for name, stays in sorted((pointers or {}).items())),
            )  # fmt: skip
        except BootstrapError:
            self._rewind()
            raise
        self.commits.append(commit)
        for path, content in changes.items():
            if content is None:
                self.files.pop(path, None)
            else:
                self.files[path] = content
        return commit

    def _rewind(self) -> None:
        if self.head:
            self._git("update-ref", self._ref, self.head)
        else:
            self._git("update-ref", "-d", self._ref)

    def _stream(self, changes: Mapping[str, str | None], message: str) -> bytes:
        when = int(self._clock.now().timestamp())
        parts = [
            f"commit {self._ref}\nmark :1\ncommitter {_AUTHOR} {when} +0000\n".encode(),
            _data(message),
        ]
        if self.head:
            parts.append(f"from {self.head}\n".encode())
        for path, content in sorted(changes.items()):
            if content is None:
                parts.append(f"D {path}\n".encode())
            else:
                parts += [f"M 100644 inline {path}\n".encode(), _data(content)]
        parts.append(b"get-mark :1\n")  # answered with the commit's id
        return b"".join(parts)

    def _read(self) -> Iterable[tuple[str, str]]:
        listing = self._git("ls-tree", "-r", "-z", "--format=%(objectname) %(path)", self._ref)
        entries = [entry.split(" ", 1) for entry in listing.split("\0") if entry]
        names = "".join(f"{name}\n" for name, _ in entries).encode()
        blobs = self._run(("cat-file", "--batch"), names)
        position = 0
        for _, path in entries:
            end = blobs.index(b"\n", position)
            size = int(blobs[position:end].rsplit(b" ", 1)[1])
            yield path, blobs[end + 1 : end + 1 + size].decode(errors="replace")
            position = end + 1 + size + 1

    def _git(self, *arguments: str, data: bytes = b"") -> str:
        return self._run(arguments, data).decode(errors="replace")

    def _run(self, arguments: Sequence[str], data: bytes) -> bytes:
        try:
            process = subprocess.Popen(
                ["git", *arguments],
                cwd=self._directory,
                env=self._environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                process_group=0,  # so that git's own helpers go with it
            )
        except OSError as error:
            raise BootstrapError(f"git cannot be run: {error.strerror}") from error
        with process:
            try:
                out, complaint = process.communicate(data, timeout=_PUSH_TIMEOUT)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                raise BootstrapError(f"no answer within {_PUSH_TIMEOUT:.0f} s") from None
        if process.returncode:
            text = complaint.decode(errors="replace")
            raise (Behind if _BEHIND.search(text) else BootstrapError)(explain(text))
        return out


def explain(stderr: str) -> str:
    """The line of git's complaint that says why."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    telling = [line for line in lines if not line.startswith(_NOISE)]
    told = [line for line in telling if line.startswith(("fatal:", "error:", "!"))] or telling
    return (told or lines or ["git failed without a word"])[0].removeprefix("fatal: ")


def _data(text: str) -> bytes:
    raw = text.encode()
    return b"data %d\n%b\n" % (len(raw), raw)
