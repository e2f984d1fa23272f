"""
What git's complaint means, in the words that Flux users search for (go-git's and Go's).

Pure: text in, text out. The original never passes through as it is: it may hold what was in a URL.
"""

from __future__ import annotations

import re
from typing import Final

NO_REPOSITORY: Final = "repository not found"
AUTHENTICATION_REQUIRED: Final = "authentication required"
UNKNOWN_AUTHORITY: Final = "x509: certificate signed by unknown authority"
EXPIRED: Final = "x509: certificate has expired or is not yet valid"
OTHER_NAMES: Final = "x509: certificate is valid for other names than the one asked for"
NO_MATCHING_KEY: Final = (
    "ssh: handshake failed: ssh: unable to authenticate, attempted methods [none publickey], "
    "no supported methods remain"
)

# The first that matches git's standard error decides.
_MEANINGS: Final[tuple[tuple[str, str], ...]] = (
    (r"context deadline exceeded|[Tt]imed out|Operation too slow", "context deadline exceeded"),
    (r"unable to update url base from redirection|error: 30\d", "http redirect was refused"),
    (
        r"could not read (?:Username|Password)|Authentication failed|error: 401|"
        r"terminal prompts disabled|Invalid username",
        AUTHENTICATION_REQUIRED,
    ),
    (r"error: 403", "authorization failed"),
    (r"error: 404|repository '.*' not found", NO_REPOSITORY),
    (r"error: (5\d\d|4\d\d)", r"unexpected client error: unexpected status code: \1"),
    (
        r"certificate has expired|expiration date has passed|not activated|not yet valid",
        EXPIRED,
    ),
    (
        r"does not match target host|no alternative certificate subject name",
        OTHER_NAMES,
    ),
    (
        r"certificate verification failed|local issuer certificate|self.signed certificate|"
        r"ca cert file|certificate verify locations|setting certificate file|"
        r"SSL certificate problem",
        UNKNOWN_AUTHORITY,
    ),
    (
        r"unexpected TLS packet|wrong version number|unrecognized packet|plain HTTP|"
        r"packet length too long",
        "http: server gave HTTP response to HTTPS client",
    ),
    (r"TLS connection was non-properly terminated|SSL_ERROR_SYSCALL|gnutls_handshake", "EOF"),
    (r"Connection refused|Couldn't connect to server", "connect: connection refused"),
    (r"Could not resolve host", "no such host"),
    (
        r"REMOTE HOST IDENTIFICATION HAS CHANGED|differs from the key",
        "ssh: handshake failed: knownhosts: key mismatch",
    ),
    (
        r"No .* host key is known|Host key verification failed",
        "ssh: handshake failed: knownhosts: key is unknown",
    ),
    (r"Permission denied \(|Too many authentication failures", NO_MATCHING_KEY),
    (r"invalid format|error in libcrypto", "ssh: no key found"),
    (r"couldn't find remote ref (\S+)", "couldn't find remote ref \"\\1\""),
    (r"not valid: is this a git repository|invalid server response|bad line length|protocol error",
     "invalid pkt-len found"),
    (
        r"early EOF|unexpected disconnect|hung up unexpectedly|RPC failed|Empty reply|"
        r"transfer closed|invalid index-pack output|unpack-objects|Connection reset|"
        r"[Cc]onnection closed",
        "unexpected EOF",
    ),
    (r"does not appear to be a git repository|[Rr]epository not found", NO_REPOSITORY),
)  # fmt: skip


def explain(said: str) -> str:
    """The cause, in one sentence without any secret."""
    for pattern, meaning in _MEANINGS:
        if match := re.search(pattern, said):
            return match.expand(meaning)
    return "unexpected git error: " + _without_addresses(_last_line(said))


def is_missing_reference(said: str) -> bool:
    """Whether the remote answered, but without the reference that was asked for."""
    return "couldn't find remote ref" in said


def _last_line(said: str) -> str:
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    fatal = [line for line in lines if line.startswith(("fatal:", "error:"))]
    return (fatal or lines or ["no message"])[0][:200]


def _without_addresses(text: str) -> str:
    return re.sub(r"[a-z]+://\S+", "<url>", text)
