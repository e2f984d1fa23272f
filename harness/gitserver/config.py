"""
The configuration of the server process, as a value and as a file.

The file holds secrets: it is written with mode 0600 and never logged.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, get_args

from harness.errors import UsageError
from harness.gitserver.access import Access, Admin
from harness.gitserver.endpoints import Transport

TRANSPORTS: tuple[str, ...] = get_args(Transport)
LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class AuthorityKey:
    """A given certificate authority, both parts as PEM texts."""

    cert: str
    key: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Config:
    """
    What `python -m harness.gitserver --config FILE` reads.

    `directory` holds repositories and the access log. `token` opens the control API.
    `listeners` names the transports to serve; they listen on `bind`, and clients are told
    `advertise`: empty for the address of this machine's own name, which is how a container learns
    its own. The control API listens on `control_bind`. `ports` fixes ports by transport (or
    `control`); the others are free ones.
    `authorities` gives the CAs `trusted` and `private` instead of own made ones.
    `repositories` are made at the start, or taken over if `directory` has them.
    """

    directory: str
    token: str = field(repr=False)
    admin: Admin
    listeners: tuple[str, ...] = TRANSPORTS
    bind: str = LOOPBACK
    advertise: str = LOOPBACK
    control_bind: str = LOOPBACK
    ports: Mapping[str, int] = field(default_factory=dict)
    authorities: Mapping[str, AuthorityKey] = field(default_factory=dict)
    repositories: Mapping[str, Access] = field(default_factory=dict)

    def text(self) -> str:
        """What the file holds."""
        raw: dict[str, Any] = {
            "directory": self.directory,
            "token": self.token,
            "admin": asdict(self.admin),
            "listeners": list(self.listeners),
            "bind": self.bind,
            "advertise": self.advertise,
            "control_bind": self.control_bind,
            "ports": dict(self.ports),
            "authorities": {name: asdict(given) for name, given in self.authorities.items()},
            "repositories": {name: access.to_json() for name, access in self.repositories.items()},
        }
        return json.dumps(raw, indent=2)

    def write(self, path: Path) -> None:
        """Write the file for the server, readable by its owner only."""
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(self.text())


def load(path: Path) -> Config:
    """Read and check a configuration file; a UsageError says what is wrong with it."""
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror})") from None
    except ValueError as error:
        raise UsageError(f"{path}: is not JSON ({error})") from None
    try:
        return _check(raw)
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from None
    except (TypeError, AttributeError, ValueError) as error:
        raise UsageError(f"{path}: a value has the wrong type ({error})") from None


def _check(raw: Any) -> Config:
    if not isinstance(raw, dict):
        raise UsageError("must hold one JSON object")
    unknown = set(raw) - {known.name for known in fields(Config)}
    if unknown:
        raise UsageError(f"unknown field {sorted(unknown)[0]!r}")
    for needed in ("directory", "token", "admin"):
        if not raw.get(needed):
            raise UsageError(f"the field {needed!r} is missing")
    listeners = tuple(raw.get("listeners", TRANSPORTS))
    for name in listeners:
        if name not in TRANSPORTS:
            raise UsageError(f"listeners: {name!r} is none of {', '.join(TRANSPORTS)}")
    authorities = raw.get("authorities", {})
    for name in authorities:
        if name not in ("trusted", "private"):
            raise UsageError(f"authorities: {name!r} is neither 'trusted' nor 'private'")
    return Config(
        directory=str(raw["directory"]),
        token=str(raw["token"]),
        admin=_admin(raw["admin"]),
        listeners=listeners,
        bind=raw.get("bind", LOOPBACK),
        advertise=raw.get("advertise", LOOPBACK),
        control_bind=raw.get("control_bind", LOOPBACK),
        ports={name: int(port) for name, port in raw.get("ports", {}).items()},
        authorities={name: AuthorityKey(**given) for name, given in authorities.items()},
        repositories={
            name: Access.from_json(access) for name, access in raw.get("repositories", {}).items()
        },
    )


def _admin(raw: Mapping[str, Any]) -> Admin:
    for needed in ("name", "password"):
        if not raw.get(needed):
            raise UsageError(f"admin: the field {needed!r} is missing")
    return Admin(raw["name"], raw["password"], raw.get("fingerprint"))
