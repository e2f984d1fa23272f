"""
Why a server's certificate is refused, where git does not say.

A curl built on GnuTLS has one sentence for every fault; the certificate of an honest server that
has expired and that of an impostor should not look alike, so the handshake is tried once more.
"""

from __future__ import annotations

import socket
import ssl
from typing import Final
from urllib.parse import urlsplit

from harness.controllers import git_fetch_errors

_WITHIN: Final = 5.0
_MEANINGS: Final = {
    9: git_fetch_errors.EXPIRED,  # not yet valid
    10: git_fetch_errors.EXPIRED,
    62: git_fetch_errors.OTHER_NAMES,  # host name
    64: git_fetch_errors.OTHER_NAMES,  # address
}


def fault(url: str, authorities: str | None) -> str:
    """What is wrong with the certificate; an unknown authority when that cannot be found out."""
    parts = urlsplit(url)
    address = (parts.hostname or "", parts.port or 443)
    try:
        context = ssl.create_default_context(cafile=authorities)
        with socket.create_connection(address, timeout=_WITHIN) as plain:
            context.wrap_socket(plain, server_hostname=parts.hostname).close()
    except ssl.SSLCertVerificationError as error:
        return _MEANINGS.get(error.verify_code, git_fetch_errors.UNKNOWN_AUTHORITY)
    except (OSError, ValueError):
        pass
    return git_fetch_errors.UNKNOWN_AUTHORITY
