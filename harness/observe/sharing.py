"""
One process watches a fleet, and tells all the others each change.

Half a dozen workers with watches of their own have every API server say everything half a dozen
times, which disturbs what is judged. What a worker gets here it would get from a watch: each
object as it is at first, then each change, in the order of its kind. Objects travel as JSON and
are parsed only where somebody looks at them.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import secrets
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from multiprocessing import AuthenticationError
from multiprocessing.connection import Client, Connection, Listener
from socket import SHUT_RDWR, socket
from typing import NamedTuple

from harness.cluster import reflector
from harness.cluster.client import Cluster
from harness.cluster.reflector import Change, ChangeType, Key, Reflector
from harness.errors import SetupError
from harness.kit import ports
from harness.model.objects import Object
from harness.observe import copies
from harness.observe.copies import Copy, KindName, News, OnNews

_TOGETHER = 0.02
"""Seconds within which changes travel together: waking a process costs more than a change."""
_PATIENCE = 5.0
"""Seconds that a thread of ours may take to end."""
_ENDED = "the process that watches the fleet for all others has ended"

Place = tuple[str, KindName]
"""A kind on a cluster."""


class _Told(NamedTuple):
    """A change of an object."""

    place: Place
    type: ChangeType
    key: Key
    body: bytes


class _Stands(NamedTuple):
    """A list is in, or there is trouble with a kind."""

    place: Place
    trouble: str | None


_Message = _Told | _Stands
_Queue = queue.SimpleQueue[_Message | None]
"""What a subscriber has not been told yet; None is the end."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where on this machine the changes are told, and the key to them."""

    port: int
    key: str = field(repr=False)


class Broadcaster:
    """Watches a fleet and tells everybody who subscribes; ends with `close`."""

    def __init__(
        self, clusters: Mapping[str, Cluster], kinds: Mapping[str, Sequence[KindName]]
    ) -> None:
        self._lock = threading.Lock()
        self._objects: dict[tuple[Place, Key], _Told] = {}
        self._states: dict[Place, _Stands] = {}
        self._subscribers: set[_Queue] = set()
        self._closing = threading.Event()
        key = secrets.token_bytes(32)
        self._listener = Listener((ports.LOOPBACK, 0), backlog=16, authkey=key)
        _, port = self._listener.address
        self.address = Address(int(port), key.hex())
        self._places = [(cluster, kind) for cluster in clusters for kind in kinds[cluster]]
        self._reflectors = [self._reflect(clusters[place[0]], place) for place in self._places]
        self._accepting = threading.Thread(target=self._accept, name="broadcaster", daemon=True)
        self._accepting.start()

    def close(self) -> None:
        """End every watch and every subscription."""
        for each in self._reflectors:
            each.stop()
        self._closing.set()
        with contextlib.suppress(SetupError):
            # Only a visitor wakes whoever waits for one.
            Subscription(self.address).close()
        self._accepting.join(_PATIENCE)
        self._listener.close()
        with self._lock:
            for subscriber in self._subscribers:
                subscriber.put(None)

    def _reflect(self, cluster: Cluster, place: Place) -> Reflector:
        def changed(change: Change) -> None:
            key = reflector.key(change.object)
            body = json.dumps(change.object, separators=(",", ":")).encode()
            self._tell(_Told(place, change.type, key, body))

        def stands(trouble: str | None) -> None:
            self._tell(_Stands(place, trouble))

        return Reflector(cluster, *place[1], on_change=changed, on_state=stands).start()

    def _tell(self, told: _Message) -> None:
        # Kept and told at one go, so that nobody who subscribes meanwhile misses it.
        with self._lock:
            if isinstance(told, _Stands):
                self._states[told.place] = told
            elif told.type == "DELETED":
                self._objects.pop((told.place, told.key), None)
            else:
                self._objects[told.place, told.key] = told
            for each in self._subscribers:
                each.put(told)

    def _accept(self) -> None:
        while not self._closing.is_set():
            try:
                connection = self._listener.accept()
            except (OSError, EOFError, AuthenticationError):
                # Who does not know the key, or is gone again, is not served. Nor is anybody while
                # this process may open no more files, which will not be over at once.
                self._closing.wait(_TOGETHER)
                continue
            threading.Thread(
                target=self._serve, args=[connection], name="subscriber", daemon=True
            ).start()

    def _serve(self, connection: Connection) -> None:
        mine: _Queue = queue.SimpleQueue()
        with self._lock:
            known = [
                *(told._replace(type="ADDED") for told in self._objects.values()),
                *self._states.values(),
            ]
            self._subscribers.add(mine)
        try:
            with connection, contextlib.suppress(OSError):
                connection.send(self._places)
                connection.send(known)
                while news := self._gathered(mine):
                    connection.send(news)
        finally:
            with self._lock:
                self._subscribers.discard(mine)

    def _gathered(self, mine: _Queue) -> list[_Message]:
        """What there is to tell, at least one; nothing once it is over."""
        found = [mine.get()]
        self._closing.wait(_TOGETHER)
        with contextlib.suppress(queue.Empty):
            while True:
                found.append(mine.get_nowait())
        return [] if None in found else [told for told in found if told]


class Subscription:
    """The copies of a process that are kept by what a broadcaster tells."""

    def __init__(self, address: Address) -> None:
        """Subscribe; SetupError when nobody is there any more."""
        try:
            self._connection = Client(
                (ports.LOOPBACK, address.port), authkey=bytes.fromhex(address.key)
            )
            places: list[Place] = self._connection.recv()
        except (OSError, EOFError, AuthenticationError) as error:
            raise SetupError(f"The run does not tell what it sees: {error or _ENDED}") from None
        self._copies = {place: _Kept(place) for place in places}
        self._reader = threading.Thread(target=self._read, name="subscription", daemon=True)

    def watch(self, cluster: Cluster, kind: KindName, on_news: OnNews) -> Copy:
        """A copy by what is told; of what nobody tells, by a watch of our own (`copies.Watch`)."""
        kept = self._copies.get((cluster.name, kind))
        if kept is None:
            return copies.directly(cluster, kind, on_news)
        kept.on_news = on_news
        return kept

    def start(self) -> None:
        """Begin to listen, once everything is watched that shall be."""
        self._reader.start()

    def close(self) -> None:
        """Unsubscribe."""
        with contextlib.suppress(OSError), socket(fileno=os.dup(self._connection.fileno())) as end:
            end.shutdown(SHUT_RDWR)
        if self._reader.ident:
            self._reader.join(_PATIENCE)
        self._connection.close()

    def _read(self) -> None:
        with contextlib.suppress(OSError, EOFError):
            while True:
                for told in self._connection.recv():
                    kept = self._copies[told.place]
                    if isinstance(told, _Stands):
                        kept.stands(told.trouble)
                    else:
                        kept.take(told)
        for kept in self._copies.values():
            kept.trouble = _ENDED


class _Kept:
    """A copy that is told; see `copies.Copy`."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._items: dict[Key, _Body] = {}
        self.synced = threading.Event()
        self.trouble: str | None = None
        self.on_news: OnNews | None = None

    def get(self, namespace: str | None, name: str) -> Object | None:
        found = self._items.get((namespace or "", name))
        return found.parsed if found else None

    def items(self) -> list[Object]:
        return [body.parsed for body in list(self._items.values())]

    def stop(self) -> None:
        """Nothing of its own goes on here."""

    def stands(self, trouble: str | None) -> None:
        self.trouble = trouble
        if trouble is None:
            self.synced.set()

    def take(self, told: _Told) -> None:
        body = _Body(told.body)
        if told.type == "DELETED":
            self._items.pop(told.key, None)
        else:
            self._items[told.key] = body
        if self.on_news:
            cluster, (_, kind) = self._place
            self.on_news(News(cluster, told.type, kind, told.key, lambda: body.parsed))


class _Body:
    """An object that is parsed when somebody looks at it."""

    def __init__(self, text: bytes) -> None:
        self._text = text

    @cached_property
    def parsed(self) -> Object:
        obj: Object = json.loads(self._text)
        return obj
