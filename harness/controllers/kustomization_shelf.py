"""
Builds that the controllers of several clusters share: what each of them would make of the same
content is made once on this machine.

A build is a function of its key and of nothing of a cluster. The folder is private to a fleet.
"""

from __future__ import annotations

import fcntl
import json
from collections.abc import Callable
from pathlib import Path

from harness.model.objects import Object


class Shelf:
    """A folder with one file per build."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._directory = directory

    def take(self, key: str, build: Callable[[], list[Object]]) -> list[Object]:
        """What was built for the key; whoever needs it while another builds waits for it."""
        with (self._directory / f"{key}.json").open("a+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.seek(0)
            try:
                found: list[Object] = json.loads(file.read())
            except ValueError:  # nothing yet, or the half of it that somebody wrote who was killed
                found = build()
                file.truncate(0)
                file.write(json.dumps(found).encode())
            return found
