"""Certificates of the HTTPS listeners: two authorities, and a flaw per flawed listener."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from datetime import UTC, datetime

import trustme

from harness.errors import UsageError
from harness.gitserver.config import AuthorityKey

_LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
_NOT_SO_LONG_AGO = datetime(2020, 2, 1, tzinfo=UTC)


class Authorities:
    """The CAs `trusted` and `private`, given or made."""

    def __init__(self, given: Mapping[str, AuthorityKey]) -> None:
        self._cas = {name: _authority(name, given.get(name)) for name in ("trusted", "private")}

    def pem(self) -> dict[str, str]:
        """Give the certificates that a client has to trust."""
        return {name: ca.cert_pem.bytes().decode() for name, ca in self._cas.items()}

    def context(self, transport: str, advertise: str) -> ssl.SSLContext | None:
        """Give the TLS side of a listener, or None for plain HTTP."""
        ours = tuple(dict.fromkeys(("127.0.0.1", "localhost", advertise)))
        if transport == "https-trusted":
            leaf = self._cas["trusted"].issue_cert(*ours)
        elif transport == "https-private":
            leaf = self._cas["private"].issue_cert(*ours)
        elif transport == "https-wrong-name":
            leaf = self._cas["private"].issue_cert("somewhere-else.example.com")
        elif transport == "https-expired":
            leaf = self._cas["private"].issue_cert(
                *ours, not_before=_LONG_AGO, not_after=_NOT_SO_LONG_AGO
            )
        else:
            return None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        leaf.configure_cert(context)
        return context


def _authority(name: str, given: AuthorityKey | None) -> trustme.CA:
    if given is None:
        return trustme.CA(organization_name=f"gitops-conformance {name}")
    try:
        return trustme.CA.from_pem(given.cert.encode(), given.key.encode())
    except ValueError as error:
        raise UsageError(
            f"authorities.{name}: not a PEM certificate and its key ({error})"
        ) from None
