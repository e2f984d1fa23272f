"""
When one side has come to rest after an operation: asked for, never guessed by a clock.

Every object is asked to reconcile (`requestedAt`), and has come to rest once it says that this
request was handled and no attempt is under way. Sources come first, then their Kustomizations,
nested ones last. Where an archive is newer than what a Kustomization has tried, it is asked again:
the first request may have been met by a look at the source that came a moment too early.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from typing import Final

from harness.cluster import errors
from harness.cluster.client import Cluster
from harness.differential import setting
from harness.differential.operations import KUSTOMIZATION, SOURCE
from harness.differential.snapshot import REQUESTED_AT
from harness.model import conditions, objects
from harness.model.objects import Object, Ref
from harness.observe.observer import Scope

WITHIN: Final = 120.0
_QUIET: Final = 0.3
_tokens = itertools.count(1)
_token_lock = threading.Lock()


class Rest:
    """One namespace on one side, and how it comes to rest."""

    def __init__(self, cluster: Cluster, scope: Scope, namespace: str) -> None:
        self._cluster = cluster
        self._scope = scope
        self._namespace = namespace

    def reach(self) -> None:
        """Return when all has been done that the operation led to; NotYet if that never comes."""
        self.rest(SOURCE, setting.APP)
        self.rest(KUSTOMIZATION, setting.APP)
        for name in self._nested():
            self.rest(KUSTOMIZATION, name)

    def rest(self, kind: str, name: str) -> None:
        """One object has come to rest."""
        if self._ask(kind, name) and kind == KUSTOMIZATION and self._is_behind(name):
            self._ask(kind, name)

    def gone(self, kind: str, name: str = setting.APP) -> None:
        """A deleted object is really gone."""
        self._until(lambda: f"{kind} {name} is still there" if self._get(kind, name) else None)

    def quiet(self) -> None:
        """
        Return when no event has come for a moment.

        Events are sent behind the status that they are about, by a queue of the controller's own;
        nothing tells that it is empty. This is the one place where time decides.
        """
        seen = -1
        waiting = threading.Event()
        while seen != (seen := len(self._scope.entries)):
            waiting.wait(_QUIET)

    def resting(self, kind: str, name: str) -> Object | None:
        """The object in a moment in which no attempt is under way; None where it is not there."""
        found: list[Object] = []

        def probe() -> str | None:
            found.clear()
            obj = self._get(kind, name)
            if obj is None:
                return None
            found.append(obj)
            return busy(obj)

        self._until(probe)
        return found[0] if found else None

    def _ask(self, kind: str, name: str) -> bool:
        with _token_lock:
            token = f"request-{next(_tokens)}"
        ref = setting.ref(kind, self._namespace, name)
        if self._cluster.find(ref) is None:
            return False
        patch = {"metadata": {"annotations": {REQUESTED_AT: token}}}
        try:
            self._cluster.patch(ref, patch, field_manager="flux-client-side-apply")
        except errors.NotFound:
            return False
        self._until(lambda: self._unhandled(kind, name, token))
        return True

    def _unhandled(self, kind: str, name: str, token: str) -> str | None:
        obj = self._get(kind, name)
        if obj is None:
            # It may have been removed on the way, a nested one for example.
            gone = self._cluster.find(setting.ref(kind, self._namespace, name)) is None
            return None if gone else f"{kind} {name} has not been seen yet"
        handled = objects.status(obj).get("lastHandledReconcileAt")
        if handled != token:
            return f"{kind} {name} has handled {handled}, not {token}; {conditions.explain(obj)}"
        return busy(obj)

    def _is_behind(self, name: str) -> bool:
        kustomization = self._get(KUSTOMIZATION, name)
        if kustomization is None or objects.spec(kustomization).get("suspend"):
            return False
        source = self._get(SOURCE, objects.spec(kustomization)["sourceRef"]["name"])
        artifact = objects.status(source).get("artifact") if source else None
        tried = objects.status(kustomization).get("lastAttemptedRevision")
        return (artifact or {}).get("revision") != tried

    def _nested(self) -> list[str]:
        listed = self._cluster.list(
            setting.VERSIONS[KUSTOMIZATION], KUSTOMIZATION, self._namespace
        ).items
        return sorted(objects.name(obj) for obj in listed if objects.name(obj) != setting.APP)

    def _get(self, kind: str, name: str) -> Object | None:
        ref: Ref = setting.ref(kind, self._namespace, name)
        return self._scope.lookup(self._cluster.name, ref)

    def _until(self, probe: Callable[[], str | None]) -> None:
        self._scope.until(probe, within=WITHIN, budget="to come to rest")


def busy(obj: Object) -> str | None:
    """Why an object is not at rest, or None."""
    reconciling = conditions.find(obj, "Reconciling") or {}
    ready = conditions.find(obj, "Ready") or {}
    if reconciling.get("reason") == "Progressing" or ready.get("status") == "Unknown":
        return conditions.explain(obj)
    if not ready and not objects.spec(obj).get("suspend"):
        return f"{obj['kind']} {objects.name(obj)} has said nothing yet"
    return None
