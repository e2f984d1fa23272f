"""A process says that it is ready, and then that it lives."""

import os
import threading

from harness.controllers import heartbeat


class Stopping(threading.Event):
    """Set after so many waits; meanwhile somebody may look."""

    def __init__(self, beats: int, look) -> None:
        super().__init__()
        self._left = beats
        self._look = look

    def wait(self, timeout: float | None = None) -> bool:
        self._look()
        self._left -= 1
        return self._left < 0


def test_the_file_is_written_then_touched(tmp_path):
    ready = tmp_path / "ready"
    seen: list[float] = []

    def look() -> None:
        seen.append(ready.stat().st_mtime)
        os.utime(ready, (1, 1))  # as if it were long ago

    heartbeat.beat(ready, Stopping(2, look))

    assert len(seen) == 3
    assert all(moment > 1 for moment in seen), "each beat is seen"


def test_a_folder_that_goes_ends_nothing(tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()

    def look() -> None:
        (folder / "ready").unlink(missing_ok=True)
        if folder.exists():
            folder.rmdir()

    heartbeat.beat(folder / "ready", Stopping(1, look))

    assert not folder.exists()


def test_what_a_process_before_said_is_taken_back(tmp_path):
    ready = tmp_path / "ready"
    ready.write_text("ready\n")

    heartbeat.clear(ready)
    heartbeat.clear(ready)
    heartbeat.clear(None)

    assert not ready.exists()
