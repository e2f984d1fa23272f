"""
Listening sockets: one thread accepts for all HTTP servers, one thread serves each connection.

Plain and TLS alike; a handshake that fails is reported to whoever wants to log it.
"""

from __future__ import annotations

import logging
import selectors
import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from http.server import ThreadingHTTPServer
from typing import Any

log = logging.getLogger(__name__)

HANDSHAKE_SECONDS = 10.0
"""A client that connects and says nothing does not hold a thread for longer than this."""


class Listener(ThreadingHTTPServer):
    """An HTTP or HTTPS server on one address."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128
    timeout = 0

    def __init__(
        self,
        address: tuple[str, int],
        handler: Callable[..., Any],
        *,
        tls: ssl.SSLContext | None = None,
        on_failed_handshake: Callable[[str, str], None] | None = None,
    ) -> None:
        self._tls = tls
        self._here = threading.local()
        self._on_failed_handshake = on_failed_handshake
        super().__init__(address, handler)
        self._handler = handler

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return int(self.server_address[1])

    def server_bind(self) -> None:
        """Bind without the reverse look-up of the host's name that the standard library makes."""
        socket.socket.bind(self.socket, self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = str(self.server_address[0]), self.port

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Serve one connection, after the handshake if there has to be one."""
        if self._tls is None:
            self._handler(request, client_address, self)
            return
        client = f"{client_address[0]}:{client_address[1]}"
        try:
            request.settimeout(HANDSHAKE_SECONDS)
            secure = self._tls.wrap_socket(request, server_side=True)
        except OSError as error:
            self._failed(client, _reason(error))
            return
        with secure:
            self._serve(secure, client_address, client)

    def note_request(self) -> None:
        """Be told, in the thread of a connection, that a request came over it."""
        self._here.served = True

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002 - inherited
        """Note an error in a connection's thread: clients come and go as they like."""
        log.debug("the connection from %s broke", client_address, exc_info=True)

    def _serve(self, secure: ssl.SSLSocket, client_address: Any, client: str) -> None:
        # Some TLS libraries finish the handshake, then judge our certificate, then leave: a
        # connection without a single request is a failed handshake as well.
        self._here.served = False
        reason = "the client left right after the handshake"
        try:
            self._handler(secure, client_address, self)
        except OSError as error:
            reason = _reason(error)
        if not self._here.served:
            self._failed(client, reason)
        with suppress(OSError):
            secure.shutdown(socket.SHUT_WR)

    def _failed(self, client: str, reason: str) -> None:
        if self._on_failed_handshake:
            self._on_failed_handshake(client, reason)


class Acceptor:
    """Accepts for all listeners in one thread, and stops at once when told to."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._wake, self._waker = socket.socketpair()
        self._selector.register(self._wake, selectors.EVENT_READ)
        self._listeners: list[Listener] = []
        self._thread = threading.Thread(target=self._run, name="accept", daemon=True)

    def add(self, listener: Listener) -> Listener:
        """Take care of a listener; only before `start`."""
        self._listeners.append(listener)
        self._selector.register(listener, selectors.EVENT_READ, listener)
        return listener

    def start(self) -> None:
        """Begin to accept."""
        self._thread.start()

    def stop(self) -> None:
        """Stop accepting and close the listening sockets."""
        self._waker.close()
        self._thread.join(5)
        for listener in self._listeners:
            listener.server_close()
        self._selector.close()
        self._wake.close()

    def _run(self) -> None:
        while True:
            for key, _ in self._selector.select():
                if key.data is None:
                    return
                key.data.handle_request()


def _reason(error: OSError) -> str:
    reason = getattr(error, "reason", None)
    return str(reason or error.strerror or type(error).__name__)
