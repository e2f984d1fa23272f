"""Bodies of HTTP messages: chunked and compressed requests in, answers of unknown length out."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Protocol

_BLOCK = 64 * 1024


class Malformed(Exception):
    """The client's message breaks the rules of HTTP."""


class Stream(Protocol):
    """What a body is read from."""

    def read(self, size: int, /) -> bytes:
        """Give so many bytes, or fewer at the end."""

    def readline(self, size: int, /) -> bytes:
        """Give a line."""


class Headers(Protocol):
    """The headers of a request."""

    def get(self, name: str, /) -> str | None:
        """Give a header, or None."""


class Body:
    """The body of a request, whatever its framing and compression."""

    def __init__(self, stream: Stream, headers: Headers) -> None:
        self._stream = stream
        self._chunked = "chunked" in (headers.get("Transfer-Encoding") or "").lower()
        self._left = 0 if self._chunked else _length(headers.get("Content-Length"))
        self._done = not self._chunked and self._left == 0
        packed = (headers.get("Content-Encoding") or "").lower() in ("gzip", "x-gzip")
        self._inflate = zlib.decompressobj(31) if packed and not self._done else None

    @property
    def done(self) -> bool:
        """Whether all of it was read off the connection."""
        return self._done

    def blocks(self) -> Iterator[bytes]:
        """Give the content, piece by piece."""
        for block in self._raw():
            content = self._unpack(block)
            if content:
                yield content
        if self._inflate and not self._inflate.eof:
            raise Malformed("the compressed body ends too early")

    def read(self) -> bytes:
        """Give all of the content."""
        return b"".join(self.blocks())

    def drain(self, limit: int) -> None:
        """Read what is left of it, up to a limit, so that the client sees our answer."""
        for block in self._raw():
            limit -= len(block)
            if limit < 0:
                return

    def _unpack(self, block: bytes) -> bytes:
        if self._inflate is None:
            return block
        try:
            return self._inflate.decompress(block)
        except zlib.error:
            raise Malformed("the body is not in gzip format") from None

    def _raw(self) -> Iterator[bytes]:
        while not self._done:
            if self._left == 0 and not self._next_chunk():
                return
            block = self._stream.read(min(self._left, _BLOCK))
            if not block:
                raise ConnectionResetError("the client left in the middle of its request")
            self._left -= len(block)
            if self._left == 0:
                self._end_of_part()
            yield block

    def _next_chunk(self) -> bool:
        line = self._stream.readline(1024)
        self._left = _length(line.split(b";")[0].strip().decode("ascii", "replace"), base=16)
        if self._left:
            return True
        while self._stream.readline(_BLOCK).strip():
            pass  # trailers say nothing to us
        self._done = True
        return False

    def _end_of_part(self) -> None:
        if not self._chunked:
            self._done = True
        elif self._stream.readline(8).strip():
            raise Malformed("a chunk is longer than it says")


def chunk(data: bytes) -> bytes:
    """Frame data as one chunk of an answer; no data is the last chunk."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def _length(text: str | None, base: int = 10) -> int:
    try:
        number = int(text or "0", base) if text is not None else 0
    except ValueError:
        raise Malformed(f"{text!r} is no length") from None
    if number < 0:
        raise Malformed(f"{text!r} is no length")
    return number
