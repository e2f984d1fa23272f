"""
Keys, passwords and tokens for clients, made anew for every run.

Nothing is stored here, and nothing secret shows in a repr.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)


@dataclass(frozen=True, slots=True)
class SshKey:
    """An ed25519 key pair: OpenSSH texts and the fingerprint that `ssh-keygen -l` prints."""

    private: str = field(repr=False)
    public: str
    fingerprint: str


def ssh_key(comment: str = "") -> SshKey:
    """Make a key pair."""
    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode()
    public = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
    return SshKey(private, f"{public} {comment}".rstrip(), fingerprint(public))


def fingerprint(public: str) -> str:
    """Give the SHA256 fingerprint of an OpenSSH public key."""
    blob = base64.b64decode(public.split()[1])
    return "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")


def password() -> str:
    """Make a password that nobody guesses; it needs no quoting in URLs and YAML."""
    return f"pw-{secrets.token_hex(12)}"


def token() -> str:
    """Make a token of the look of a personal access token."""
    return f"pat_{secrets.token_hex(18)}"
