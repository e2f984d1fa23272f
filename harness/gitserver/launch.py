"""Starts the Git server as a process; whoever calls it owns the process."""

import json
import secrets
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from harness.gitserver.access import Access, Admin
from harness.gitserver.client import GitServer
from harness.gitserver.config import TRANSPORTS, Config
from harness.kit import process
from harness.kit.process import Process

Start = Callable[[str, Sequence[str | Path]], Process]


class Launched:
    """A server that was started; `await_ready` gives the means to talk to it."""

    def __init__(self, running: Process, ready: Path, token: str, admin: Admin) -> None:
        self.process = running
        self.admin = admin
        self.token = token
        self._ready = ready

    def await_ready(self, *, within: float) -> GitServer:
        """Its control, once it listens."""
        process.await_ready(
            self.process,
            lambda: None if self._ready.exists() else "its listeners are not open yet",
            within=within,
        )
        return GitServer.from_ready(self._ready, self.token)

    @property
    def control_url(self) -> str:
        """Where its control API is; only once it is ready."""
        return str(json.loads(self._ready.read_text(encoding="utf-8"))["control"])


def launch(
    start: Start,
    directory: Path,
    *,
    name: str = "git-server",
    listeners: Sequence[str] = TRANSPORTS,
    repositories: Mapping[str, Access] | None = None,
) -> Launched:
    """A Git server with its data below `directory`, started by `start`."""
    directory.mkdir(parents=True, mode=0o700)
    admin = Admin("operator-" + secrets.token_hex(3), secrets.token_urlsafe(24))
    token = secrets.token_urlsafe(24)
    Config(
        directory=str(directory / "data"),
        token=token,
        admin=admin,
        listeners=tuple(listeners),
        repositories=dict(repositories or {}),
    ).write(directory / "config.json")
    ready = directory / "ready.json"
    command: list[str | Path] = [
        sys.executable,
        "-m",
        "harness.gitserver",
        "--config",
        directory / "config.json",
        "--ready",
        ready,
    ]
    return Launched(start(name, command), ready, token, admin)
