"""
The access log: in memory for those who wait, on disk for those who look later.

It stores what it is given; keeping secrets out is the business of `hosting.Visit`, the one writer.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from harness.gitserver.entries import LogEntry


class Journal:
    """An append-only list of entries that can be waited for."""

    def __init__(self, file: Path) -> None:
        self._entries: list[LogEntry] = []
        self._changed = threading.Condition()
        self._closed = False
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._file = os.fdopen(descriptor, "a", encoding="utf-8")

    def add(self, **values: Any) -> LogEntry:
        """Append an entry with the next number and the time of now."""
        with self._changed:
            entry = LogEntry(
                seq=len(self._entries) + 1,
                time=datetime.now(UTC).isoformat(timespec="microseconds"),
                monotonic=time.monotonic(),
                **values,
            )
            self._entries.append(entry)
            if not self._closed:
                self._file.write(json.dumps(entry.to_json()) + "\n")
                self._file.flush()
            self._changed.notify_all()
        return entry

    def read(
        self, *, since: int = 0, repository: str | None = None, wait: float = 0.0
    ) -> tuple[list[LogEntry], int]:
        """
        Give the matching entries after number `since`, and the last number that was looked at.

        With `wait` it returns as soon as there is one, or empty-handed after that many seconds.
        """
        found: list[LogEntry] = []
        seen = max(since, 0)

        def look() -> bool:
            nonlocal seen
            fresh = self._entries[seen:]
            seen += len(fresh)
            found.extend(e for e in fresh if repository is None or e.repository == repository)
            return bool(found) or self._closed

        self._wait(look, wait)
        return found, seen

    def close(self) -> None:
        """Wake all who wait and close the file."""
        with self._changed:
            self._closed = True
            self._file.close()
            self._changed.notify_all()

    def _wait(self, look: Callable[[], bool], seconds: float) -> None:
        with self._changed:
            self._changed.wait_for(look, timeout=max(seconds, 0.0))
