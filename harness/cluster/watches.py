"""The stream of a watch: its lines, and how another thread ends it at once."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator

import urllib3


class Stopper:
    """Ends a watch from another thread, at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._response: urllib3.BaseHTTPResponse | None = None
        self.stopped = False

    def attach(self, response: urllib3.BaseHTTPResponse) -> None:
        """Make `response` the one to end."""
        with self._lock:
            self._response = response
        if self.stopped:
            self.stop()

    def stop(self) -> None:
        """End the attached watch, and any that is attached later."""
        with self._lock:
            self.stopped = True
            connection = getattr(self._response, "connection", None)
            sock = getattr(connection, "sock", None)
        if sock is not None:
            with contextlib.suppress(OSError):
                socket.socket.shutdown(sock, socket.SHUT_RDWR)


def lines(response: urllib3.BaseHTTPResponse) -> Iterator[bytes]:
    """The whole lines of a stream, however it is cut into chunks."""
    buffer = b""
    for chunk in response.stream(amt=65536, decode_content=False):
        buffer += chunk
        *whole, buffer = buffer.split(b"\n")
        yield from (line for line in whole if line)
