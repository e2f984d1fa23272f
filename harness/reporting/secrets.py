"""
The search for secrets in whatever a run leaves behind: reports, evidence, logs, console output.

A secret is looked for in every form in which programs print it. Nothing here ever shows a value.
"""

from __future__ import annotations

import base64
import html
import json
import secrets as randomness
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import quote, quote_plus

from ahocorasick_rs import BytesAhoCorasick

from harness.errors import HarnessBug

_SHORTEST: Final = 8  # shorter texts are found everywhere by chance
_SHORTEST_PEM_LINE: Final = 24
_CHUNK: Final = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Secret:
    """A value that must not be found, and the user names that it goes with."""

    name: str
    value: bytes = field(repr=False)
    users: tuple[str, ...] = ()

    @classmethod
    def of(cls, name: str, value: str | bytes, *users: str) -> Secret:
        """A secret from text or bytes."""
        return cls(name, value.encode() if isinstance(value, str) else value, users)


@dataclass(frozen=True, slots=True)
class Leak:
    """Where a secret was found, and in which form; never the secret."""

    path: Path
    offset: int
    secret: str
    form: str

    def __str__(self) -> str:
        return f"{self.path}: secret {self.secret!r} ({self.form}) at byte {self.offset}"


def search(paths: Iterable[Path], secrets: Iterable[Secret]) -> list[Leak]:
    """Every file (folders are walked) that holds a secret in any form, once per form."""
    patterns = _Patterns(secrets)
    return [leak for path in _files(paths) for leak in patterns.search(path)]


def search_text(text: str, secrets: Iterable[Secret], *, name: str = "console") -> list[Leak]:
    """As `search`, in text that is in no file."""
    data = text.encode("utf-8", "surrogateescape")
    return [
        Leak(Path(name), data.index(pattern), secret.name, form)
        for secret in secrets
        for form, pattern in forms(secret)
        if pattern in data
    ]


def canary() -> Secret:
    """A secret to plant: a search that does not find it is worth nothing."""
    return Secret.of("canary", f"canary/{randomness.token_urlsafe(24)}+?&", "canary")


def forms(secret: Secret) -> Iterator[tuple[str, bytes]]:
    """Every form of the secret with its name."""
    value = secret.value.strip()
    if len(value) < _SHORTEST:
        raise HarnessBug(
            f"secret {secret.name!r} has {len(value)} bytes; "
            f"fewer than {_SHORTEST} cannot be told from chance"
        )
    yield from _textual(value)
    for user in secret.users:
        pair = base64.b64encode(user.encode() + b":" + value)
        yield "Basic header", pair
    for line in _pem_lines(value):
        yield "a line of PEM", line
        for alignment in range(3):
            yield "base64 of a line of PEM", _aligned(line, alignment)


def _textual(value: bytes) -> Iterator[tuple[str, bytes]]:
    yield "plain", value
    for alignment in range(3):
        encoded = _aligned(value, alignment)
        yield "base64", encoded
        yield "base64, URL alphabet", encoded.translate(bytes.maketrans(b"+/", b"-_"))
    yield "URL-encoded", quote(value, safe="").encode()
    yield "URL-encoded", quote(value).encode()
    yield "URL-encoded", quote_plus(value).encode()
    yield "URL-encoded", quote(value, safe="!$&'()*+,;=:").encode()
    try:
        text = value.decode()
    except UnicodeDecodeError:
        return
    yield "JSON-escaped", json.dumps(text)[1:-1].encode()
    yield "JSON-escaped", json.dumps(text, ensure_ascii=False)[1:-1].encode()
    # Go's encoder escapes these three as well.
    go = json.dumps(text, ensure_ascii=False)[1:-1]
    for character in "&<>":
        go = go.replace(character, f"\\u{ord(character):04x}")
    yield "JSON-escaped", go.encode()
    yield "HTML-escaped", html.escape(text).encode()
    yield "HTML-escaped", html.escape(text, quote=False).encode()
    # Jinja's and XML's ways to write the same two quotes.
    yield (
        "HTML-escaped",
        html.escape(text).replace("&quot;", "&#34;").replace("&#x27;", "&#39;").encode(),
    )
    yield "Python literal", repr(text)[1:-1].encode()


def _aligned(value: bytes, alignment: int) -> bytes:
    """The base64 characters that the value alone decides when `alignment` bytes precede it."""
    encoded = base64.b64encode(b"\0" * alignment + value)
    # Each character holds 6 bits; those shared with a neighbour depend on the neighbour.
    first = -(-alignment * 8 // 6)
    last = (alignment + len(value)) * 8 // 6
    return encoded[first:last]


def _pem_lines(value: bytes) -> Iterator[bytes]:
    if b"-----BEGIN" not in value:
        return
    for line in value.splitlines():
        line = line.strip()
        if len(line) >= _SHORTEST_PEM_LINE and not line.startswith(b"-----"):
            # Every unencrypted OpenSSH key begins with these bytes; they tell nothing.
            if line.startswith(b"b3BlbnNzaC1rZXktdjEAAAAA"):
                continue
            yield line


def _files(paths: Iterable[Path]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            yield from sorted(p for p in path.rglob("*") if p.is_file() and not p.is_symlink())
        elif path.exists():
            yield path
        else:
            # A search that passes over a misspelt path would prove nothing.
            raise HarnessBug(f"{path} does not exist, so it cannot be searched for secrets")


class _Patterns:
    """Every form of every secret, looked for in one pass: one by one took seconds of each run."""

    def __init__(self, secrets: Iterable[Secret]) -> None:
        meant: dict[bytes, tuple[str, str]] = {}
        for secret in secrets:
            for form, pattern in forms(secret):
                meant.setdefault(pattern, (secret.name, form))
        self._meant = list(meant.values())
        self._automaton = BytesAhoCorasick(meant)
        self._longest = max(map(len, meant), default=1)

    def search(self, path: Path) -> Iterator[Leak]:
        """What a file holds, once per form."""
        found: set[tuple[str, str]] = set()
        with path.open("rb") as file:
            offset, kept = 0, b""
            while chunk := file.read(_CHUNK):
                window = kept + chunk
                for index, at, _ in self._automaton.find_matches_as_indexes(
                    window, overlapping=True
                ):
                    meant = self._meant[index]
                    if meant not in found:
                        found.add(meant)
                        yield Leak(path, offset - len(kept) + at, *meant)
                offset += len(chunk)
                kept = window[max(0, len(window) - self._longest + 1) :]
