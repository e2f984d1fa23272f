"""
Kustomization: make the cluster have what a directory of a source says, and keep it so.

What must happen is `decide` and the questions it asks; how it happens is `Kustomizations`.

    deleted      what was applied is removed, or kept: see `fate_of_objects`
    suspended    nothing is applied, corrected or removed, whoever asks; the inventory stays
    impossible   said once (Stalled), then left alone until the spec changes
    otherwise    source, dependencies, archive, path, build, apply, inventory, prune: in this order
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any, Final, Literal

from harness.cluster import errors
from harness.cluster.client import Cluster
from harness.controllers import (
    apply,
    kustomization_build,
    kustomization_inputs,
    kustomization_inventory,
    kustomization_prune,
)
from harness.controllers import attached_fields as fields
from harness.controllers.apply import Desired, Memory
from harness.controllers.apply_live import Live
from harness.controllers.attached_fields import Failure
from harness.controllers.attached_objects import Objects
from harness.controllers.kustomization_account import Accounts
from harness.controllers.kustomization_finalizer import Finalizer
from harness.controllers.kustomization_inputs import Inputs
from harness.controllers.kustomization_report import Reporter, Run
from harness.controllers.runtime import Key, Retry
from harness.kit.clock import Clock, system_clock
from harness.model import objects
from harness.model.objects import Object

_NOT_HERE: Final = ("decryption", "healthCheckExprs", "healthChecks", "kubeConfig", "wait")
_SHORTEST_TIMEOUT: Final = 30.0


class Plan(Enum):
    """What to do about a Kustomization."""

    FINALIZE = auto()
    REST = auto()
    REFUSE = auto()
    RECONCILE = auto()


def decide(kustomization: Object) -> Plan:
    """What to do about a Kustomization; the order of the questions matters."""
    if objects.deleting(kustomization):
        return Plan.FINALIZE
    if should_skip_suspended(kustomization):
        return Plan.REST
    if fault(kustomization):
        return Plan.REFUSE
    return Plan.RECONCILE


def should_skip_suspended(kustomization: Object) -> bool:
    """Whether the Kustomization is left alone because it is suspended."""
    return fields.is_suspended(kustomization)


def fault(kustomization: Object) -> Failure | None:
    """Why no attempt could ever succeed with this spec, or None."""
    given = [name for name in _NOT_HERE if objects.spec(kustomization).get(name)]
    if not given:
        return None
    message = f"the reference implementation does not know spec.{given[0]}"
    return Failure(fields.NOT_IMPLEMENTED, message, stalled=True)


def fate_of_objects(kustomization: Object) -> Literal["deleted", "kept"]:
    """What becomes of the applied objects when the Kustomization is deleted."""
    if should_skip_suspended(kustomization):  # whatever else is said
        return "kept"
    spec = objects.spec(kustomization)
    match spec.get("deletionPolicy", "MirrorPrune"):
        case "Orphan":
            return "kept"
        case "Delete" | "WaitForTermination":
            return "deleted"
        case _:
            return "deleted" if spec.get("prune") else "kept"


def should_prune(kustomization: Object) -> bool:
    """Whether objects that left the source are removed."""
    return bool(objects.spec(kustomization).get("prune"))


def retry_after(kustomization: Object, failure: Failure) -> float:
    """The pause after a failure: always the same one, it does not grow."""
    pause = fields.interval(kustomization)
    pause = fields.duration(objects.spec(kustomization).get("retryInterval"), pause)
    waits = (kustomization_inputs.ARTIFACT_FAILED, kustomization_inputs.DEPENDENCY_NOT_READY)
    return min(pause, kustomization_inputs.SOON) if failure.reason in waits else pause


@dataclass(slots=True)
class _Known:
    """What earlier runs have found out about one Kustomization; spares the next its questions."""

    mark: tuple[str, int, str]
    desired: tuple[Desired, ...] = ()
    memory: Memory = field(default_factory=dict)


class Kustomizations:
    """Reconciles Kustomizations of one cluster."""

    def __init__(
        self,
        objects_: Objects,
        inputs: Inputs,
        builder: kustomization_build.Builder,
        accounts: Accounts,
        live: Live,
        reporter: Reporter,
        *,
        clock: Clock = system_clock,
    ) -> None:
        self._objects = objects_
        self._inputs = inputs
        self._builder = builder
        self._accounts = accounts
        self._live = live
        self._reporter = reporter
        self._finalizer = Finalizer(accounts, reporter.events, clock)
        self._clock = clock
        self._known: dict[Key, _Known] = {}

    def __call__(self, key: Key) -> float | None:
        """Reconcile one Kustomization; the seconds until the next time, or None."""
        kustomization = self._objects.get(key)
        if kustomization is None:
            self._known.pop(key, None)
            return None
        try:
            return self._carry_out(decide(kustomization), key, kustomization)
        except errors.ClusterError as error:
            raise Retry(str(error)) from error

    def _carry_out(self, plan: Plan, key: Key, kustomization: Object) -> float | None:
        if plan is Plan.FINALIZE:
            return self._finalize(kustomization)
        kustomization = self._objects.add_finalizer(kustomization)
        if plan is Plan.REST:
            self._reporter.rested(kustomization)
            return None
        run = Run(
            kustomization,
            self._clock.monotonic(),
            kustomization_inventory.references(kustomization),
        )
        try:
            if plan is Plan.REFUSE and (failure := fault(kustomization)):
                raise failure
            self._reconcile(key, run)
        except Failure as failure:
            self._reporter.failed(run, failure)
            return None if failure.stalled else retry_after(kustomization, failure)
        self._reporter.succeeded(run)
        return fields.interval(kustomization)

    def _finalize(self, kustomization: Object) -> float | None:
        if fields.FINALIZER not in objects.finalizers(kustomization):
            return None
        if fate_of_objects(kustomization) == "deleted":
            again = self._finalizer.delete_objects(kustomization)
            if again is not None:
                return again
        self._objects.remove_finalizer(kustomization)
        return None

    def _reconcile(self, key: Key, run: Run) -> None:
        offered = self._inputs.artifact(run.kustomization)
        run.revision = offered["revision"]
        self._inputs.check_dependencies(run.kustomization, run.revision)
        known = self._build(key, run, offered)
        run.now = [one.ref for one in known.desired]
        stale = kustomization_inventory.prune_candidates(run.before, run.now)
        if stale or any(apply.needs_check(one, known.memory, self._live) for one in known.desired):
            self._apply(run, known)

    def _build(self, key: Key, run: Run, offered: dict[str, Any]) -> _Known:
        """What the cluster shall have; asked of kustomize only when something is new."""
        kustomization = run.kustomization
        mark = (objects.uid(kustomization), objects.generation(kustomization), offered["digest"])
        known = self._known.get(key)
        if known and known.mark == mark:
            run.is_attempted = True
            if not kustomization_inputs.depends_on_the_cluster(kustomization):
                return known
        run.doing = self._sentence("Fetching manifests", run)
        tree = self._inputs.tree(offered)
        kustomization_build.check_path(tree, kustomization)
        run.is_attempted = True
        run.doing = self._sentence("Building manifests", run)
        kustomization_build.check_directory(tree, kustomization)
        built = self._builder.build(tree, kustomization)
        desired = kustomization_build.desired(
            built, kustomization, self._inputs.values(kustomization)
        )
        # A new spec may name another account: everything is tried anew in its name.
        memory = known.memory if known and known.mark[:2] == mark[:2] else {}
        self._known[key] = _Known(mark, desired, memory)
        return self._known[key]

    def _apply(self, run: Run, known: _Known) -> None:
        run.doing = self._sentence("Detecting drift", run)
        is_new = objects.status(run.kustomization).get("lastAppliedRevision") != run.revision
        if is_new or not fields.is_current(run.kustomization):
            self._reporter.progressing(run)
        kustomization = run.kustomization
        account = self._accounts.named(kustomization)
        cluster = self._accounts.cluster(kustomization, account)
        applier = apply.Applier(cluster, self._live, self._clock, patience=_timeout(kustomization))
        force = bool(objects.spec(kustomization).get("force"))
        run.now = []
        try:
            resolved = applier.apply(
                known.desired, known.memory, force=force, on_applied=run.done.append
            )
        except Failure as failure:
            if not run.done:
                raise
            # What was applied before is told with the failure, not by an event of its own.
            told = "\n".join([failure.message, *map(str, run.done)])
            raise Failure(failure.reason, told) from failure
        known.desired = tuple(resolved)
        run.now = [one.ref for one in resolved]
        self._prune(run, known, cluster)

    def _prune(self, run: Run, known: _Known, cluster: Cluster) -> None:
        self._reporter.changed(run, [str(done) for done in run.done])
        stale = kustomization_inventory.prune_candidates(run.before, run.now)
        pruned = kustomization_prune.Pruned()
        if stale and should_prune(run.kustomization):
            owner = kustomization_inventory.owner_labels(run.kustomization)
            pruned = kustomization_prune.prune(cluster, stale, owner)
        for ref in stale:
            known.memory.pop(ref, None)
        self._reporter.changed(run, pruned.lines())
        if pruned.refused:
            # What could not be deleted stays in the inventory, or nobody would try again.
            run.now += list(pruned.refused)
            raise Failure("PruneFailed", pruned.complaint())

    def _sentence(self, what: str, run: Run) -> str:
        timeout = _timeout(run.kustomization)
        return f"{what} for revision {run.revision} with a timeout of {timeout:.0f}s"


def _timeout(kustomization: Object) -> float:
    """The limit of one attempt; Flux never takes it to be below 30 s."""
    default = fields.interval(kustomization) - _SHORTEST_TIMEOUT
    given = fields.duration(objects.spec(kustomization).get("timeout"), default)
    return max(given, _SHORTEST_TIMEOUT)
