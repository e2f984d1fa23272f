"""
Free loopback ports that nobody else is given in the meantime. Nothing is listened on here.

A port that was bound and closed is free for everybody, so two runs that start at once can be given
the same one. Therefore each port is left in TIME_WAIT: for a minute the kernel hands it to nobody
who asks for "any port", while a server that names it (with SO_REUSEADDR, as Go, asyncio and
http.server do) gets it.
"""

import contextlib
import socket

from harness import errors

LOOPBACK = "127.0.0.1"

_given: set[int] = set()


def free(count: int = 1) -> list[int]:
    """As many loopback ports, all different, none of them given out by this process before."""
    with contextlib.ExitStack() as held:
        return [_another(held) for _ in range(count)]


def accepts(port: int, host: str = LOOPBACK) -> bool:
    """Whether somebody listens there."""
    with contextlib.suppress(OSError), socket.create_connection((host, port), timeout=1):
        return True
    return False


def _another(held: contextlib.ExitStack) -> int:
    for _ in range(1000):
        server = held.enter_context(socket.socket())
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            server.bind((LOOPBACK, 0))
            port: int = server.getsockname()[1]
            if port in _given:
                continue
            _reserve(server)
        except OSError as error:
            raise errors.SetupError(f"No free port on {LOOPBACK}: {error}") from error
        _given.add(port)
        return port
    raise errors.SetupError(f"No free port on {LOOPBACK}: all were given out already.")


def _reserve(server: socket.socket) -> None:
    """Leave the server's end of one connection in TIME_WAIT: who closes first, waits."""
    server.listen(1)
    with socket.create_connection(server.getsockname()) as client:
        accepted, _ = server.accept()
        accepted.close()
        client.recv(1)
