"""
The little that the server must understand of Git's wire format: targets, packet lines, wants.

Everything else is left to the genuine programs.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from typing import Literal
from urllib.parse import parse_qs, unquote, urlsplit

Service = Literal["upload-pack", "receive-pack"]

_WANT = re.compile(rb"[0-9a-f]{4}want ([0-9a-f]{40})")
_VERSION = re.compile(r"(?:^|:)version=(\d)(?:$|:)")
_SERVICES: dict[str, Service] = {
    "git-upload-pack": "upload-pack",
    "git-receive-pack": "receive-pack",
}


@dataclass(frozen=True, slots=True)
class Target:
    """What a request is about."""

    repository: str
    service: Service
    advertise: bool


def repository_name(path: str) -> str:
    """Give the name of a repository from a path in a URL: no slash around it, no `.git`."""
    return path.strip("/").removesuffix(".git")


def safe_name(name: str) -> bool:
    """Tell whether a name can be a repository: relative, plain, inside the store."""
    parts = name.split("/")
    return bool(re.fullmatch(r"[A-Za-z0-9._~+/-]+", name)) and not any(
        part in ("", ".", "..") or part.startswith("-") or part.endswith(".git") for part in parts
    )


def http_target(method: str, url: str) -> Target | None:
    """Read a smart-HTTP request, or None: the dumb protocol is not spoken here."""
    split = urlsplit(url)
    path = unquote(split.path)
    if method == "GET" and path.endswith("/info/refs"):
        asked = parse_qs(split.query).get("service", [""])[0]
        if asked in _SERVICES:
            name = repository_name(path.removesuffix("/info/refs"))
            return Target(name, _SERVICES[asked], advertise=True)
    if method == "POST":
        head, _, asked = path.rpartition("/")
        if asked in _SERVICES:
            return Target(repository_name(head), _SERVICES[asked], advertise=False)
    return None


def ssh_target(command: str | None) -> Target | None:
    """Read the command of an SSH session: `git-upload-pack '/org/name.git'`."""
    try:
        words = shlex.split(command or "")
    except ValueError:
        return None
    if len(words) == 3 and words[0] == "git":
        words = [f"git-{words[1]}", words[2]]
    if len(words) != 2 or words[0] not in _SERVICES:
        return None
    return Target(repository_name(words[1]), _SERVICES[words[0]], advertise=False)


def protocol_version(header: str | None) -> int:
    """Give the protocol version from `Git-Protocol` or `GIT_PROTOCOL` (0 if unsaid)."""
    found = _VERSION.search(header or "")
    return int(found.group(1)) if found else 0


def packet(line: str) -> bytes:
    """Give a packet line."""
    data = line.encode()
    return b"%04x" % (len(data) + 4) + data


def announcement(service: Service) -> bytes:
    """Give what precedes an advertisement over HTTP in the versions 0 and 1."""
    return packet(f"# service=git-{service}\n") + b"0000"


def wants(data: bytes) -> tuple[str, ...]:
    """Give the objects that an upload-pack request asks for."""
    return tuple(dict.fromkeys(found.decode() for found in _WANT.findall(data)))


def operation(data: bytes, version: int) -> str:
    """Name what a POST to upload-pack does."""
    return "ls-refs" if version == 2 and data[4:].startswith(b"command=ls-refs") else "fetch"
