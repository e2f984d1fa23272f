"""
Starts the Git server as a process; whoever calls it owns the process.

Where else a server can run (`harness.containers.git`), the same `Launched` comes out.
"""

import json
import secrets
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from harness.gitserver.access import Access, Admin
from harness.gitserver.client import GitServer
from harness.gitserver.config import TRANSPORTS, Config
from harness.kit import process
from harness.kit.process import Process

Start = Callable[[str, Sequence[str | Path]], Process]


class Launched:
    """
    A server that was started; `await_ready` gives the means to talk to it.

    `running` ends when the server does, and has its output. `locate` gives the URL of the control
    API as soon as all is listening, and None before.
    """

    def __init__(
        self, running: Process, settings: Config, locate: Callable[[], str | None]
    ) -> None:
        self.process = running
        self.admin = settings.admin
        self.token = settings.token
        self._locate = locate

    def await_ready(self, *, within: float) -> GitServer:
        """Its control, once it listens."""
        process.await_ready(
            self.process,
            lambda: None if self._locate() else "its listeners are not open yet",
            within=within,
        )
        return GitServer(self.control_url, self.token)

    @property
    def control_url(self) -> str:
        """Where its control API is; only once it is ready."""
        return self._locate() or ""


class Launcher(Protocol):
    """A place for Git servers: this machine, or a container."""

    def __call__(
        self,
        name: str,
        *,
        listeners: Sequence[str] = TRANSPORTS,
        repositories: Mapping[str, Access] | None = None,
    ) -> Launched:
        """A server of that name, started."""
        ...


@dataclass(frozen=True, slots=True)
class OnHost:
    """Servers that are processes of this machine, with their data below `root`."""

    start: Start
    root: Path

    def __call__(
        self,
        name: str,
        *,
        listeners: Sequence[str] = TRANSPORTS,
        repositories: Mapping[str, Access] | None = None,
    ) -> Launched:
        """A server of that name, started."""
        return launch(
            self.start,
            self.root / name,
            name=name,
            listeners=listeners,
            repositories=repositories,
        )


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
    settings = fresh(directory / "data", listeners=listeners, repositories=repositories)
    settings.write(directory / "config.json")
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

    def locate() -> str | None:
        if not ready.exists():
            return None
        return str(json.loads(ready.read_text(encoding="utf-8"))["control"])

    return Launched(start(name, command), settings, locate)


def fresh(
    directory: Path,
    *,
    listeners: Sequence[str] = TRANSPORTS,
    repositories: Mapping[str, Access] | None = None,
    **where: Any,
) -> Config:
    """A configuration with secrets of its own; `where` says what it binds and advertises."""
    return Config(
        directory=str(directory),
        token=secrets.token_urlsafe(24),
        admin=Admin("operator-" + secrets.token_hex(3), secrets.token_urlsafe(24)),
        listeners=tuple(listeners),
        repositories=dict(repositories or {}),
        **where,
    )
