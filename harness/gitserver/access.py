"""
Who may read and write a repository: pure rules, no sockets.

Secrets live in fields that never show in a repr; whoever logs, logs names and fingerprints.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from harness.errors import UsageError

Mode = Literal["anonymous", "basic", "token", "mfa"]
Scheme = Literal["none", "basic", "bearer", "other", "publickey"]


@dataclass(frozen=True, slots=True)
class Account:
    """A user of one repository: a password, tokens, or both."""

    name: str
    password: str | None = field(default=None, repr=False)
    tokens: tuple[str, ...] = field(default=(), repr=False)
    writer: bool = False

    def to_json(self) -> dict[str, Any]:
        """Give the wire form, secrets included."""
        return {
            "name": self.name,
            "password": self.password,
            "tokens": list(self.tokens),
            "writer": self.writer,
        }


@dataclass(frozen=True, slots=True)
class Key:
    """An SSH key that may use one repository, known by its fingerprint (`SHA256:...`)."""

    name: str
    fingerprint: str
    writer: bool = False

    def to_json(self) -> dict[str, Any]:
        """Give the wire form."""
        return {"name": self.name, "fingerprint": self.fingerprint, "writer": self.writer}


@dataclass(frozen=True, slots=True)
class Access:
    """
    The accounts and keys of one repository, and how http(s) asks for them.

    `anonymous`: everybody reads. `basic`: user name and password must both be right.
    `token`: a token as the password, with any user name or none.
    `mfa`: as `token`, but the right password is refused with `mfa_status`.
    SSH always needs one of `keys`, whatever the mode.
    """

    mode: Mode = "anonymous"
    accounts: tuple[Account, ...] = ()
    keys: tuple[Key, ...] = ()
    mfa_status: Literal[401, 403] = 401

    def to_json(self) -> dict[str, Any]:
        """Give the wire form, secrets included."""
        return {
            "mode": self.mode,
            "accounts": [account.to_json() for account in self.accounts],
            "keys": [key.to_json() for key in self.keys],
            "mfa_status": self.mfa_status,
        }

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Access:
        """Read the wire form; a fault in it is a UsageError that names the field."""
        unknown = set(raw) - {"mode", "accounts", "keys", "mfa_status"}
        if unknown:
            raise UsageError(f"access: unknown field {sorted(unknown)[0]!r}")
        mode = raw.get("mode", "anonymous")
        if mode not in get_args(Mode):
            raise UsageError(f"access.mode: {mode!r} is none of {', '.join(get_args(Mode))}")
        status = raw.get("mfa_status", 401)
        if status not in (401, 403):
            raise UsageError(f"access.mfa_status: {status!r} is neither 401 nor 403")
        try:
            accounts = tuple(
                Account(
                    a["name"], a.get("password"), tuple(a.get("tokens", ())), a.get("writer", False)
                )
                for a in raw.get("accounts", ())
            )
            keys = tuple(
                Key(k["name"], k["fingerprint"], k.get("writer", False))
                for k in raw.get("keys", ())
            )
        except (KeyError, TypeError) as error:
            raise UsageError(f"access: an account or key lacks the field {error}") from None
        return cls(mode, accounts, keys, status)

    def secrets(self) -> set[str]:
        """Every password and token, so that a log can be kept free of them."""
        passwords = {account.password for account in self.accounts if account.password}
        return passwords | {token for account in self.accounts for token in account.tokens}


@dataclass(frozen=True, slots=True)
class Admin:
    """The server's own writer: may read and push every repository."""

    name: str
    password: str = field(repr=False)
    fingerprint: str | None = None


@dataclass(frozen=True, slots=True)
class Credentials:
    """What an Authorization header says."""

    scheme: Scheme = "none"
    user: str | None = None
    secret: str = field(default="", repr=False)

    @classmethod
    def parse(cls, header: str | None) -> Credentials:
        """Read an Authorization header; nonsense counts as the scheme `other`."""
        if not header:
            return cls()
        scheme, _, rest = header.strip().partition(" ")
        if scheme.lower() == "bearer":
            return cls("bearer", None, rest.strip())
        if scheme.lower() != "basic":
            return cls("other")
        try:
            text = base64.b64decode(rest.strip(), validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            return cls("other")
        user, _, secret = text.partition(":")
        return cls("basic", user, secret)


@dataclass(frozen=True, slots=True)
class Ruling:
    """Whether a request may go on: `ok`, `401` or `403`, and the account that it was made with."""

    outcome: Literal["ok", "401", "403"]
    account: str | None = None


def rule_http(access: Access, admin: Admin, credentials: Credentials, *, push: bool) -> Ruling:
    """Rule on a request over http(s)."""
    if _is_admin(admin, credentials):
        return Ruling("ok", admin.name)
    account = _account(access, credentials)
    if account is not None:
        return Ruling("ok" if account.writer or not push else "403", account.name)
    if access.mode == "anonymous" and not push:
        return Ruling("ok")
    if access.mode == "mfa" and (owner := _by_password(access, credentials)) is not None:
        return Ruling("403" if access.mfa_status == 403 else "401", owner.name)
    return Ruling("401")


def rule_ssh(access: Access, admin: Admin, fingerprint: str, *, push: bool) -> Ruling:
    """Rule on a command over SSH whose key was proved already."""
    if admin.fingerprint == fingerprint:
        return Ruling("ok", admin.name)
    for key in access.keys:
        if key.fingerprint == fingerprint:
            return Ruling("ok" if key.writer or not push else "403", key.name)
    return Ruling("403")


def _is_admin(admin: Admin, credentials: Credentials) -> bool:
    return (
        credentials.scheme == "basic"
        and credentials.user == admin.name
        and _same(admin.password, credentials.secret)
    )


def _account(access: Access, credentials: Credentials) -> Account | None:
    if access.mode == "basic":
        return _by_password(access, credentials)
    if access.mode == "anonymous":
        return _by_password(access, credentials) or _by_token(access, credentials)
    return _by_token(access, credentials)


def _by_password(access: Access, credentials: Credentials) -> Account | None:
    if credentials.scheme != "basic":
        return None
    for account in access.accounts:
        if account.name == credentials.user and _same(account.password, credentials.secret):
            return account
    return None


def _by_token(access: Access, credentials: Credentials) -> Account | None:
    # Basic only: the personal access tokens of the big hosts do not work as bearer tokens either.
    if credentials.scheme != "basic":
        return None
    for account in access.accounts:
        if any(_same(token, credentials.secret) for token in account.tokens):
            return account
    return None


def _same(secret: str | None, given: str) -> bool:
    return bool(secret) and hmac.compare_digest(str(secret).encode(), given.encode())
