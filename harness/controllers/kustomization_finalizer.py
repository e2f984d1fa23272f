"""
The end of a Kustomization: its objects go first, where they shall go at all.

Whether they shall is for `kustomization.fate_of_objects` to say.
"""

from __future__ import annotations

import logging
from typing import Final

from harness.controllers import apply, kustomization_inventory, kustomization_prune
from harness.controllers import attached_fields as fields
from harness.controllers.kustomization_account import Accounts
from harness.controllers.runtime import Key, Retry
from harness.controllers.status import Events
from harness.kit.clock import Clock
from harness.model import conditions, objects
from harness.model.objects import Object

log = logging.getLogger(__name__)

_LOOK_AGAIN: Final = 0.5
_TERMINATION: Final = 300.0


class Finalizer:
    """Removes what a Kustomization has applied."""

    def __init__(self, accounts: Accounts, events: Events, clock: Clock) -> None:
        self._accounts = accounts
        self._events = events
        self._clock = clock

    def delete_objects(self, kustomization: Object) -> float | None:
        """Delete them; None when the Kustomization may go, or the seconds until the next look."""
        refs = kustomization_inventory.prune_candidates(
            kustomization_inventory.references(kustomization), ()
        )
        if not refs:
            return None
        account = self._accounts.named(kustomization)
        if account and not self._accounts.exists(kustomization, account):
            # Nobody is left who may delete them. They stay, and this is the only trace.
            lines = "\n".join(apply.subject(ref) for ref in reversed(refs))
            self._events.warning(
                kustomization, _said(kustomization), f"unable to prune objects: \n{lines}"
            )
            return None
        cluster = self._accounts.cluster(kustomization, account)
        owner = kustomization_inventory.owner_labels(kustomization)
        pruned = kustomization_prune.prune(cluster, refs, owner)
        if lines := "\n".join(pruned.lines()):
            log.info("%s: %s", Key.of(kustomization), lines.replace("\n", ", "))
            self._events.normal(kustomization, _said(kustomization), lines)
        if pruned.refused:
            message = "pruning for deleted resource failed"
            self._events.warning(kustomization, _said(kustomization), message)
            raise Retry(f"{message}: {pruned.complaint()}")
        if self._must_wait(kustomization) and kustomization_prune.remaining(
            cluster, pruned.deleted
        ):
            return _LOOK_AGAIN
        return None

    def _must_wait(self, kustomization: Object) -> bool:
        """Whether to stay until the objects are really gone, and there is time left for that."""
        spec = objects.spec(kustomization)
        if spec.get("deletionPolicy") != "WaitForTermination":
            return False
        limit = fields.duration(spec.get("timeout"), _TERMINATION)
        return fields.age(kustomization, self._clock.now()) < limit


def _said(kustomization: Object) -> str:
    """The reason of an event: what the Kustomization said last, whatever the event is about."""
    return conditions.reason(kustomization) or "info"
