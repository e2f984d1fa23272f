"""
Where archives lie, and the file server on loopback that hands them out, as source-controller does.

An archive's path is `gitrepository/<namespace>/<name>/<commit>.tar.gz`; the one before is kept for
whoever is still downloading it.
"""

from __future__ import annotations

import contextlib
import http.server
import logging
import os
import shutil
import threading
from functools import partial
from pathlib import Path
from typing import Any

from harness.controllers.runtime import Key

log = logging.getLogger(__name__)

_KEPT = 2


class Storage:
    """Archives in a directory, served over HTTP while the storage is started."""

    def __init__(self, directory: Path) -> None:
        self._root = directory / "artifacts"
        self._port_file = directory / "port"
        self._root.mkdir(parents=True, exist_ok=True)
        self._server = self._listen()
        self._thread = threading.Thread(
            target=self._server.serve_forever, name="artifact-server", daemon=True
        )

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def stop(self) -> None:
        """Stop answering."""
        if self._thread.is_alive():
            self._server.shutdown()
        self._server.server_close()

    def path(self, key: Key, commit: str) -> str:
        """The path of an archive, which is unique within the cluster."""
        return f"gitrepository/{key.namespace}/{key.name}/{commit}.tar.gz"

    def url(self, path: str) -> str:
        """The address under which the archive can be had now."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/{path}"

    def has(self, path: str) -> bool:
        """Whether the archive is there."""
        return (self._root / path).is_file()

    def write(self, path: str, archive: bytes) -> None:
        """Keep an archive; a reader sees all of it or nothing."""
        target = self._root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        partial_file = target.with_suffix(".part")
        partial_file.write_bytes(archive)
        partial_file.replace(target)
        self._tidy(target)

    def remove(self, key: Key) -> None:
        """Forget all archives of a source."""
        shutil.rmtree(self._root / "gitrepository" / key.namespace / key.name, ignore_errors=True)

    def _tidy(self, newest: Path) -> None:
        archives = sorted(newest.parent.glob("*.tar.gz"), key=lambda file: file.stat().st_mtime_ns)
        for file in archives[:-_KEPT]:
            if file != newest:
                file.unlink(missing_ok=True)

    def _listen(self) -> http.server.ThreadingHTTPServer:
        # The same port as last time, where it is free: status.artifact.url outlives the process,
        # and that of a suspended source is not written again.
        handler = partial(_Handler, directory=str(self._root))
        last = 0
        with contextlib.suppress(OSError, ValueError):
            last = int(self._port_file.read_text())
        for port in (last, 0):
            with contextlib.suppress(OSError):
                server = http.server.ThreadingHTTPServer(("127.0.0.1", port), handler)
                server.daemon_threads = True
                self._port_file.write_text(str(server.server_address[1]))
                return server
        raise OSError("no free port on 127.0.0.1 for the artifact server")


class _Handler(http.server.SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def list_directory(self, path: str | os.PathLike[str]) -> None:
        """Nothing: only files are offered."""
        del path
        self.send_error(404)

    def log_message(self, format: str, *args: Any) -> None:
        """One debug line per request."""
        log.debug(format, *args)
