"""
Certificates made on the spot: an authority, and what it signs for servers and clients.

Who trusts which authority, and what a name in a certificate means, is for the callers to know.
"""

import datetime
import os
from dataclasses import dataclass, field
from pathlib import Path

import trustme

_NAMELESS = "client.invalid"
"""For clients: Go refuses the empty list of names that a certificate without any would carry."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """A certificate with its private key, both as PEM."""

    cert_pem: bytes
    key_pem: bytes = field(repr=False)

    def write(self, directory: Path, name: str) -> "LeafFiles":
        """Both as files `NAME.crt` and `NAME.key`; the key is readable by its owner only."""
        return LeafFiles(
            cert=write_public(directory / f"{name}.crt", self.cert_pem),
            key=write_private(directory / f"{name}.key", self.key_pem),
        )


@dataclass(frozen=True, slots=True)
class LeafFiles:
    """Where a certificate and its key were written."""

    cert: Path
    key: Path


class Authority:
    """A certificate authority of its own, which nobody trusts until told to."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._authority = trustme.CA(organization_name=name)

    @property
    def pem(self) -> bytes:
        """The authority's certificate: who trusts it, trusts all that it issued."""
        return self._authority.cert_pem.bytes()

    def issue(
        self,
        *names: str,
        common_name: str | None = None,
        organization: str | None = None,
        expired: bool = False,
    ) -> Leaf:
        """
        A certificate for host names and addresses, for a client (`common_name`), or for both.

        An `expired` one was valid until yesterday.
        """
        yesterday = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=1)
        issued = self._authority.issue_cert(
            *(names or (_NAMELESS,)),
            common_name=common_name,
            organization_name=organization,
            not_before=yesterday - datetime.timedelta(days=30) if expired else None,
            not_after=yesterday if expired else None,
        )
        return Leaf(
            cert_pem=b"".join(blob.bytes() for blob in issued.cert_chain_pems),
            key_pem=issued.private_key_pem.bytes(),
        )

    def write(self, path: Path) -> Path:
        """The authority's certificate as a file."""
        return write_public(path, self.pem)


def write_public(path: Path, content: bytes) -> Path:
    """A file that everybody may read."""
    path.write_bytes(content)
    return path


def write_private(path: Path, content: bytes) -> Path:
    """A file that only its owner may read, from its first byte on."""
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    return path
