"""
Git over HTTP and HTTPS: authentication, faults and framing around the genuine programs.

`git http-backend` itself would be one process more per request: what it does, this module does.
"""

from __future__ import annotations

import logging
import select
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from typing import IO, Any

from harness.gitserver import wire
from harness.gitserver.access import Credentials
from harness.gitserver.faults import Active
from harness.gitserver.hosting import Hosted, Hosting, Visit
from harness.gitserver.listeners import Listener
from harness.gitserver.programs import Programs
from harness.gitserver.transfer import Body, Malformed, chunk

log = logging.getLogger(__name__)

_BLOCK = 64 * 1024
_PIPE = 64 * 1024
_DRAIN = 256 * 1024 * 1024
_GONE = getattr(select, "POLLRDHUP", 0) | select.POLLHUP | select.POLLERR
_SAYS = {
    400: "The request cannot be understood.",
    401: "The server wants other credentials than these.",
    403: "This account may not do that.",
    404: "There is no such repository.",
    500: "The server cannot answer now.",
}


class GitHandler(BaseHTTPRequestHandler):
    """Answers Git clients on one connection."""

    protocol_version = "HTTP/1.1"
    server_version = "gitops-conformance"
    sys_version = ""
    disable_nagle_algorithm = True
    wbufsize = _BLOCK
    timeout = 75.0

    def __init__(self, *args: Any, transport: str, hosting: Hosting, programs: Programs) -> None:
        self._transport = transport
        self._hosting = hosting
        self._programs = programs
        super().__init__(*args)

    def do_GET(self) -> None:
        """Answer an advertisement of references."""
        self._answer()

    def do_POST(self) -> None:
        """Answer a listing, a fetch or a push."""
        self._answer()

    def handle_expect_100(self) -> bool:
        """Let the client go on at once: our output is buffered."""
        going = super().handle_expect_100()
        self.wfile.flush()
        return going

    def log_message(self, format: str, *args: Any) -> None:
        """Keep quiet: the access log is ours, and this line would show the URL's secrets."""

    def _answer(self) -> None:
        assert isinstance(self.server, Listener)
        self.server.note_request()
        credentials = Credentials.parse(self.headers.get("Authorization"))
        visit = Visit(
            client="{}:{}".format(*self.client_address[:2]),
            transport=self._transport,
            credentials=credentials,
            user=credentials.user,
            agent=self.headers.get("User-Agent", "")[:120],
            protocol=wire.protocol_version(self.headers.get("Git-Protocol")),
        )
        try:
            body = Body(self.rfile, self.headers)
            self._route(visit, body)
            if not body.done:
                body.drain(_DRAIN)
                self.close_connection |= not body.done
        except Malformed as error:
            self._refuse(visit, 400, detail=str(error))
            self.close_connection = True
        except OSError as error:
            if not visit.logged:
                self._hosting.log(visit, "aborted", type(error).__name__)
            self.close_connection = True

    def _route(self, visit: Visit, body: Body) -> None:
        target = wire.http_target(self.command, self.path)
        if target is None:
            return self._refuse(visit, 404, detail="not a request of the smart protocol")
        visit.repository, visit.service = target.repository, target.service
        if visit.push:
            visit.protocol = min(visit.protocol, 1)  # there is no version 2 of pushing
        payload = b""
        if target.advertise:
            visit.operation = "advertise"
        elif visit.push:
            visit.operation = "push"
        else:
            payload = body.read()
            visit.operation = wire.operation(payload, visit.protocol)
            visit.wants = wire.wants(payload)
        active = self._hosting.fault(visit)
        if active and not self._suffer(active, visit):
            return None
        hosted = self._hosting.find(visit.repository)
        if hosted is None:
            return self._refuse(visit, 404, outcome="no-repository")
        ruling = self._hosting.rule(visit, hosted)
        if ruling.outcome != "ok":
            return self._refuse(visit, int(ruling.outcome))
        cut = active is not None and active.fault.kind == "cut"
        if visit.operation == "advertise":
            return self._advertise(visit, hosted)
        return self._serve(visit, hosted, body if visit.push else payload, cut=cut)

    def _suffer(self, active: Active, visit: Visit) -> bool:
        """Do what the fault says; tell whether the request goes on after it."""
        kind = active.fault.kind
        self._hosting.log(visit, f"fault:{kind}")
        if kind in ("401", "403", "404", "500"):
            self._send(int(kind))
        elif kind == "empty":
            self._send(200, b"", self._content_type(visit))
        elif kind == "refuse":
            self._break()
        elif kind in ("hang", "slow"):
            patience = active.fault.seconds if kind == "slow" else None
            if linger(self.connection, active, patience):
                return True
            self._hosting.log(visit, "aborted", f"left during fault:{kind}")
            self._break()
        return kind == "cut"

    def _advertise(self, visit: Visit, hosted: Hosted) -> None:
        assert visit.service
        if visit.protocol == 2 and hosted.capabilities:
            self._hosting.log(visit, "ok")
            return self._send(200, hosted.capabilities, self._content_type(visit))
        with self._programs.running(
            visit.service,
            hosted.path,
            "--http-backend-info-refs",
            version=visit.protocol,
        ) as git:
            content, _ = git.communicate()
        if git.returncode:
            return self._refuse(visit, 500, outcome="git-failed", detail=f"{git.returncode}")
        if visit.protocol == 2:
            # Version 2 advertises what Git can do, not what the repository has: ask it once.
            hosted.capabilities = content
        else:
            content = wire.announcement(visit.service) + content
        self._hosting.log(visit, "ok")
        return self._send(200, content, self._content_type(visit))

    def _serve(self, visit: Visit, hosted: Hosted, request: Body | bytes, *, cut: bool) -> None:
        assert visit.service
        with self._programs.running(
            visit.service, hosted.path, "--stateless-rpc", version=visit.protocol
        ) as git:
            assert git.stdin
            assert git.stdout
            if isinstance(request, Body):
                if not _feed(git.stdin, request, cut=cut):
                    git.kill()
                    return self._break()
            elif len(request) > _PIPE:
                # It may answer before it has read all: only a thread of its own cannot deadlock.
                threading.Thread(target=_give, args=(git.stdin, request), daemon=True).start()
            else:
                _give(git.stdin, request)
            if cut:
                return self._send_half(visit, git.stdout.read())
            return self._stream(visit, git)

    def _stream(self, visit: Visit, git: subprocess.Popen[bytes]) -> None:
        assert git.stdout
        first = git.stdout.read(_BLOCK)
        if len(first) < _BLOCK:
            status = git.wait()
            # A refusal that Git put into words is an answer like any other; silence is not.
            if status and not first:
                return self._refuse(visit, 500, outcome="git-failed", detail=f"{status}")
            self._hosting.log(visit, "git-failed" if status else "ok")
            return self._send(200, first, self._content_type(visit))
        self._begin(200, self._content_type(visit))
        self._chunk(first)
        for block in _blocks(git.stdout):
            self._chunk(block)
        status = git.wait()
        # Logged before the last chunk: whoever has the whole answer finds it in the log.
        self._hosting.log(visit, "git-failed" if status else "ok", f"{status}" if status else "")
        if status:
            return self._break()
        return self._end()

    def _send_half(self, visit: Visit, content: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", self._content_type(visit))
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[: len(content) // 2])
        self.wfile.flush()
        self._break()

    def _refuse(self, visit: Visit, status: int, *, outcome: str = "", detail: str = "") -> None:
        self._hosting.log(visit, outcome or str(status), detail)
        self._send(status)

    def _send(self, status: int, content: bytes | None = None, kind: str = "text/plain") -> None:
        content = f"{_SAYS[status]}\n".encode() if content is None else content
        self.send_response(status, HTTPStatus(status).phrase)
        self.send_header("Content-Type", kind)
        self.send_header("Cache-Control", "no-cache")
        self.send_header("Content-Length", str(len(content)))
        if status == 401:
            self.send_header("WWW-Authenticate", 'Basic realm="git"')
        self.end_headers()
        self.wfile.write(content)
        self.wfile.flush()

    def _begin(self, status: int, kind: str) -> None:
        self._framed = self.request_version >= "HTTP/1.1"
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Cache-Control", "no-cache")
        if self._framed:
            self.send_header("Transfer-Encoding", "chunked")
        else:
            self.close_connection = True
        self.end_headers()

    def _chunk(self, data: bytes) -> None:
        self.wfile.write(chunk(data) if self._framed else data)

    def _end(self) -> None:
        if self._framed:
            self.wfile.write(chunk(b""))
        self.wfile.flush()

    def _break(self) -> None:
        self.close_connection = True
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)

    def _content_type(self, visit: Visit) -> str:
        what = "advertisement" if visit.operation == "advertise" else "result"
        return f"application/x-git-{visit.service}-{what}"


def linger(connection: socket.socket, active: Active, seconds: float | None) -> bool:
    """Wait until the fault is cleared or the time is over; False if the client left first."""
    told, teller = socket.socketpair()

    def wake() -> None:
        with suppress(OSError):
            teller.send(b"!")

    with told, teller:
        poll = select.poll()
        poll.register(connection.fileno(), _GONE)
        poll.register(told.fileno(), select.POLLIN)
        active.on_clear(wake)
        try:
            ready = dict(poll.poll(None if seconds is None else seconds * 1000))
        finally:
            active.forget(wake)
        return connection.fileno() not in ready


def _feed(pipe: IO[bytes], body: Body, *, cut: bool) -> bool:
    """Give a pushed pack to Git; with `cut` only its first block, and False."""
    with suppress(BrokenPipeError):  # Git had enough; what it says about it is the answer
        for block in body.blocks():
            if cut:
                return False
            pipe.write(block)
        pipe.close()
    return True


def _give(pipe: IO[bytes], data: bytes) -> None:
    with suppress(OSError, ValueError):
        pipe.write(data)
        pipe.close()


def _blocks(pipe: IO[bytes]) -> Iterator[bytes]:
    while block := pipe.read(_BLOCK):
        yield block
