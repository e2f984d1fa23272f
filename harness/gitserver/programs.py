"""The genuine Git programs that answer clients: started cheaply, and none left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from harness.gitserver.wire import Service


class Programs:
    """Starts `git upload-pack` and `git receive-pack`."""

    def __init__(self, git: str, environment: Mapping[str, str]) -> None:
        self._git = git
        self._environment = dict(environment)
        self._children: set[int] = set()
        self._lock = threading.Lock()

    def command(self, service: Service, path: Path, *options: str) -> list[str]:
        """Give the command line that serves a repository."""
        return [self._git, service, *options, str(path)]

    def environment(self, version: int) -> dict[str, str]:
        """Give the environment of a program that is to speak this protocol version."""
        return self._environment | ({"GIT_PROTOCOL": f"version={version}"} if version else {})

    @contextmanager
    def running(
        self, service: Service, path: Path, *options: str, version: int = 0
    ) -> Iterator[subprocess.Popen[bytes]]:
        """Run a program until the block ends."""
        # With close_fds=False Python spawns without a fork; its own descriptors are not inheritable
        # anyway (PEP 446).
        child = subprocess.Popen(
            self.command(service, path, *options),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=self.environment(version),
            close_fds=False,
        )
        self.adopt(child.pid)
        try:
            yield child
        finally:
            for pipe in (child.stdin, child.stdout):
                if pipe:
                    with suppress(OSError):
                        pipe.close()
            if child.poll() is None:
                try:
                    child.wait(1)
                except subprocess.TimeoutExpired:
                    child.kill()
                    child.wait()
            self.release(child.pid)

    def adopt(self, pid: int) -> None:
        """Remember a child, so that it does not outlive us."""
        with self._lock:
            self._children.add(pid)

    def release(self, pid: int) -> None:
        """Forget a child that has been waited for."""
        with self._lock:
            self._children.discard(pid)

    def kill(self) -> None:
        """Kill the children that are left."""
        with self._lock:
            for pid in self._children:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
