"""
The files of an SSH secret: whether they are what they should be, and a key without its passphrase.

OpenSSH asks for a passphrase on a terminal, which a controller has not; so an encrypted key is
opened here, for the time of one command.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import Final

from harness.controllers.attached_fields import Failure

GIT_OPERATION_FAILED: Final = "GitOperationFailed"
_PREFIX: Final = "failed to checkout and determine revision: "
_ARMOUR: Final = re.compile(
    rb"-----BEGIN ([A-Z ]*)PRIVATE KEY-----(.*?)-----END \1PRIVATE KEY-----", re.DOTALL
)
_MAGIC: Final = b"openssh-key-v1\0"


def opened(identity: bytes, passphrase: str) -> bytes:
    """The private key in a form that ssh can use without asking."""
    found = _ARMOUR.search(identity)
    if found is None:
        raise _failed("ssh: no key found")
    if not is_encrypted(identity):
        return identity.rstrip(b"\r\n") + b"\n"  # ssh insists on the last line's end
    if not passphrase:
        raise _failed("bcrypt_pbkdf: empty password")
    return _decrypted(identity, passphrase, openssh=found[1].strip() == b"OPENSSH")


def is_encrypted(identity: bytes) -> bool:
    """Whether a passphrase is needed to use the key."""
    found = _ARMOUR.search(identity)
    if found is None:
        return False
    if found[1].strip() != b"OPENSSH":
        return b"ENCRYPTED" in found[1] or b"ENCRYPTED" in found[2]
    try:
        blob = base64.b64decode(b"".join(found[2].split()))
    except binascii.Error:
        return False
    cipher = blob[len(_MAGIC) + 4 :][: int.from_bytes(blob[len(_MAGIC) : len(_MAGIC) + 4], "big")]
    return cipher != b"none"


def check_known_hosts(known_hosts: bytes) -> None:
    """Refuse a file of which no line can name a host and its key."""
    for line in known_hosts.decode(errors="replace").splitlines():
        text = line.strip()
        if text and not text.startswith("#") and len(text.split()) < 3:
            raise _failed("knownhosts: missing host pattern")


def _decrypted(identity: bytes, passphrase: str, *, openssh: bool) -> bytes:
    # Imported only where needed: it costs 10 MB.
    from cryptography.hazmat.primitives import serialization

    load = serialization.load_ssh_private_key if openssh else serialization.load_pem_private_key
    try:
        key = load(identity, passphrase.encode())
    except (ValueError, TypeError):
        raise _failed("x509: decryption password incorrect") from None
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.OpenSSH,
        serialization.NoEncryption(),
    )


def _failed(cause: str) -> Failure:
    return Failure(GIT_OPERATION_FAILED, _PREFIX + cause)
