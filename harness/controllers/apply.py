"""
Server-side apply of a set of objects: all of a stage or nothing, and only what differs.

Each stage is tried as a dry run first; when every object of it would be accepted, those that would
change are applied. Pure rules are in `apply_order` and `apply_fields`; what a set is, and who owns
it, belongs to `kustomization`.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
from collections.abc import Callable, Iterable, MutableMapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from harness.cluster import errors
from harness.cluster.client import Cluster
from harness.controllers import apply_fields, apply_order
from harness.controllers.apply_live import Live
from harness.controllers.attached_fields import KUSTOMIZE_GROUP, Failure
from harness.kit.clock import Clock
from harness.model import objects
from harness.model.objects import Object, Ref

log = logging.getLogger(__name__)

RECONCILE: Final = f"{KUSTOMIZE_GROUP}/reconcile"
SSA: Final = f"{KUSTOMIZE_GROUP}/ssa"
FORCE: Final = f"{KUSTOMIZE_GROUP}/force"

Action = Literal["created", "configured"]


@dataclass(frozen=True, slots=True)
class Desired:
    """An object as it shall be, and a digest of that."""

    ref: Ref
    object: Object = field(repr=False)
    digest: str


@dataclass(frozen=True, slots=True)
class Verified:
    """An object was found, or made, right at this version."""

    version: str
    digest: str


@dataclass(frozen=True, slots=True)
class Done:
    """One object was changed."""

    ref: Ref
    action: Action

    def __str__(self) -> str:
        """As events list it."""
        return f"{subject(self.ref)} {self.action}"


Memory = MutableMapping[Ref, Verified]


@dataclass(frozen=True, slots=True)
class _Step:
    desired: Desired
    live: Object | None


class Applier:
    """Applies sets of objects in one cluster in somebody's name."""

    def __init__(self, cluster: Cluster, live: Live, clock: Clock, *, patience: float) -> None:
        self._cluster = cluster
        self._live = live
        self._clock = clock
        self._patience = patience

    def apply(
        self,
        desired: Sequence[Desired],
        memory: Memory,
        *,
        force: bool,
        on_applied: Callable[[Done], None],
    ) -> list[Desired]:
        """
        Make the cluster have them; they come back under the addresses that the cluster gives them.

        `memory` is what spares the next call its questions.
        """
        resolved: list[Desired] = []
        for _, members in itertools.groupby(desired, key=lambda one: apply_order.stage(one.ref)):
            stage = [self._resolved(one) for one in members]
            resolved += stage
            unsure = [one for one in stage if needs_check(one, memory, self._live)]
            steps = [
                step for one in unsure if (step := self._try(one, memory, force=force)) is not None
            ]
            for step in steps:
                on_applied(self._carry_out(step, memory))
            if steps and apply_order.is_definition(stage[0].ref):
                self._await(step.desired.ref for step in steps)
        return resolved

    def _try(self, desired: Desired, memory: Memory, *, force: bool) -> _Step | None:
        """What there is to do for an object that the API server would accept; None for nothing."""
        ref = desired.ref
        self._live.follow(ref)
        live = self._find(ref)
        if is_left_alone(desired.object, live):
            if live is not None:
                memory[ref] = Verified(live["metadata"]["resourceVersion"], desired.digest)
            return None
        try:
            desired, wanted = self._understood(desired)
        except errors.ApiError as error:
            if live is None or not may_replace(desired.object, error, force=force, live=live):
                raise refused(ref, error, "dry-run failed") from error
            self._remove(ref, live)
            live, wanted = None, self._dry_run_again(desired)
        if live is None:
            return _Step(desired, None)
        if needs_apply(desired.object, live, wanted):
            # As in Flux, at once: also where the stage is given up because of another object.
            self._take_over(desired, live)
            return _Step(desired, live)
        memory[ref] = Verified(live["metadata"]["resourceVersion"], desired.digest)
        return None

    def _carry_out(self, step: _Step, memory: Memory) -> Done:
        ref = step.desired.ref
        try:
            applied = self._cluster.apply(step.desired.object, field_manager=apply_fields.MANAGER)
        except errors.ApiError as error:
            raise refused(ref, error, "apply failed") from error
        memory[ref] = Verified(applied["metadata"]["resourceVersion"], step.desired.digest)
        return Done(ref, "created" if step.live is None else "configured")

    def _take_over(self, desired: Desired, live: Object) -> None:
        """Make fields of kubectl ours, so that the apply removes them."""
        patch = clean_up(desired.object, live)
        if not patch:
            return
        try:
            self._cluster.patch(desired.ref, patch, kind="json", field_manager=apply_fields.MANAGER)
        except errors.ApiError as error:
            raise refused(desired.ref, error, "metadata.managedFields cleanup failed") from error

    def _resolved(self, desired: Desired) -> Desired:
        """The object under the address that the cluster gives it."""
        ref = desired.ref
        try:
            resource = self._cluster.resource(ref.api_version, ref.kind)
        except errors.NoSuchKind:
            message = f'no matches for kind "{ref.kind}" in version "{ref.api_version}"'
            raise reconciliation_failed(f"{subject(ref)} dry-run failed: {message}") from None
        if resource.namespaced and not ref.namespace:
            raise reconciliation_failed(f"{subject(ref)} namespace not specified")
        if ref.namespace and not resource.namespaced:
            # kustomize cannot know the scope of a custom kind and gives it a namespace.
            metadata = {**desired.object["metadata"]}
            del metadata["namespace"]
            obj = {**desired.object, "metadata": metadata}
            return Desired(Ref.of(obj), obj, desired.digest)
        return desired

    def _find(self, ref: Ref) -> Object | None:
        # Whoever may write but not read learns what is wrong from the dry run.
        with contextlib.suppress(errors.Forbidden):
            return self._cluster.find(ref)
        return None

    def _dry_run(self, desired: Desired) -> Object:
        return self._cluster.apply(desired.object, field_manager=apply_fields.MANAGER, dry_run=True)

    def _understood(self, desired: Desired) -> tuple[Desired, Object]:
        """The object and its dry run, without fields of built-in kinds that the server lacks."""
        while True:
            try:
                return desired, self._dry_run(desired)
            except errors.ApiError as error:
                known = apply_fields.without_unknown(desired.object, error.message)
                if known is None:
                    raise
                desired = Desired(desired.ref, known, desired.digest)

    def _dry_run_again(self, desired: Desired) -> Object:
        try:
            return self._dry_run(desired)
        except errors.ApiError as error:
            raise refused(desired.ref, error, "dry-run failed") from error

    def _remove(self, ref: Ref, live: Object) -> None:
        """Delete an object that cannot become what it shall be, and wait until it is gone."""
        log.info("%s is replaced", subject(ref))
        self._cluster.delete(ref, uid=objects.uid(live))
        until = self._clock.monotonic() + self._patience
        while (found := self._find(ref)) and objects.uid(found) == objects.uid(live):
            if self._clock.monotonic() > until:
                raise reconciliation_failed(f"{subject(ref)} is still being deleted")
            self._clock.sleep(0.1)

    def _await(self, refs: Iterable[Ref]) -> None:
        """Wait until definitions can be used."""
        until = self._clock.monotonic() + self._patience
        for ref in refs:
            while (missing := self._unusable(ref)) is not None:
                if self._clock.monotonic() > until:
                    raise reconciliation_failed(f"timeout waiting for: [{subject(ref)}: {missing}]")
                self._clock.sleep(0.1)

    def _unusable(self, ref: Ref) -> str | None:
        if ref.kind != "CustomResourceDefinition":
            return None
        spec = objects.spec(self._cluster.get(ref))
        for version in spec["versions"]:
            if version["served"]:
                # `Established` turns True before discovery serves the kind, so discovery is asked.
                try:
                    self._cluster.resource(
                        f"{spec['group']}/{version['name']}", spec["names"]["kind"]
                    )
                except errors.NoSuchKind as error:
                    return str(error)
        return None


def needs_check(desired: Desired, memory: Memory, live: Live) -> bool:
    """Whether the cluster has to be asked about an object: it, or what it shall be, has changed."""
    known = memory.get(desired.ref)
    return (
        known is None
        or known.digest != desired.digest
        or known.version != live.version(desired.ref)
    )


def needs_apply(desired: Object, live: Object, wanted: Object) -> bool:
    """Whether a live object is not as Git has it, or holds fields that kubectl has added."""
    return apply_fields.differs(live, wanted) or bool(clean_up(desired, live))


def clean_up(desired: Object, live: Object) -> list[Object]:
    """The patch that makes fields of kubectl ours, so that the next apply removes them."""
    is_merged = any(apply_fields.marked(obj, SSA, "merge") for obj in (desired, live))
    return [] if is_merged else apply_fields.clean_up(live)


def is_left_alone(desired: Object, live: Object | None) -> bool:
    """Whether a mark on the manifest, or on the live object, keeps us from touching it."""
    return (
        any(apply_fields.marked(obj, RECONCILE, "disabled") for obj in (desired, live))
        or any(apply_fields.marked(obj, SSA, "ignore") for obj in (desired, live))
        or (live is not None and apply_fields.marked(desired, SSA, "ifnotpresent"))
    )


def may_replace(
    desired: Object, error: errors.ApiError, *, force: bool, live: Object | None = None
) -> bool:
    """Whether the object may be deleted and made anew because it cannot be updated."""
    wished = force or any(apply_fields.marked(obj, FORCE, "enabled") for obj in (desired, live))
    return wished and apply_fields.is_conflict_by_nature(error.status)


def subject(ref: Ref) -> str:
    """An object as messages and events name it: Kind/namespace/name."""
    return "/".join(part for part in (ref.kind, ref.namespace, ref.name) if part)


def refused(ref: Ref, error: errors.ApiError, what: str) -> Failure:
    """What the conditions say when the API server does not want an object."""
    reason = f" ({error.reason})" if error.reason else ""
    return reconciliation_failed(f"{subject(ref)} {what}{reason}: {error.message}")


def reconciliation_failed(message: str) -> Failure:
    """What the conditions say when a set could not be applied."""
    return Failure("ReconciliationFailed", message)
