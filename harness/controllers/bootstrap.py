"""
The one writer of the bootstrap repository: takes changes from everybody, commits them in batches.

`publish` returns when the server has the change, or raises BootstrapError; what is in a file is
the business of whoever publishes it.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path

from harness.controllers import bootstrap_layout as layout
from harness.controllers.bootstrap_clone import Behind, BootstrapError, Clone, Remote

__all__ = ["Bootstrap", "BootstrapError", "Outcome"]

log = logging.getLogger(__name__)

_ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class Outcome:
    """Where a change is: in which commit, and whether it took a new one."""

    commit: str
    changed: bool


@dataclass(frozen=True, slots=True)
class _Request:
    changes: Mapping[str, str | None]
    directories: tuple[str, ...]
    why: str
    done: Future[Outcome] = field(default_factory=Future)


class Bootstrap:
    """The writer's thread and its clone; what cannot be read or written is a BootstrapError."""

    def __init__(
        self, remote: Remote, directory: Path, *, on_push: Callable[[set[layout.Place]], None]
    ) -> None:
        self._clone = Clone(remote, directory)
        self._on_push = on_push
        self._pending: list[_Request] = []
        self._changed = threading.Condition()
        self._closed = False
        self._known = False  # what the server has was read once
        self._stale = True  # ... and has to be read again before the next commit
        self._thread = threading.Thread(target=self._run, name="bootstrap", daemon=True)

    def start(self) -> None:
        """Start writing."""
        self._thread.start()

    def stop(self) -> None:
        """Finish what is pending, then stop."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        if self._thread.is_alive():
            self._thread.join(timeout=10.0)

    def publish(
        self, changes: Mapping[str, str | None], *, why: str, directories: tuple[str, ...] = ()
    ) -> Outcome:
        """Have `changes` (None removes a file) made and whole `directories` removed."""
        if not self._closed and self._in_place(changes, directories):
            return Outcome(self._clone.head, False)
        request = _Request(dict(changes), directories, why)
        with self._changed:
            if self._closed:
                raise BootstrapError("the controller is stopping")
            self._pending.append(request)
            self._changed.notify()
        return request.done.result()

    def text(self, path: str) -> str | None:
        """What a file holds on the server."""
        self._load()
        return self._clone.files.get(path)

    def holders(self, namespace: str, source: str) -> frozenset[str]:
        """The clusters for which there is a file of this source."""
        return frozenset(
            cluster
            for cluster in self.clusters(namespace)
            if layout.manifest(cluster, namespace, source) in self._clone.files
        )

    def has_sources(self, cluster: str, namespace: str) -> bool:
        """Whether a cluster has a file of any source of this namespace."""
        self._load()
        place, keep = layout.Place(cluster, namespace), layout.keep(cluster, namespace)
        return any(
            path != keep and layout.place_of(path) == place for path in list(self._clone.files)
        )

    def clusters(self, namespace: str) -> frozenset[str]:
        """The clusters that have a directory for this namespace."""
        self._load()
        return frozenset(
            place.cluster
            for place in layout.places(self._clone.files)
            if place.namespace == namespace
        )

    def places(self, cluster: str) -> frozenset[layout.Place]:
        """The directories of a cluster."""
        if not self._known:  # who writes first reads first
            return frozenset()
        return frozenset(
            place for place in layout.places(self._clone.files) if place.cluster == cluster
        )

    def position(self, commit: str) -> int | None:
        """How many commits came before this one; None for an unknown commit."""
        try:
            return self._clone.commits.index(commit)
        except ValueError:
            return None

    def _load(self) -> None:
        if not self._known:
            self.publish({}, why="read")

    def _in_place(self, changes: Mapping[str, str | None], directories: tuple[str, ...]) -> bool:
        # Without a lock this is right enough: whatever is pending was asked for by another key.
        return self._known and not effective(self._clone.files, changes, directories)

    def _run(self) -> None:
        while batch := self._take():
            try:
                outcome = self._write(batch)
            except BootstrapError as error:
                log.warning("the bootstrap repository could not be written: %s", error)
                for request in batch:
                    request.done.set_exception(BootstrapError(str(error)))
            except Exception as error:
                log.exception("the bootstrap writer failed")
                for request in batch:
                    request.done.set_exception(BootstrapError(f"internal error: {error}"))
            else:
                for request in batch:
                    request.done.set_result(outcome)

    def _take(self) -> list[_Request]:
        with self._changed:
            while not self._pending and not self._closed:
                self._changed.wait()
            batch, self._pending = self._pending, []
            return batch

    def _write(self, batch: list[_Request]) -> Outcome:
        for attempt in range(_ATTEMPTS):
            if self._stale:
                self._clone.fetch()
                self._known, self._stale = True, False
            changes = combined(self._clone.files, batch)
            if not changes:
                return Outcome(self._clone.head, False)
            try:
                pointers = branches(self._clone.files, changes)
                commit = self._clone.commit(changes, _message(batch), pointers)
            except BootstrapError as error:
                # A push whose answer was lost may have arrived: look before the next one.
                self._stale = True
                if not isinstance(error, Behind) or attempt == _ATTEMPTS - 1:
                    raise
                continue
            log.info("pushed %s: %d files, %s", commit[:10], len(changes), _message(batch))
            touched = layout.places(changes)
            self._on_push({each for each in touched if pointers[layout.branch(each.namespace)]})
            return Outcome(commit, True)
        raise BootstrapError("others keep pushing to it")


def effective(
    files: Mapping[str, str], changes: Mapping[str, str | None], directories: tuple[str, ...] = ()
) -> dict[str, str | None]:
    """Those of `changes` that make a difference, and the removals that `directories` stand for."""
    prefixes = tuple(f"{directory}/" for directory in directories)
    removed: dict[str, str | None] = {}
    if prefixes:
        gone = [path for path in list(files) if path.startswith(prefixes)]
        removed = dict.fromkeys(path for path in gone if path not in changes)
    return removed | {
        path: content for path, content in changes.items() if files.get(path) != content
    }


def combined(files: Mapping[str, str], batch: list[_Request]) -> dict[str, str | None]:
    """What a batch changes, later requests winning."""
    after: dict[str, str] = dict(files)
    for request in batch:
        for path, content in effective(after, request.changes, request.directories).items():
            if content is None:
                after.pop(path, None)
            else:
                after[path] = content
    changes: dict[str, str | None] = {
        path: content for path, content in after.items() if files.get(path) != content
    }
    return changes | dict.fromkeys(files.keys() - after.keys())


def branches(files: Mapping[str, str], changes: Mapping[str, str | None]) -> dict[str, bool]:
    """The branches of the namespaces that `changes` concern, and whether anything is left there."""
    touched = {place.namespace for place in layout.places(changes)}
    after = [path for path in files if path not in changes]
    after += [path for path, content in changes.items() if content is not None]
    left = {place.namespace for place in layout.places(after)}
    return {layout.branch(namespace): namespace in left for namespace in touched}


def _message(batch: list[_Request]) -> str:
    reasons = sorted({request.why for request in batch})
    return "; ".join(reasons[:5]) + (f" and {len(reasons) - 5} more" if len(reasons) > 5 else "")
