"""
What every reference controller runs on: a work queue, workers, back-off, reflectors to feed it.

Nothing here knows what is reconciled. A reconciler is a callable `key -> seconds until the next
run, or None`; an exception makes it run again after a growing pause. Keys in the queue are unique
and one key is never worked on twice at once, so a reconciler needs no locks of its own.
"""

from __future__ import annotations

import heapq
import logging
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from harness.cluster import errors
from harness.cluster.reflector import Change, Reflector
from harness.kit.clock import Clock, system_clock
from harness.model import objects
from harness.model.objects import Object

log = logging.getLogger(__name__)


class Key(NamedTuple):
    """What a reconciler is called with."""

    namespace: str
    name: str

    @classmethod
    def of(cls, obj: Object) -> Key:
        """The key of an object."""
        return cls(objects.namespace(obj) or "", objects.name(obj))

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}" if self.namespace else self.name


Reconcile = Callable[[Key], float | None]


class Retry(Exception):
    """Not an error worth a stack trace: run again after the back-off."""


class Backoff:
    """The pause after the n-th failure in a row: `first`, doubled each time, at most `most`."""

    def __init__(self, first: float = 0.2, most: float = 15.0) -> None:
        self._first = first
        self._most = most
        self._failures: dict[Key, int] = {}

    def next(self, key: Key) -> float:
        """Count a failure and say how long to wait."""
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        return min(self._first * 2.0 ** min(failures, 32), self._most)

    def forget(self, key: Key) -> None:
        """The key went well."""
        self._failures.pop(key, None)


class Queue:
    """Keys that are due, each once; a key added while it is worked on comes back afterwards."""

    def __init__(self, clock: Clock = system_clock) -> None:
        self._clock = clock
        self._changed = threading.Condition()
        self._due: dict[Key, None] = {}
        self._working: set[Key] = set()
        self._again: set[Key] = set()
        self._later: list[tuple[float, Key]] = []
        self._when: dict[Key, float] = {}
        self._closed = False

    def add(self, key: Key) -> None:
        """Make `key` due now."""
        with self._changed:
            self._when.pop(key, None)
            self._add(key)

    def add_after(self, key: Key, seconds: float) -> None:
        """Make `key` due after a while, or earlier if it already is to be."""
        when = self._clock.monotonic() + seconds
        with self._changed:
            if self._when.get(key, when + 1) <= when:
                return
            self._when[key] = when
            heapq.heappush(self._later, (when, key))
            self._changed.notify()

    def take(self, *, block: bool = True) -> Key | None:
        """The next due key; None once closed, or when nothing is due and `block` is False."""
        with self._changed:
            while not self._closed:
                pause = self._ripen()
                if self._due:
                    key = next(iter(self._due))
                    del self._due[key]
                    self._working.add(key)
                    return key
                if not block:
                    return None
                self._changed.wait(pause)
            return None

    def done(self, key: Key) -> None:
        """`key` has been worked on."""
        with self._changed:
            self._working.discard(key)
            if key in self._again:
                self._again.discard(key)
                self._add(key)

    def close(self) -> None:
        """Let every waiting worker go."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _add(self, key: Key) -> None:
        if key in self._working:
            self._again.add(key)
        else:
            self._due[key] = None
            self._changed.notify()

    def _ripen(self) -> float | None:
        now = self._clock.monotonic()
        while self._later:
            when, key = self._later[0]
            if self._when.get(key) != when:  # superseded by an earlier time or by add()
                heapq.heappop(self._later)
                continue
            if when > now:
                return when - now
            heapq.heappop(self._later)
            del self._when[key]
            self._add(key)
        return None


class Controller:
    """One reconciler with its queue and its workers."""

    def __init__(
        self,
        name: str,
        reconcile: Reconcile,
        *,
        workers: int = 4,
        backoff: Backoff | None = None,
        clock: Clock = system_clock,
    ) -> None:
        self.name = name
        self.queue = Queue(clock)
        self._reconcile = reconcile
        self._backoff = backoff or Backoff()
        self._workers = [
            threading.Thread(target=self._work, name=f"{name}-{n}", daemon=True)
            for n in range(workers)
        ]

    def start(self) -> None:
        """Start the workers."""
        for worker in self._workers:
            worker.start()

    def stop(self) -> None:
        """Finish what is being worked on, then stop."""
        self.queue.close()
        for worker in self._workers:
            if worker.is_alive():
                worker.join(timeout=10.0)

    def step(self) -> bool:
        """Work on one due key in this thread; False if none is due."""
        key = self.queue.take(block=False)
        if key is None:
            return False
        self._handle(key)
        return True

    def _work(self) -> None:
        while (key := self.queue.take()) is not None:
            self._handle(key)

    def _handle(self, key: Key) -> None:
        try:
            again = self._reconcile(key)
        except (Retry, errors.ClusterError) as why:  # neither is a mistake of the reconciler
            pause = self._backoff.next(key)
            log.info("%s %s: %s; again in %.1f s", self.name, key, why, pause)
            self.queue.add_after(key, pause)
        except Exception:
            pause = self._backoff.next(key)
            log.exception("%s %s failed; again in %.1f s", self.name, key, pause)
            self.queue.add_after(key, pause)
        else:
            self._backoff.forget(key)
            if again is not None:
                self.queue.add_after(key, again)
        finally:
            self.queue.done(key)


def feed(queue: Queue, keys: Callable[[Change], Iterable[Key]]) -> Callable[[Change], None]:
    """A listener for a reflector: the keys that a change makes due."""

    def on_change(change: Change) -> None:
        for key in keys(change):
            queue.add(key)

    return on_change


def own_key(change: Change) -> list[Key]:
    """The changed object itself."""
    return [Key.of(change.object)]


def spec_changed(change: Change, *, annotations: Sequence[str] = ()) -> bool:
    """Whether a change is more than a status write."""
    if change.type != "MODIFIED" or change.old is None:
        return True
    old, new = change.old, change.object
    return (
        objects.generation(old) != objects.generation(new)
        or objects.deleting(old) != objects.deleting(new)
        or objects.finalizers(old) != objects.finalizers(new)
        or any(
            objects.annotations(old).get(key) != objects.annotations(new).get(key)
            for key in annotations
        )
    )


class Manager:
    """Starts reflectors and controllers in the right order, and stops them in the reverse one."""

    def __init__(self) -> None:
        self._reflectors: list[Reflector] = []
        self._controllers: list[Controller] = []

    def add(self, *parts: Reflector | Controller) -> None:
        """Take reflectors and controllers."""
        for part in parts:
            if isinstance(part, Reflector):
                self._reflectors.append(part)
            else:
                self._controllers.append(part)

    def start(self) -> None:
        """Start reflectors, wait for their first lists, then start the workers."""
        for reflector in self._reflectors:
            reflector.start()
        for reflector in self._reflectors:
            while not reflector.synced.wait(timeout=10.0):
                log.warning(
                    "still waiting for the first list of %s: %s", reflector.kind, reflector.trouble
                )
        for controller in self._controllers:
            controller.start()

    def stop(self) -> None:
        """Stop everything."""
        for controller in self._controllers:
            controller.stop()
        for reflector in self._reflectors:
            reflector.stop()
