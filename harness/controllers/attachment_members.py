"""
The attached clusters as the other controllers see them: connection, labels, readiness, live copies.

Who is a member and whether it is ready is decided in `attachment`; here it is kept and told.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TypeVar

from harness.cluster import errors
from harness.cluster.client import Cluster
from harness.cluster.reflector import Change, Reflector
from harness.controllers import management_objects as kinds
from harness.controllers.attachment_flux import follower_of
from harness.kit.clock import Clock, system_clock
from harness.model.objects import Object

log = logging.getLogger(__name__)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Member:
    """One attached cluster."""

    name: str
    cluster: Cluster
    labels: Mapping[str, str] = field(default_factory=dict)
    ready: bool = False
    copies: Mapping[str, Reflector] = field(default_factory=dict)

    def find(self, kind: str, namespace: str | None, name: str) -> Object | None:
        """What is known of an object of a watched kind."""
        return self.copies[kind].get(namespace, name)

    def synced(self) -> bool:
        """Whether every watched kind has been listed."""
        return all(copy.synced.is_set() for copy in self.copies.values())


@dataclass(frozen=True, slots=True)
class _Watched:
    api_version: str
    kind: str
    labels: str | None
    listeners: list[kinds.Listener] = field(default_factory=list)

    def tell(self, change: Change) -> None:
        for listener in self.listeners:
            listener(change)


class Members:
    """All attached clusters; safe to use from every controller."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._members: dict[str, Member] = {}
        self._watched: dict[str, _Watched] = {}
        self._on_change: list[Callable[[str], None]] = []
        self._on_suspect: list[Callable[[str], None]] = []
        self._pool = ThreadPoolExecutor(max_workers=32, thread_name_prefix="member")

    # -- before the start ------------------------------------------------------------------

    def watch(
        self, api_version: str, kind: str, listener: kinds.Listener, *, labels: str | None = None
    ) -> None:
        """Have a live copy of a kind on each member, and tell `listener` its changes."""
        watched = self._watched.setdefault(kind, _Watched(api_version, kind, labels))
        watched.listeners.append(listener)

    def on_change(self, listener: Callable[[str], None]) -> None:
        """Tell `listener` the name of each member that comes, goes or changes."""
        self._on_change.append(listener)

    def on_suspect(self, listener: Callable[[str], None]) -> None:
        """Tell `listener` the name of each member that did not answer."""
        self._on_suspect.append(listener)

    # -- reading ---------------------------------------------------------------------------

    def get(self, name: str) -> Member | None:
        """One member."""
        return self._members.get(name)

    def all(self) -> dict[str, Member]:
        """
        All members by name.

        Whoever decides by what is a member and by what is not takes this once: a cluster that
        comes in between would look like one that is to be left.
        """
        with self._lock:
            return dict(self._members)

    # -- effects ---------------------------------------------------------------------------

    def each(self, names: Iterable[str], function: Callable[[str], T]) -> dict[str, T]:
        """`function` for each name, all at once, so that a slow cluster delays only itself."""
        wanted = sorted(names)
        if len(wanted) < 2:
            return {name: function(name) for name in wanted}
        return dict(zip(wanted, self._pool.map(function, wanted), strict=True))

    def suspect(self, name: str) -> None:
        """Somebody had no answer from this member: have its health looked at."""
        for listener in self._on_suspect:
            listener(name)

    # -- writing: for `attachment` ---------------------------------------------------------

    def attach(self, name: str, cluster: Cluster, labels: Mapping[str, str]) -> Member:
        """Begin to follow a cluster; it is not ready yet."""
        self.detach(name)
        copies = {
            kind: Reflector(
                cluster, watched.api_version, kind, labels=watched.labels, on_change=watched.tell
            )
            for kind, watched in self._watched.items()
        }
        member = Member(name, cluster, labels=dict(labels), copies=copies)
        with self._lock:
            self._members[name] = member
        for copy in copies.values():
            copy.start()
        self._tell(name)
        return member

    def update(self, name: str, *, ready: bool, labels: Mapping[str, str] | None = None) -> None:
        """Take over what is known of a member now; its labels stay if there is no word of them."""
        with self._lock:
            old = self._members.get(name)
            if old is None:
                return
            new = replace(old, labels=dict(old.labels if labels is None else labels), ready=ready)
            self._members[name] = new
        if new != old:
            log.info("cluster %s is %s", name, "ready" if ready else "not ready")
            self._tell(name)

    def detach(self, name: str) -> None:
        """Forget a member; nothing on its cluster is touched."""
        with self._lock:
            member = self._members.pop(name, None)
        if member is not None:
            for copy in member.copies.values():
                copy.stop()
            member.cluster.close()
            self._tell(name)

    def stop(self) -> None:
        """End all watches."""
        for member in self.all().values():
            for copy in member.copies.values():
                copy.stop()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _tell(self, name: str) -> None:
        for listener in self._on_change:
            listener(name)


def labels(members: Mapping[str, Member]) -> dict[str, Mapping[str, str]]:
    """What placement looks at: the labels of each member."""
    return {name: member.labels for name, member in members.items()}


def poke(member: Member, namespace: str, clock: Clock = system_clock) -> None:
    """Have a cluster look at a project's branch now, as a webhook receiver would."""
    when = clock.now().isoformat()
    try:
        member.cluster.patch(
            follower_of(namespace),
            {"metadata": {"annotations": {kinds.REQUESTED_AT: when}}},
            field_manager=kinds.MANAGER,
        )
    except errors.ClusterError as error:  # the interval will do
        log.debug("%s could not be told of a push: %s", member.name, error)
