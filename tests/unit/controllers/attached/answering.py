"""A server of one remote whose answers a test makes up, and what a git server says first."""

import contextlib
import http.server
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass

ADVERTISEMENT = "application/x-git-upload-pack-advertisement"
RESULT = "application/x-git-upload-pack-result"


@dataclass(frozen=True)
class Answer:
    """To one request."""

    body: bytes
    kind: str = ADVERTISEMENT
    status: int = 200


@contextlib.contextmanager
def answering(answer: Callable[[bytes | None], Answer]) -> Iterator[str]:
    """The URL of a remote; `answer` is given what was posted, or None."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.reply(None)

        def do_POST(self) -> None:
            self.reply(self.rfile.read(int(self.headers["Content-Length"])))

        def reply(self, asked: bytes | None) -> None:
            said = answer(asked)
            self.send_response(said.status)
            self.send_header("Content-Type", said.kind)
            self.send_header("Content-Length", str(len(said.body)))
            self.end_headers()
            self.wfile.write(said.body)

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/org/repo.git"
    finally:
        server.shutdown()
        server.server_close()


def packet(text: bytes) -> bytes:
    """A pkt-line."""
    return f"{len(text) + 4:04x}".encode() + text


def announced(advertisement: bytes) -> bytes:
    """What a git server says of its references, as it says it over HTTP."""
    return packet(b"# service=git-upload-pack\n") + b"0000" + advertisement
