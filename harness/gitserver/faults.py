"""
Faults that are injected on demand: which there are, and which one a request meets.

How a fault feels on the wire is the transports' business (`web`, `ssh`).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from harness.errors import UsageError

Kind = Literal["refuse", "401", "403", "404", "500", "hang", "slow", "cut", "empty"]
_TRANSFERS = {"fetch", "push"}


@dataclass(frozen=True, slots=True)
class Fault:
    """
    What goes wrong.

    `refuse`: the connection is closed without an answer. `hang`: no answer until the fault is
    cleared or the client leaves. `slow`: the answer comes `seconds` late. `cut`: the connection
    breaks in the middle of a pack (listings are not touched). `empty`: a success without content.
    A number: that HTTP status, or an error message over SSH.

    `user` limits it to one user name, account or key; `times` to so many requests.
    """

    kind: Kind
    user: str | None = None
    seconds: float = 3.0
    times: int | None = None

    def to_json(self) -> dict[str, Any]:
        """Give the wire form."""
        return {
            "kind": self.kind,
            "user": self.user,
            "seconds": self.seconds,
            "times": self.times,
        }

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Fault:
        """Read the wire form; a fault in it is a UsageError that names the field."""
        kind: Any = raw.get("kind")
        if kind not in get_args(Kind):
            raise UsageError(f"fault.kind: {kind!r} is none of {', '.join(get_args(Kind))}")
        times = raw.get("times")
        return cls(kind, raw.get("user"), float(raw.get("seconds", 3.0)), times)


@dataclass(slots=True)
class Active:
    """A fault in force; those who suffer it are told when it is cleared."""

    fault: Fault
    left: int | None
    cleared: bool = False
    _waiting: list[Callable[[], None]] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def on_clear(self, wake: Callable[[], None]) -> None:
        """Call `wake` when the fault is cleared, at once if it is already."""
        with self._lock:
            if not self.cleared:
                self._waiting.append(wake)
                return
        wake()

    def forget(self, wake: Callable[[], None]) -> None:
        """Do not call `wake` any more; when this returns, it is not running either."""
        with self._lock:
            if wake in self._waiting:
                self._waiting.remove(wake)

    def clear(self) -> None:
        """End the fault and wake all who suffer it."""
        with self._lock:
            self.cleared = True
            for wake in self._waiting:
                wake()
            self._waiting.clear()


class Faults:
    """The faults in force, by repository and user."""

    def __init__(self) -> None:
        self._active: dict[tuple[str, str | None], Active] = {}
        self._lock = threading.Lock()

    def set(self, repository: str, fault: Fault) -> None:
        """Put a fault in force; it takes the place of one with the same repository and user."""
        with self._lock:
            old = self._active.pop((repository, fault.user), None)
            self._active[repository, fault.user] = Active(fault, fault.times)
        if old:
            old.clear()

    def clear(self, repository: str | None = None, user: str | None = None) -> int:
        """End the faults of a repository (of one user, if named), or all; tell how many."""
        with self._lock:
            ended = [
                key
                for key in self._active
                if (repository is None or key[0] == repository) and (user is None or key[1] == user)
            ]
            gone = [self._active.pop(key) for key in ended]
        for active in gone:
            active.clear()
        return len(gone)

    def take(self, repository: str, names: Collection[str], operation: str) -> Active | None:
        """Give the fault that this request meets, one of its user before one of all."""
        with self._lock:
            for user in (*sorted(names), None):
                active = self._active.get((repository, user))
                if active is None or active.left == 0:
                    continue
                if active.fault.kind == "cut" and operation not in _TRANSFERS:
                    continue
                if active.left is not None:
                    active.left -= 1
                return active
        return None
