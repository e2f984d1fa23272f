"""
What is told about a Kustomization: its status and its events, written only when they say more.

A run that finds everything as it should be writes nothing. Flux tells of each such run by an event;
that is the one thing left out here on purpose.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from harness.cluster.client import Cluster
from harness.controllers import attached_fields as fields
from harness.controllers import kustomization_conditions, kustomization_inventory, status
from harness.controllers.apply import Done
from harness.controllers.attached_fields import Failure
from harness.controllers.attached_objects import Objects
from harness.controllers.runtime import Key
from harness.kit.clock import Clock
from harness.model import conditions, objects
from harness.model.objects import Object, Ref

log = logging.getLogger(__name__)

_REVISION: Final = f"{fields.KUSTOMIZE_GROUP}/revision"


@dataclass(slots=True)
class Run:
    """One attempt, and how far it came."""

    kustomization: Object
    began: float
    before: list[Ref]
    """What was in the inventory."""
    revision: str = ""
    is_attempted: bool = False
    """Whether the path was found, which is when a revision counts as tried."""
    doing: str = ""
    """What is being done; empty before the source is known to have something."""
    done: list[Done] = field(default_factory=list)
    now: list[Ref] = field(default_factory=list)
    """What the inventory is to hold."""


class Reporter:
    """Writes status and events of Kustomizations."""

    def __init__(self, cluster: Cluster, objects_: Objects, clock: Clock) -> None:
        self._objects = objects_
        self._clock = clock
        self.events = status.Events(cluster, "kustomize-controller", clock)

    def rested(self, kustomization: Object) -> None:
        """Nothing was done because of a suspension; the conditions stay as they were."""
        after = fields.handled(kustomization, objects.status(kustomization))
        if (conditions.find(kustomization, "Ready") or {}).get("status") == "True":
            after["observedGeneration"] = objects.generation(kustomization)
        self._objects.write_status(kustomization, after)

    def progressing(self, run: Run) -> None:
        """Something new is about to be applied."""
        new = kustomization_conditions.progressing(run.kustomization, run.doing)
        run.kustomization = self._write(run.kustomization, {}, new, done=False)

    def changed(self, run: Run, lines: list[str]) -> None:
        """Objects were created, configured or deleted."""
        if lines:
            log.info("%s: %s", Key.of(run.kustomization), ", ".join(lines))
            self.events.normal(
                run.kustomization, "Progressing", "\n".join(lines), **self._marks(run)
            )

    def succeeded(self, run: Run) -> None:
        """The cluster has everything of the revision."""
        known = run.kustomization
        # Flux tells every run. Every project's Kustomization runs at every commit to the bootstrap
        # repository, so only those that had something to do tell it here.
        is_news = (
            not fields.is_current(known)
            or bool(run.done)
            or (conditions.find(known, "Ready") or {}).get("status") != "True"
        )
        change = {
            "inventory": {"entries": kustomization_inventory.entries(run.now)},
            "lastAppliedRevision": run.revision,
            "lastAttemptedRevision": run.revision,
            "observedGeneration": objects.generation(known),
        }
        new = kustomization_conditions.succeeded(known, run.revision)
        run.kustomization = self._write(known, change, new)
        if is_news:
            took = self._clock.monotonic() - run.began
            interval = objects.spec(known)["interval"]
            message = f"Reconciliation finished in {took * 1000:.0f}ms, next run in {interval}"
            self.events.normal(
                run.kustomization, "ReconciliationSucceeded", message, **self._marks(run)
            )

    def failed(self, run: Run, failure: Failure) -> None:
        """A step failed."""
        known = run.kustomization
        change: dict[str, Any] = {}
        if run.is_attempted:
            change["lastAttemptedRevision"] = run.revision
        if run.done or run.now:
            # Nothing that was applied may be forgotten, whatever failed after it.
            kept = {*run.before, *run.now, *(done.ref for done in run.done)}
            change["inventory"] = {"entries": kustomization_inventory.entries(kept)}
        if failure.stalled:
            change["observedGeneration"] = objects.generation(known)
        new = kustomization_conditions.failed(known, failure, run.doing)
        is_news = _said(known) != (failure.reason, failure.message)
        run.kustomization = self._write(known, change, new)
        if is_news:
            self._tell_failure(run, failure)

    def _tell_failure(self, run: Run, failure: Failure) -> None:
        log.info("%s: %s", Key.of(run.kustomization), failure)
        if failure.reason == "DependencyNotReady":
            message = "Dependencies do not meet ready condition, retrying"
            self.events.normal(run.kustomization, failure.reason, message, **self._marks(run))
        elif run.revision or failure.stalled:  # of a missing source Flux does not tell by event
            self.events.warning(
                run.kustomization, failure.reason, failure.message, **self._marks(run)
            )

    def _marks(self, run: Run) -> dict[str, str]:
        return {_REVISION: run.revision} if run.revision else {}

    def _write(
        self,
        kustomization: Object,
        change: Mapping[str, Any],
        new: list[Object],
        *,
        done: bool = True,
    ) -> Object:
        known = objects.status(kustomization)
        now = status.timestamp(self._clock)
        after = {**known, **change}
        if done:  # a request is handled when its attempt has ended, not when it begins
            after = fields.handled(kustomization, after)
        after["conditions"] = status.merged(known.get("conditions") or [], new, now=now)
        return self._objects.write_status(kustomization, after)


def _said(kustomization: Object) -> tuple[str, str]:
    ready = conditions.find(kustomization, "Ready") or {}
    if ready.get("status") != "False":
        return "", ""
    return str(ready.get("reason", "")), str(ready.get("message", ""))
