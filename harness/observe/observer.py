"""
Every recorded kind on every cluster, watched; one timeline; one way to wait.

A wait evaluates its probe whenever something changed and never in between; for what changed
elsewhere than in its own namespace, as the scenarios beside it do all the time, some changes are
taken together. A probe returns None when content, else a sentence that says what is missing: the
sentence becomes the failure.
"""

import contextlib
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from harness.cluster.client import Cluster
from harness.errors import HarnessBug, NotYet, SetupError
from harness.kit.clock import Clock, system_clock
from harness.model import objects
from harness.model.objects import Object, Ref
from harness.observe import copies
from harness.observe.copies import Copy, KindName, News, Watch
from harness.observe.timeline import Entry

Probe = Callable[[], str | None]

MANAGEMENT_KINDS: tuple[KindName, ...] = (
    ("v1", "Namespace"),
    ("v1", "Event"),
    ("dispatch.d2iq.io/v1alpha2", "GitopsRepository"),
    ("workspaces.kommander.mesosphere.io/v1alpha1", "Project"),
    ("types.kubefed.io/v1beta1", "FederatedSecret"),
)
ATTACHED_KINDS: tuple[KindName, ...] = (
    ("v1", "Namespace"),
    ("v1", "Event"),
    ("v1", "ConfigMap"),
    ("v1", "Secret"),
    ("v1", "Service"),
    ("v1", "ServiceAccount"),
    ("apps/v1", "Deployment"),
    ("source.toolkit.fluxcd.io/v1", "GitRepository"),
    ("kustomize.toolkit.fluxcd.io/v1", "Kustomization"),
)
_LAST_LINES = 15
_SYNCED_WITHIN = 30.0
_TOGETHER = 0.2
"""Seconds within which changes elsewhere are one to a wait in a scope."""


class Observer:
    """Watches a fleet; scopes look at one namespace of it."""

    def __init__(
        self,
        clusters: Mapping[str, Cluster],
        kinds: Mapping[str, Sequence[KindName]],
        *,
        watch: Watch = copies.directly,
        clock: Clock = system_clock,
    ) -> None:
        self.clusters = dict(clusters)
        self.clock = clock
        self.waited = 0.0
        """Seconds spent in waits that ended well: the system's own path."""
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)
        self._version = 0
        self._scopes: dict[str, Scope] = {}
        self._copies: dict[tuple[str, KindName], Copy] = {}
        self._kinds = kinds
        self._watch = watch

    def start(self, *, within: float = _SYNCED_WITHIN) -> None:
        """Begin to watch; returns when every first list is in."""
        self.begin()
        self.await_synced(within=within)

    def begin(self) -> None:
        """Begin to watch; returns at once."""
        for cluster, kinds in self._kinds.items():
            for kind in kinds:
                self._begin(cluster, kind)

    def await_synced(self, *, within: float = _SYNCED_WITHIN) -> None:
        """Return when every first list is in; SetupError if one does not come."""
        deadline = self.clock.monotonic() + within
        for (cluster, kind), copy in list(self._copies.items()):
            if not copy.synced.wait(max(0.0, deadline - self.clock.monotonic())):
                raise SetupError(
                    f"{cluster}: {kind[1]} could not be watched within {within:.0f} s: "
                    f"{copy.trouble or 'no answer'}"
                )

    def stop(self) -> None:
        """End every watch."""
        for copy in self._copies.values():
            copy.stop()

    def follow(self, cluster: str, kind: KindName, *, within: float = 10.0) -> Copy:
        """The live copy of a kind on a cluster, begun now if it is not one of the usual ones."""
        copy = self._copies.get((cluster, kind)) or self._begin(cluster, kind)
        if not copy.synced.wait(within):
            raise SetupError(f"{cluster}: {kind[1]} could not be watched: {copy.trouble}")
        return copy

    @contextlib.contextmanager
    def scope(self, namespace: str) -> Iterator["Scope"]:
        """Record what happens in a namespace (of the same name on every cluster) until the end."""
        with self._changed:
            if namespace in self._scopes:
                raise HarnessBug(f"Two scenarios claim the namespace {namespace}.")
            scope = self._scopes[namespace] = Scope(self, namespace, self._lock)
        try:
            yield scope
        finally:
            with self._changed:
                del self._scopes[namespace]

    def until(self, probe: Probe, *, within: float, budget: str, scope: "Scope | None") -> float:
        """Seconds until `probe` was content; NotYet with what was last seen once time is up."""
        begun = self.clock.monotonic()
        while True:
            seen = self._seen(scope)
            missing = probe()
            waited = self.clock.monotonic() - begun
            if missing is None:
                self.waited += waited
                return waited
            if waited >= within:
                history = scope.tell(_LAST_LINES) if scope else ""
                raise NotYet(
                    f"after {waited:.1f} s ({budget}): {missing}{history}{self._troubles()}"
                )
            self._await_change(scope, seen, within - waited)

    def _seen(self, scope: "Scope | None") -> tuple[int, int]:
        with self._changed:
            return self._version, len(scope.entries) if scope else 0

    def _await_change(self, scope: "Scope | None", seen: tuple[int, int], within: float) -> None:
        """Return once something changed since `seen`, or after `within` seconds."""
        everything, own = seen
        with self._changed:
            if scope is not None:
                together = min(within, _TOGETHER)
                if scope.changed.wait_for(lambda: len(scope.entries) != own, together):
                    return
                within -= together
            self._changed.wait_for(lambda: self._version != everything, within)

    def _begin(self, cluster: str, kind: KindName) -> Copy:
        copy = self._watch(self.clusters[cluster], kind, self._record)
        self._copies[cluster, kind] = copy
        return copy

    def _record(self, news: News) -> None:
        namespace, name = news.key
        with self._changed:
            scope = self._scopes.get(name if news.kind == "Namespace" else namespace)
            if scope is not None:
                now = self.clock.monotonic(), self.clock.now()
                scope.entries.append(Entry(*now, news.cluster, news.type, news.read()))
                scope.changed.notify_all()
            self._version += 1
            self._changed.notify_all()

    def _troubles(self) -> str:
        troubles = {
            f"{cluster} {kind[1]}: {copy.trouble}"
            for (cluster, kind), copy in self._copies.items()
            if copy.trouble
        }
        return "".join(f"\nThe observation itself has trouble: {line}" for line in sorted(troubles))


class Scope:
    """One namespace, as it is now and as it came to be."""

    def __init__(self, observer: Observer, namespace: str, lock: threading.RLock) -> None:
        self._observer = observer
        self.namespace = namespace
        self.origin = observer.clock.monotonic()
        self.entries: list[Entry] = []
        self.changed = threading.Condition(lock)
        """Told each new entry; of the observer's lock."""

    def get(self, cluster: str, api_version: str, kind: str, name: str) -> Object | None:
        """An object as last seen, or None."""
        copy = self._observer.follow(cluster, (api_version, kind))
        return copy.get(None if kind == "Namespace" else self.namespace, name)

    def lookup(self, cluster: str, ref: Ref) -> Object | None:
        """An object of this namespace as last seen, whatever namespace `ref` carries."""
        return self.get(cluster, ref.api_version, ref.kind, ref.name)

    def all(self, cluster: str, api_version: str, kind: str) -> list[Object]:
        """Every object of a kind in the namespace."""
        copy = self._observer.follow(cluster, (api_version, kind))
        return [o for o in copy.items() if objects.namespace(o) == self.namespace]

    def events(self, cluster: str, about: Ref) -> list[Object]:
        """The Kubernetes events about an object."""
        return [
            event
            for event in self.all(cluster, "v1", "Event")
            if event.get("involvedObject", {}).get("kind") == about.kind
            and event.get("involvedObject", {}).get("name") == about.name
        ]

    def history(self, *, cluster: str | None = None, since: float = 0.0) -> list[Entry]:
        """What happened since a moment (of `now()`), oldest first."""
        return [
            entry
            for entry in list(self.entries)
            if entry.at >= since and (cluster is None or entry.cluster == cluster)
        ]

    def now(self) -> float:
        """A moment to hand to `history`."""
        return self._observer.clock.monotonic()

    def until(self, probe: Probe, *, within: float, budget: str) -> float:
        """Wait for `probe`; see Observer.until."""
        return self._observer.until(probe, within=within, budget=budget, scope=self)

    def tell(self, most: int) -> str:
        """The last lines of the history, for a failure message."""
        lines = [entry.line(self.origin) for entry in self.entries[-most:]]
        if not lines:
            return f"\nNothing was seen in namespace {self.namespace} on any cluster."
        return f"\nThe last changes in namespace {self.namespace}:\n" + "\n".join(lines)


def first_missing(probes: Iterable[Probe]) -> Probe:
    """A probe that is content when all are, and speaks for the first that is not."""
    listed = list(probes)

    def probe() -> str | None:
        return next((missing for one in listed if (missing := one()) is not None), None)

    return probe


def by_cluster(entries: Iterable[Entry]) -> dict[str, list[Entry]]:
    """Entries sorted into clusters."""
    sorted_ = defaultdict(list)
    for entry in entries:
        sorted_[entry.cluster].append(entry)
    return dict(sorted_)
