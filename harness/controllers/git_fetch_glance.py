"""
The references of an HTTP remote, asked for without starting git.

Each source is looked at every interval, and nearly always nothing is new; a git process for that
costs ten to fifty milliseconds of processor time. This is the one request that `git ls-remote`
makes, with the same address, header and authorities. Whatever is not a plain good answer is left to
git, which then says what is wrong.
"""

from __future__ import annotations

import contextlib
import fnmatch
import http.client
import re
import socket
import ssl
import urllib.request
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from harness.controllers.git_fetch import Remote

_SERVICE: Final = b"# service=git-upload-pack\n"
_TYPE: Final = "application/x-git-upload-pack-advertisement"
_LINE: Final = re.compile(rb"([0-9a-f]{40}) ([^\0\n]+)")
_MOST: Final = 16 * 1024 * 1024
_ABSENT: Final = "0" * 40
_UNDERSTOOD: Final = frozenset({"GIT_SSL_CAINFO", "GIT_SSL_CAPATH"})


class Connections:
    """Those that are open, so that a stop ends what waits for an answer."""

    def __init__(self) -> None:
        self._open: set[http.client.HTTPConnection] = set()

    @contextlib.contextmanager
    def to(self, remote: Remote) -> Iterator[http.client.HTTPConnection]:
        """A connection of its own each time: trust is decided anew, as git does."""
        made = _connection(remote)
        self._open.add(made)
        try:
            yield made
        finally:
            self._open.discard(made)
            made.close()

    def stop(self) -> None:
        """Hang up; whoever waits gets an OSError or half an answer."""
        for each in list(self._open):
            with contextlib.suppress(OSError):
                if each.sock is not None:
                    each.sock.shutdown(socket.SHUT_RDWR)


def references(
    connections: Connections, remote: Remote, patterns: Sequence[str]
) -> dict[str, str] | None:
    """The references that match, by name; None where git has to be asked."""
    if not understands(remote):
        return None
    try:
        with connections.to(remote) as connection:
            listed = advertised(connection, remote)
    except (OSError, http.client.HTTPException, ValueError):
        return None
    if listed is None:
        return None
    return {n: c for n, c in listed.items() if not patterns or _matches(n, patterns)}


def understands(remote: Remote) -> bool:
    """Whether git is not needed: a setting that is not understood here could mean anything."""
    return (
        urlsplit(remote.url).scheme in ("http", "https")
        and remote.environment.keys() <= _UNDERSTOOD
        and remote.settings.keys() <= {"http.extraHeader"}
        and not _is_proxied(remote.url)
    )


def _connection(remote: Remote) -> http.client.HTTPConnection:
    parts = urlsplit(remote.url)
    if parts.scheme == "https":
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        authorities = remote.environment.get("GIT_SSL_CAINFO")
        if authorities:
            context.load_verify_locations(cafile=authorities)
        else:
            context.load_default_certs()
        return http.client.HTTPSConnection(
            parts.hostname or "", parts.port, timeout=remote.timeout, context=context
        )
    return http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=remote.timeout)


def advertised(connection: http.client.HTTPConnection, remote: Remote) -> dict[str, str] | None:
    """All references that the remote has; None where the answer is no plain good one."""
    path = urlsplit(remote.url).path
    body = answered(connection, remote, "GET", f"{path}/info/refs?service=git-upload-pack", _TYPE)
    return None if body is None else dict(_references(body))


def answered(
    connection: http.client.HTTPConnection,
    remote: Remote,
    method: str,
    path: str,
    expected: str,
    body: bytes | None = None,
) -> bytes | None:
    """The answer to one request, if it is of the expected type and of a sane size."""
    headers = {"User-Agent": "git/reference-source-controller", "Accept": "*/*"}
    name, colon, value = remote.settings.get("http.extraHeader", "").partition(": ")
    if colon:
        headers[name] = value
    if body is not None:
        headers["Content-Type"] = expected.replace("-result", "-request")
    connection.request(method, path, body, headers)
    response = connection.getresponse()
    if response.status != 200 or response.getheader("Content-Type") != expected:
        return None
    said = response.read(_MOST + 1)
    return said if len(said) <= _MOST else None


def _is_proxied(url: str) -> bool:
    parts = urlsplit(url)
    proxies = urllib.request.getproxies()
    return parts.scheme in proxies and not urllib.request.proxy_bypass(parts.hostname or "")


def _references(body: bytes) -> Iterator[tuple[str, str]]:
    lines = packets(body)
    if next(lines, None) != _SERVICE or next(lines, None) != b"":
        raise ValueError("no advertisement of references")
    for line in lines:
        if line == b"":
            return
        found = _LINE.match(line)
        if not found:
            raise ValueError("a line that is no reference")
        if found[1].decode() != _ABSENT:  # an empty repository says so in this way
            yield found[2].decode(), found[1].decode()
    raise ValueError("the advertisement has no end")


def packets(body: bytes) -> Iterator[bytes]:
    """The contents of pkt-lines; a flush is empty."""
    at = 0
    while at < len(body):
        size = int(body[at : at + 4], 16)
        if size == 0:
            yield b""
            at += 4
        elif 4 < size <= len(body) - at:
            yield body[at + 4 : at + size]
            at += size
        else:
            raise ValueError("a pkt-line of an impossible length")


def _matches(name: str, patterns: Sequence[str]) -> bool:
    """As `git ls-remote`: a pattern stands for the end of a name, whole components of it."""
    return any(fnmatch.fnmatchcase(f"/{name}", f"*/{pattern}") for pattern in patterns)
