"""
The Git server as everybody else sees it: repositories, access, faults and the access log.

It imports the standard library only, since every worker of a run imports it.
"""

from __future__ import annotations

import base64
import http.client
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from harness.errors import HarnessError, NotYet, SetupError
from harness.gitserver.access import Access
from harness.gitserver.endpoints import Endpoints, Transport
from harness.gitserver.entries import LogEntry
from harness.gitserver.faults import Fault, Kind

PUBLIC = Access()
_POLL_SECONDS = 30.0
_ANSWER_SECONDS = 60.0


class GitServerError(HarnessError):
    """The Git server refused a request of the control API; the message is its own."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True)
class Commit:
    """One commit as the server lists it."""

    sha: str
    message: str
    date: str


class GitServer:
    """A handle on a running server; may be used from several threads."""

    def __init__(self, control_url: str, token: str) -> None:
        split = urlsplit(control_url)
        self._address = (split.hostname or "127.0.0.1", split.port or 80)
        self._token = token
        self._idle: list[http.client.HTTPConnection] = []
        self._lock = threading.Lock()
        self._endpoints: Endpoints | None = None
        self.waited = 0.0
        """Seconds spent in `wait_log` until the entry was there."""

    @classmethod
    def from_ready(cls, file: Path, token: str) -> GitServer:
        """Connect to the server that wrote this ready file."""
        return cls(json.loads(file.read_text(encoding="utf-8"))["control"], token)

    def __repr__(self) -> str:
        return f"GitServer({self._address[0]}:{self._address[1]})"

    @property
    def endpoints(self) -> Endpoints:
        """Where the transports are, and what to trust."""
        if self._endpoints is None:
            self._endpoints = Endpoints.from_json(self._call("GET", "/endpoints"))
        return self._endpoints

    def create_repository(self, name: str, *, access: Access = PUBLIC) -> Repository:
        """Make an empty repository (`org/name`, any depth, without `.git`)."""
        made = self._call("POST", "/repositories", {"name": name, "access": access.to_json()})
        return Repository(self, made["name"])

    def repository(self, name: str) -> Repository:
        """Give the handle of a repository that exists."""
        return Repository(self, name)

    def repositories(self) -> list[str]:
        """List the names of all repositories."""
        return list(self._call("GET", "/repositories")["repositories"])

    def log(
        self, *, repository: str | None = None, since: int = 0, wait: float = 0.0
    ) -> list[LogEntry]:
        """Give the log after entry `since`; with `wait`, as soon as there is something."""
        return self.read_log(repository=repository, since=since, wait=wait)[0]

    def read_log(
        self, *, repository: str | None = None, since: int = 0, wait: float = 0.0
    ) -> tuple[list[LogEntry], int]:
        """As `log`, with the number to go on from: it also counts entries that did not match."""
        query: dict[str, Any] = {"since": since, "wait": f"{wait:.3f}"}
        if repository is not None:
            query["repository"] = repository
        answer = self._call("GET", f"/log?{urlencode(query)}", patience=wait)
        return [LogEntry.from_json(raw) for raw in answer["entries"]], int(answer["last"])

    def position(self) -> int:
        """Give the number of the latest log entry, to look from there on."""
        # The server answers with the last number that it looked at; no entry belongs to "".
        return self.read_log(repository="")[1]

    def wait_log(
        self,
        predicate: Callable[[LogEntry], bool],
        *,
        within: float,
        repository: str | None = None,
        since: int = 0,
        what: str = "a matching request",
    ) -> LogEntry:
        """Give the first entry that fits, as soon as it is there; NotYet after `within` seconds."""
        begun = time.monotonic()
        deadline = begun + within
        latest: list[LogEntry] = []
        while True:
            left = deadline - time.monotonic()
            entries, since = self.read_log(
                repository=repository, since=since, wait=min(max(left, 0.0), _POLL_SECONDS)
            )
            for entry in entries:
                if predicate(entry):
                    self.waited += time.monotonic() - begun
                    return entry
            latest = (latest + entries)[-5:]
            if left <= 0:
                seen = "\n".join(f"  {entry}" for entry in latest) or "  nothing at all"
                raise NotYet(
                    f"The Git server did not see {what} within {within:g} s. It saw last:\n{seen}\n"
                    f"All of its log: {self.endpoints.log}"
                )

    def stop(self) -> None:
        """Ask the server to stop."""
        with suppress(SetupError):
            self._call("POST", "/shutdown")
        self.close()

    def close(self) -> None:
        """Close our connections; the server goes on."""
        with self._lock:
            while self._idle:
                self._idle.pop().close()

    def _call(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, patience: float = 0.0
    ) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
        data = json.dumps(body or {}).encode()
        with self._connection(_ANSWER_SECONDS + patience) as connection:
            try:
                connection.request(method, path, data, headers)
                response = connection.getresponse()
                answer = json.loads(response.read())
            except (OSError, http.client.HTTPException, ValueError) as error:
                connection.close()
                raise SetupError(f"{self!r} does not answer ({type(error).__name__})") from None
        if response.status != 200:
            raise GitServerError(response.status, f"Git server: {answer.get('error')}")
        return dict(answer)

    @contextmanager
    def _connection(self, seconds: float) -> Iterator[http.client.HTTPConnection]:
        with self._lock:
            connection = self._idle.pop() if self._idle else None
        if connection is None:
            connection = http.client.HTTPConnection(*self._address)
        connection.timeout = seconds
        if connection.sock is not None:
            connection.sock.settimeout(seconds)
        yield connection
        with self._lock:
            self._idle.append(connection)


@dataclass(frozen=True, slots=True)
class Repository:
    """A handle on one repository."""

    server: GitServer = field(repr=False)
    name: str

    def url(
        self, transport: Transport = "http", *, user: str | None = None, suffix: str = ".git"
    ) -> str:
        """Give its URL over a transport."""
        return self.server.endpoints.url(self.name, transport, user=user, suffix=suffix)

    def commit(
        self,
        files: Mapping[str, str | bytes] | None = None,
        *,
        delete: tuple[str, ...] = (),
        message: str = "Change",
        branch: str = "main",
        tag: str | None = None,
        replace: bool = False,
    ) -> str:
        """Commit files (with `replace` they are all there is afterwards); give the commit's id."""
        body = {
            "files": {path: _wire(content) for path, content in (files or {}).items()},
            "delete": list(delete),
            "message": message,
            "branch": branch,
            "tag": tag,
            "replace": replace,
        }
        return str(self._call("POST", "/commits", body)["sha"])

    def commit_folder(
        self,
        folder: Path,
        *,
        substitute: Callable[[str], str] = str,
        message: str = "Change",
        branch: str = "main",
        tag: str | None = None,
    ) -> str:
        """Commit a folder as the whole tree; `substitute` is applied to texts and paths."""
        files = {
            substitute(path.relative_to(folder).as_posix()): _substituted(path, substitute)
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        }
        return self.commit(files, message=message, branch=branch, tag=tag, replace=True)

    def create_tag(self, name: str, *, at: str = "main") -> str:
        """Tag a commit; give its id."""
        return str(self._call("POST", "/tags", {"name": name, "at": at})["sha"])

    def delete_branch(self, name: str) -> None:
        """Remove a branch."""
        self._call("DELETE", f"/branches?{urlencode({'name': name})}")

    def delete(self) -> None:
        """Remove the repository."""
        self._call("DELETE", "")

    def refs(self) -> dict[str, str]:
        """Give all references with their commits."""
        return dict(self._call("GET", "/refs")["refs"])

    def head(self, branch: str = "main") -> str | None:
        """Give the commit of a branch, or None."""
        return self.refs().get(f"refs/heads/{branch}")

    def files(self, *, at: str = "main") -> list[str]:
        """List the files of a commit."""
        return list(self._call("GET", f"/files?{urlencode({'at': at})}")["files"])

    def read(self, path: str, *, at: str = "main") -> bytes:
        """Give the content of a file."""
        query = urlencode({"path": path, "at": at})
        return base64.b64decode(self._call("GET", f"/file?{query}")["base64"])

    def commits(self, *, at: str = "main", limit: int = 100) -> list[Commit]:
        """List commits, newest first."""
        query = urlencode({"at": at, "limit": limit})
        return [Commit(**raw) for raw in self._call("GET", f"/commits?{query}")["commits"]]

    def set_access(self, access: Access) -> None:
        """Change who may do what, from the next request on."""
        self._call("PUT", "/access", access.to_json())

    def set_fault(
        self,
        kind: Kind,
        *,
        user: str | None = None,
        seconds: float = 3.0,
        times: int | None = None,
    ) -> None:
        """Let requests fail; see `faults.Fault` for the kinds."""
        self._call("PUT", "/fault", Fault(kind, user, seconds, times).to_json())

    def clear_fault(self, *, user: str | None = None) -> None:
        """End the faults, or those of one user."""
        self._call("DELETE", f"/fault?{urlencode({'user': user})}" if user else "/fault")

    def log(self, *, since: int = 0, wait: float = 0.0) -> list[LogEntry]:
        """Give its part of the access log."""
        return self.server.log(repository=self.name, since=since, wait=wait)

    def wait_log(
        self,
        predicate: Callable[[LogEntry], bool],
        *,
        within: float,
        since: int = 0,
        what: str = "a matching request",
    ) -> LogEntry:
        """Give its first entry that fits, as soon as it is there."""
        return self.server.wait_log(
            predicate, within=within, repository=self.name, since=since, what=what
        )

    def _call(
        self, method: str, path: str, body: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        return self.server._call(method, f"/repositories/{quote(self.name, safe='')}{path}", body)


def _wire(content: str | bytes) -> object:
    if isinstance(content, str):
        return content
    return {"base64": base64.b64encode(content).decode()}


def _substituted(path: Path, substitute: Callable[[str], str]) -> str | bytes:
    data = path.read_bytes()
    try:
        return substitute(data.decode())
    except UnicodeDecodeError:
        return data
