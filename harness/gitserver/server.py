"""The whole server: listeners, repositories and control API put together from a configuration."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from harness.errors import SetupError
from harness.gitserver import store
from harness.gitserver.config import LOOPBACK, Config
from harness.gitserver.control import Api, ControlHandler
from harness.gitserver.endpoints import Endpoints
from harness.gitserver.hosting import Hosting, Visit
from harness.gitserver.journal import Journal
from harness.gitserver.listeners import Acceptor, Listener
from harness.gitserver.programs import Programs
from harness.gitserver.ssh import Address, SshService
from harness.gitserver.tls import Authorities
from harness.gitserver.web import GitHandler

_ELSEWHERE = "git.elsewhere.example.com"


class Server:
    """A running Git server; `stop` leaves nothing behind but its directory."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._advertise = config.advertise or _own_address()
        self.stopped = threading.Event()
        directory = Path(config.directory)
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        environment = store.settle(directory / "home")
        os.environ.update(environment)  # for GitPython, which reads configuration in this process
        self._journal = Journal(directory / "access.jsonl")
        self._hosting = Hosting(directory / "repositories", config.admin, self._journal)
        self._programs = Programs(store.program(), environment)
        self._authorities = Authorities(config.authorities)
        self._acceptor = Acceptor()
        self._ssh = SshService(self._hosting, self._programs)
        for name, access in config.repositories.items():
            self._hosting.adopt(name, access)

    def start(self) -> dict[str, Any]:
        """Open all listeners; give what goes into the ready file."""
        urls: dict[str, str] = {}
        for transport in self._config.listeners:
            if transport.startswith("http"):
                port = self._open_git(transport)
                urls[transport] = f"{transport.partition('-')[0]}://{self._advertise}:{port}"
        for transport, port in self._open_ssh().items():
            urls[transport] = f"ssh://git@{self._advertise}:{port}"
        endpoints = Endpoints(
            urls=urls,
            authorities=self._authorities.pem(),
            known_hosts=self._known_hosts(urls),
            log=self._log(),
        )
        api = Api(self._hosting, endpoints, self.stopped.set)
        handler = partial(ControlHandler, api=api, token=self._config.token)
        control = self._open("control", self._config.control_bind, handler)
        host = LOOPBACK if self._config.control_bind == LOOPBACK else self._advertise
        self._acceptor.start()
        return {
            "pid": os.getpid(),
            "control": f"http://{host}:{control.port}",
            "endpoints": endpoints.to_json(),
        }

    def stop(self) -> None:
        """Close everything and end the Git programs."""
        self._hosting.faults.clear()
        self._acceptor.stop()
        self._ssh.stop()
        self._programs.kill()
        self._journal.close()

    def _log(self) -> str:
        # Of a container whose host name is its own: what `docker cp` takes.
        place = "" if self._config.advertise else f"{socket.gethostname()}:"
        return f"{place}{Path(self._config.directory) / 'access.jsonl'}"

    def _open_git(self, transport: str) -> int:
        handler = partial(
            GitHandler, transport=transport, hosting=self._hosting, programs=self._programs
        )
        tls = self._authorities.context(transport, self._advertise)

        def failed(client: str, reason: str) -> None:
            self._hosting.log(Visit(client, transport), "tls-failed", reason)

        return self._open(
            transport, self._config.bind, handler, tls=tls, on_failed_handshake=failed
        ).port

    def _open(self, name: str, host: str, handler: Callable[..., Any], **options: Any) -> Listener:
        port = self._config.ports.get(name, 0)
        try:
            return self._acceptor.add(Listener((host, port), handler, **options))
        except OSError as error:
            raise SetupError(f"{name}: cannot listen on {host}:{port} ({error.strerror})") from None

    def _open_ssh(self) -> dict[str, int]:
        wanted = [
            Address(transport, self._config.bind, self._config.ports.get(transport, 0))
            for transport in self._config.listeners
            if transport.startswith("ssh")
        ]
        return self._ssh.start(wanted) if wanted else {}

    def _known_hosts(self, urls: dict[str, str]) -> dict[str, str]:
        keys = self._ssh.host_keys
        texts: dict[str, str] = {}
        for transport in keys:
            # The impostor's address is pinned to the genuine key: so it is an impostor.
            texts[transport] = self._known_host(urls[transport], keys.get("ssh", keys[transport]))
        if "ssh" in keys:
            texts["unknown"] = f"{_ELSEWHERE} {keys['ssh']}\n"
            other = keys.get("ssh-wrong-host-key")
            if other:
                texts["mismatch"] = self._known_host(urls["ssh"], other)
        return texts

    def _known_host(self, url: str, key: str) -> str:
        port = url.rpartition(":")[2]
        hosts = dict.fromkeys((LOOPBACK, "localhost", self._advertise))
        names = ",".join(host if port == "22" else f"[{host}]:{port}" for host in hosts)
        return f"{names} {key}\n"


def _own_address() -> str:
    try:
        return socket.gethostbyname(socket.gethostname())
    except OSError as error:
        raise SetupError(
            f"The name of this machine, {socket.gethostname()}, has no address ({error}); "
            "`advertise` must say how clients reach it."
        ) from None
