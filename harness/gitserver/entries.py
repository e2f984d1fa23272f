"""
What the access log says about one request.

Shared by server and client, so it imports the standard library only. There is no field that a
password or token could be in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any


@dataclass(frozen=True, slots=True)
class LogEntry:
    """
    One request, or one failed handshake.

    `service` is what was asked for: `refs` (advertisement or listing), `upload-pack` (a fetch),
    `receive-pack` (a push). `operation` is finer: `advertise`, `ls-refs`, `fetch`, `push`.
    `outcome` is one of `ok`, `401`, `403`, `404`, `400`, `no-repository`, `fault:<kind>`,
    `aborted` (the client left), `git-failed`, `tls-failed`, `ssh-auth-failed`, `ssh-disconnected`
    (left before it proved a key, as one does that mistrusts the host key).
    """

    seq: int
    time: str
    monotonic: float
    client: str
    transport: str
    scheme: str
    outcome: str
    user: str | None = None
    account: str | None = None
    fingerprint: str | None = None
    repository: str | None = None
    service: str | None = None
    operation: str | None = None
    protocol: int | None = None
    wants: tuple[str, ...] = ()
    agent: str = ""
    detail: str = ""
    duration: float = 0.0

    @property
    def who(self) -> str:
        """The account, the name or the key that asked, or `anonymous`."""
        return self.account or self.user or self.fingerprint or "anonymous"

    def to_json(self) -> dict[str, Any]:
        """Give the wire form; for thousands of entries, which `asdict` would copy deeply."""
        return {name: getattr(self, name) for name in _NAMES}

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> LogEntry:
        """Read the wire form; fields that a newer server added are passed over."""
        values = {name: value for name, value in raw.items() if name in _NAMES}
        return cls(**values | {"wants": tuple(values.get("wants", ()))})

    def __str__(self) -> str:
        what = f"{self.operation or '-'} {self.repository or '-'}"
        return f"#{self.seq} {self.time} {self.transport} {self.who} {what}: {self.outcome}"


_NAMES = tuple(field.name for field in fields(LogEntry))
