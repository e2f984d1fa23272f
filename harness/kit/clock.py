"""
Time as something that is handed in: the machine's clock, or one that a test moves by hand.

Whoever waits, stamps or sleeps takes a `Clock`, so that tests (and the simulation to come)
run without the passing of real time. How long to wait is not said here: see `wait`.
"""

import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """What this project knows about time."""

    def monotonic(self) -> float:
        """Seconds on a scale that never goes back; only differences mean something."""
        ...

    def now(self) -> datetime:
        """The time of day, in UTC."""
        ...

    def sleep(self, seconds: float) -> None:
        """Let that much time pass."""
        ...


class SystemClock:
    """The clock of the machine."""

    def monotonic(self) -> float:
        """Seconds on a scale that never goes back."""
        return time.monotonic()

    def now(self) -> datetime:
        """The time of day, in UTC."""
        return datetime.now(UTC)

    def sleep(self, seconds: float) -> None:
        """Let that much real time pass."""
        time.sleep(seconds)


class ManualClock:
    """A clock that stands still until somebody advances it; sleeping advances it at once."""

    def __init__(self, start: datetime = datetime(2026, 1, 1, tzinfo=UTC)) -> None:
        self._start = start
        self._elapsed = 0.0
        self._lock = threading.Lock()

    def monotonic(self) -> float:
        """Seconds by which this clock was advanced."""
        with self._lock:
            return self._elapsed

    def now(self) -> datetime:
        """The start plus what it was advanced by."""
        return self._start + timedelta(seconds=self.monotonic())

    def sleep(self, seconds: float) -> None:
        """Advance, without any waiting."""
        self.advance(seconds)

    def advance(self, seconds: float) -> None:
        """Move the clock forward."""
        if seconds < 0:
            raise ValueError("time does not go back")
        with self._lock:
            self._elapsed += seconds


SYSTEM: Clock = SystemClock()

system_clock: Clock = SYSTEM
"""The name other packages use."""
