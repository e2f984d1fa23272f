"""How a controller process tells whoever supervises it that it is ready, and that it lives."""

from __future__ import annotations

import contextlib
import threading
from pathlib import Path

_EVERY = 5.0


def clear(ready: Path | None) -> None:
    """Take back what a process before us said, in a container that was started again."""
    if ready:
        ready.unlink(missing_ok=True)


def beat(ready: Path | None, stopping: threading.Event, *, every: float = _EVERY) -> None:
    """Write the file, touch it as long as the process runs, and return when it is to stop."""
    if ready:
        ready.write_text("ready\n")
    while not stopping.wait(every):
        if ready:
            with contextlib.suppress(OSError):  # it goes with the run's directory
                ready.touch()
