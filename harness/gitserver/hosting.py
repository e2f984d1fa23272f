"""
The hosted repositories with their access rules and faults.

It is also the one place that writes the access log. The transports ask here; they know sockets,
this module knows none.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from harness.errors import UsageError
from harness.gitserver import store, wire
from harness.gitserver.access import Access, Admin, Credentials, Ruling, rule_http, rule_ssh
from harness.gitserver.faults import Active, Faults
from harness.gitserver.journal import Journal


@dataclass(slots=True)
class Hosted:
    """One repository."""

    name: str
    path: Path
    access: Access
    commits: int = 0
    capabilities: bytes = b""
    lock: threading.Lock = field(default_factory=threading.Lock)


@dataclass(slots=True)
class Visit:
    """A request while it is being answered; it becomes an entry of the log."""

    client: str
    transport: str
    credentials: Credentials = field(default_factory=Credentials)
    user: str | None = None
    fingerprint: str | None = None
    account: str | None = None
    repository: str | None = None
    service: wire.Service | None = None
    operation: str | None = None
    protocol: int = 0
    wants: tuple[str, ...] = ()
    agent: str = ""
    logged: bool = False
    started: float = field(default_factory=time.monotonic)

    @property
    def push(self) -> bool:
        """Whether it wants to write, or to prepare for it."""
        return self.service == "receive-pack"


class Hosting:
    """All repositories of one server."""

    def __init__(self, directory: Path, admin: Admin, journal: Journal) -> None:
        self.admin = admin
        self.journal = journal
        self.faults = Faults()
        self._directory = directory
        self._repositories: dict[str, Hosted] = {}
        self._lock = threading.Lock()
        # Digests of every secret there ever was: a revoked token must stay out of the log as well.
        self._secrets: set[bytes] = set()
        self._remember([admin.password])

    def create(self, name: str, access: Access) -> Hosted:
        """Make an empty repository."""
        hosted = self._plan(name, access)
        with self._lock:
            if hosted.name in self._repositories:
                raise FileExistsError(f"there is a repository {hosted.name!r} already")
            store.create(hosted.path)
            self._repositories[hosted.name] = hosted
        return hosted

    def adopt(self, name: str, access: Access) -> Hosted:
        """Take over a repository that an earlier server left, or make an empty one."""
        hosted = self._plan(name, access)
        if not hosted.path.exists():
            return self.create(name, access)
        hosted.commits = store.count(hosted.path)
        with self._lock:
            self._repositories[hosted.name] = hosted
        return hosted

    def delete(self, name: str) -> None:
        """Remove a repository and the faults on it."""
        with self._lock:
            hosted = self._known(name)
            del self._repositories[hosted.name]
        self.faults.clear(hosted.name)
        with hosted.lock:
            store.remove(hosted.path)

    def names(self) -> list[str]:
        """List the repositories."""
        with self._lock:
            return sorted(self._repositories)

    def find(self, name: str | None) -> Hosted | None:
        """Give a repository, or None."""
        return self._repositories.get(wire.repository_name(name or ""))

    def get(self, name: str) -> Hosted:
        """Give a repository; a LookupError says that there is none."""
        with self._lock:
            return self._known(name)

    def set_access(self, name: str, access: Access) -> None:
        """Change who may do what; it holds from the next request on."""
        hosted = self.get(name)
        self._remember(access.secrets())
        hosted.access = access

    def commit(self, name: str, change: store.Change) -> str:
        """Make a commit; give its id."""
        hosted = self.get(name)
        with hosted.lock:
            sha = store.commit(hosted.path, change, number=hosted.commits)
            hosted.commits += 1
        return sha

    def knows_key(self, fingerprint: str) -> bool:
        """Tell whether the key opens anything here."""
        with self._lock:
            everything = list(self._repositories.values())
        return fingerprint == self.admin.fingerprint or any(
            key.fingerprint == fingerprint for hosted in everything for key in hosted.access.keys
        )

    def fault(self, visit: Visit) -> Active | None:
        """Give the fault that this request meets."""
        names = {visit.user, visit.fingerprint, self._owner(visit)} - {None}
        return self.faults.take(
            visit.repository or "", [name for name in names if name], visit.operation or ""
        )

    def rule(self, visit: Visit, hosted: Hosted) -> Ruling:
        """Rule on the request, and note in it whose account it is."""
        if visit.fingerprint:
            ruling = rule_ssh(hosted.access, self.admin, visit.fingerprint, push=visit.push)
        else:
            ruling = rule_http(hosted.access, self.admin, visit.credentials, push=visit.push)
        visit.account = ruling.account
        return ruling

    def log(self, visit: Visit, outcome: str, detail: str = "") -> None:
        """Write the request to the log."""
        visit.logged = True
        listing = visit.operation in ("advertise", "ls-refs")
        self.journal.add(
            client=visit.client,
            transport=visit.transport,
            scheme="publickey" if visit.fingerprint else visit.credentials.scheme,
            user=self._public(visit.user),
            account=visit.account,
            fingerprint=visit.fingerprint,
            repository=visit.repository,
            service="refs" if listing else visit.service,
            operation=visit.operation,
            protocol=visit.protocol,
            wants=visit.wants,
            agent=visit.agent,
            outcome=outcome,
            detail=detail,
            duration=round(time.monotonic() - visit.started, 6),
        )

    def _owner(self, visit: Visit) -> str | None:
        hosted = self.find(visit.repository)
        return self.rule(visit, hosted).account if hosted else None

    def _plan(self, name: str, access: Access) -> Hosted:
        name = wire.repository_name(name)
        if not wire.safe_name(name):
            raise UsageError(f"{name!r} is no name for a repository")
        self._remember(access.secrets())
        return Hosted(name, self._directory / f"{name}.git", access)

    def _known(self, name: str) -> Hosted:
        hosted = self._repositories.get(wire.repository_name(name))
        if hosted is None:
            raise LookupError(f"there is no repository {name!r}")
        return hosted

    def _remember(self, secrets: Iterable[str]) -> None:
        self._secrets |= {_digest(secret) for secret in secrets}

    def _public(self, user: str | None) -> str | None:
        # Some clients send the token as the user name.
        return "(a secret)" if user and _digest(user) in self._secrets else user


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
