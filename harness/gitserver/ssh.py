"""
Git over SSH: asyncssh in a thread with a loop of its own; the only asyncio in the project.

A key is accepted if it opens any repository; whether it opens this one is decided when Git is
started, as the big hosts do it.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import asyncssh

from harness.errors import SetupError
from harness.gitserver import wire
from harness.gitserver.faults import Active
from harness.gitserver.hosting import Hosted, Hosting, Visit
from harness.gitserver.programs import Programs

log = logging.getLogger(__name__)

_BLOCK = 64 * 1024
# Curves that the cryptography library computes natively; the post-quantum ones cost far more.
_KEY_EXCHANGE = ("curve25519-sha256", "curve25519-sha256@libssh.org", "ecdh-sha2-nistp256")
_SAYS = {
    "no-repository": "Repository not found.",
    "404": "Repository not found.",
    "401": "This key is not known here.",
    "403": "This key may not do that.",
    "500": "The server cannot answer now.",
    "400": "Only git-upload-pack and git-receive-pack are served.",
}


@dataclass(frozen=True, slots=True)
class Address:
    """An SSH listener."""

    transport: str
    host: str
    port: int


class SshService:
    """The SSH listeners; starts and stops as one."""

    def __init__(self, hosting: Hosting, programs: Programs) -> None:
        self._hosting = hosting
        self._programs = programs
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="ssh", daemon=True)
        self._acceptors: list[asyncssh.SSHAcceptor] = []
        self._public: dict[str, str] = {}

    def start(self, addresses: list[Address]) -> dict[str, int]:
        """Listen on all addresses; give the port of each transport."""
        self._thread.start()
        return {address.transport: self._await(self._listen(address)) for address in addresses}

    @property
    def host_keys(self) -> Mapping[str, str]:
        """The public host key of each transport."""
        return self._public

    def stop(self) -> None:
        """Close the listeners and end all sessions."""
        if not self._thread.is_alive():
            return
        with suppress(TimeoutError):
            self._await(self._close(), seconds=3)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(3)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()

    def _await(self, work: Any, seconds: float = 15) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(seconds)

    async def _listen(self, address: Address) -> int:
        key = asyncssh.generate_private_key("ssh-ed25519")
        self._public[address.transport] = key.export_public_key().decode().strip()
        try:
            acceptor = await asyncssh.create_server(
                lambda: _Connection(self._hosting, address.transport),
                address.host,
                address.port,
                server_host_keys=[key],
                process_factory=self._session,
                encoding=None,
                kex_algs=_KEY_EXCHANGE,
                compression_algs=None,
                login_timeout=60,
                allow_pty=False,
                line_editor=False,
                agent_forwarding=False,
                x11_forwarding=False,
                gss_host=None,
                backlog=128,
            )
        except OSError as error:
            raise SetupError(
                f"{address.transport}: cannot listen on {address.host}:{address.port} ({error})"
            ) from None
        self._acceptors.append(acceptor)
        return acceptor.get_port()

    async def _close(self) -> None:
        for acceptor in self._acceptors:
            acceptor.close()
        mine = asyncio.current_task()
        others = [task for task in asyncio.all_tasks() if task is not mine]
        for task in others:
            task.cancel()
        if others:
            _, left = await asyncio.wait(others, timeout=1)
            for task in left:
                log.warning("a session did not end in time: %s", task.get_name())

    async def _session(self, process: asyncssh.SSHServerProcess[bytes]) -> None:
        connection: _Connection = process.get_extra_info("gitserver")
        visit = connection.visit()
        try:
            status = await self._serve(process, visit)
        except (asyncssh.Error, OSError) as error:
            if not visit.logged:
                self._hosting.log(visit, "aborted", type(error).__name__)
            status = 1
        if not process.is_closing():
            process.exit(status)

    async def _serve(self, process: asyncssh.SSHServerProcess[bytes], visit: Visit) -> int:
        target = wire.ssh_target(process.command)
        if target is None:
            return self._refuse(process, visit, "400")
        visit.repository, visit.service = target.repository, target.service
        visit.operation = "push" if visit.push else "fetch"
        asked = wire.protocol_version(dict(process.env).get("GIT_PROTOCOL"))
        visit.protocol = min(asked, 1) if visit.push else asked
        active = self._hosting.fault(visit)
        cut = active is not None and active.fault.kind == "cut"
        if active and not cut:
            status = await self._suffer(process, active, visit)
            if status is not None:
                return status
        hosted = self._hosting.find(visit.repository)
        if hosted is None:
            return self._refuse(process, visit, "no-repository")
        ruling = self._hosting.rule(visit, hosted)
        if ruling.outcome != "ok":
            return self._refuse(process, visit, ruling.outcome)
        return await self._run_git(process, visit, hosted, cut=cut)

    def _refuse(self, process: asyncssh.SSHServerProcess[bytes], visit: Visit, outcome: str) -> int:
        self._hosting.log(visit, outcome)
        return _complain(process, outcome)

    async def _suffer(
        self, process: asyncssh.SSHServerProcess[bytes], active: Active, visit: Visit
    ) -> int | None:
        """Do what the fault says; give the exit status, or None if the session goes on."""
        kind = active.fault.kind
        self._hosting.log(visit, f"fault:{kind}")
        if kind in ("hang", "slow"):
            patience = active.fault.seconds if kind == "slow" else None
            if await _linger(process, active, patience):
                return None
            self._hosting.log(visit, "aborted", f"left during fault:{kind}")
        elif kind in _SAYS:
            return _complain(process, kind)
        elif kind == "empty":
            return 0
        _abort(process)
        return 1

    async def _run_git(
        self,
        process: asyncssh.SSHServerProcess[bytes],
        visit: Visit,
        hosted: Hosted,
        *,
        cut: bool,
    ) -> int:
        assert visit.service
        git = await asyncio.create_subprocess_exec(
            *self._programs.command(visit.service, hosted.path),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=self._programs.environment(visit.protocol),
            close_fds=False,
        )
        self._programs.adopt(git.pid)
        pumps = _Pumps(process, git, visit, cut=cut)
        try:
            status = await pumps.run()
        finally:
            if git.returncode is None:
                with suppress(ProcessLookupError):
                    # Not `git.kill()`: it polls first, and takes the exit status from the loop.
                    os.kill(git.pid, signal.SIGKILL)
                await git.wait()
            self._programs.release(git.pid)
        if not visit.push and not visit.wants:
            visit.operation = "ls-refs"
        outcome = "fault:cut" if pumps.was_cut else "git-failed" if status else "ok"
        self._hosting.log(visit, outcome, f"{status}" if status else "")
        if pumps.was_cut:
            _abort(process)
        return status


class _Pumps:
    """
    Carries the three streams between client and Git.

    By hand: `process.redirect` of asyncssh lost the end of large pushes (style.md 4.4).
    """

    def __init__(
        self,
        process: asyncssh.SSHServerProcess[bytes],
        git: asyncio.subprocess.Process,
        visit: Visit,
        *,
        cut: bool,
    ) -> None:
        self._process = process
        self._git = git
        self._visit = visit
        self._cut = cut
        self.was_cut = False

    async def run(self) -> int:
        """Pump until Git is done or the connection is to be cut; give Git's exit status."""
        assert self._git.stdout
        assert self._git.stderr
        inbound = asyncio.create_task(self._inbound())
        outbound = asyncio.gather(
            self._outbound(self._git.stdout, self._process.stdout, cut=self._cut),
            self._outbound(self._git.stderr, self._process.stderr, cut=False),
        )
        try:
            both: set[asyncio.Future[Any]] = {inbound, outbound}
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            if not self.was_cut:
                await outbound
        finally:
            inbound.cancel()
            outbound.cancel()
            await asyncio.gather(inbound, outbound, return_exceptions=True)
        return 1 if self.was_cut else await self._git.wait()

    async def _inbound(self) -> None:
        assert self._git.stdin
        tail = b""
        with suppress(ConnectionError):  # Git had enough: its exit status says why
            while data := await self._process.stdin.read(_BLOCK):
                if not self._visit.push:
                    # A want may lie across two blocks.
                    self._visit.wants = _merge(self._visit.wants, wire.wants(tail + data))
                    tail = data[-64:]
                elif self._cut and b"PACK" in data:
                    self.was_cut = True
                    return
                self._git.stdin.write(data)
                await self._git.stdin.drain()
        self._git.stdin.close()

    async def _outbound(
        self, source: asyncio.StreamReader, sink: asyncssh.SSHWriter[bytes], *, cut: bool
    ) -> None:
        while data := await source.read(_BLOCK):
            start = data.find(b"PACK") if cut and self._visit.wants else -1
            if start >= 0:
                data = data[: start + max((len(data) - start) // 2, 4)]
                self.was_cut = True
            sink.write(data)
            await sink.drain()
            if self.was_cut:
                return


class _Connection(asyncssh.SSHServer):
    """Authentication of one connection, by public key only."""

    def __init__(self, hosting: Hosting, transport: str) -> None:
        self._hosting = hosting
        self._transport = transport
        self._client = "?"
        self._user: str | None = None
        self._agent = ""
        self._refused: set[str] = set()
        self._fingerprint: str | None = None
        self._proved = False

    def visit(self) -> Visit:
        """Begin a request of this connection."""
        return Visit(
            client=self._client,
            transport=self._transport,
            user=self._user,
            fingerprint=self._fingerprint,
            agent=self._agent,
        )

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        """Note who calls."""
        peer = conn.get_extra_info("peername") or ("?", 0)
        self._client = f"{peer[0]}:{peer[1]}"
        conn.set_extra_info(gitserver=self)
        self._conn = conn

    def begin_auth(self, username: str) -> bool:
        """Say that authentication is needed."""
        self._user = username
        self._agent = str(self._conn.get_extra_info("client_version") or "")[:120]
        return True

    def public_key_auth_supported(self) -> bool:
        """Say that keys are taken; nothing else is."""
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        """Accept a key that opens any repository; log one that opens none."""
        fingerprint = key.get_fingerprint()
        if self._hosting.knows_key(fingerprint):
            self._fingerprint = fingerprint
            return True
        if fingerprint not in self._refused:
            self._refused.add(fingerprint)
            visit = self.visit()
            visit.user, visit.fingerprint = username, fingerprint
            self._hosting.log(visit, "ssh-auth-failed")
        return False

    def auth_completed(self) -> None:
        """Note that the client has proved its key."""
        self._proved = True

    def connection_lost(self, exc: Exception | None) -> None:
        """Log a client that left before it proved a key."""
        if not self._proved and not self._refused:
            self._hosting.log(self.visit(), "ssh-disconnected", type(exc).__name__ if exc else "")


async def _linger(
    process: asyncssh.SSHServerProcess[bytes], active: Active, seconds: float | None
) -> bool:
    """Wait until the fault is cleared or the time is over; False if the client left first."""
    loop = asyncio.get_running_loop()
    cleared = asyncio.Event()

    def wake() -> None:
        with suppress(RuntimeError):  # the loop is closed already
            loop.call_soon_threadsafe(cleared.set)

    active.on_clear(wake)
    left = asyncio.create_task(process.wait_closed())
    woken = asyncio.create_task(cleared.wait())
    try:
        await asyncio.wait({left, woken}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        return not left.done()
    finally:
        active.forget(wake)
        left.cancel()
        woken.cancel()


def _complain(process: asyncssh.SSHServerProcess[bytes], outcome: str) -> int:
    process.stderr.write(f"ERROR: {_SAYS[outcome]}\n".encode())
    return 1


def _abort(process: asyncssh.SSHServerProcess[bytes]) -> None:
    process.get_extra_info("connection").abort()


def _merge(first: tuple[str, ...], more: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(first + more))
