"""
GitopsRepository: the CD manifests of a source, in the bootstrap repository, for its clusters.

    create, edit, suspend, resume   render for each cluster of the project, push, then say so
    delete                          see gitops_repository_removal

The user's repository is never touched from here: the clusters fetch it themselves.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from typing import Any, Literal

from harness.cluster.client import Cluster
from harness.cluster.reflector import Change, Reflector
from harness.controllers import bootstrap_layout as layout
from harness.controllers import federation, project_view
from harness.controllers import gitops_repository_decision as decision
from harness.controllers import gitops_repository_manifests as manifests
from harness.controllers import gitops_repository_removal as removal
from harness.controllers import management_objects as kinds
from harness.controllers.attachment_members import Member, Members
from harness.controllers.bootstrap import Bootstrap, BootstrapError, Outcome
from harness.controllers.gitops_repository_decision import Decision, Facts
from harness.controllers.gitops_repository_manifests import REMEDIES, Pace, Remedies
from harness.controllers.gitops_repository_removal import Sight
from harness.controllers.project_view import Projects
from harness.controllers.runtime import Key, Retry
from harness.controllers.status import Events
from harness.kit.clock import Clock, system_clock
from harness.model import objects
from harness.model.objects import Object, Ref

log = logging.getLogger(__name__)

COMPONENT = "GitopsRepositoryController"
FINALIZER = "dispatch.d2iq.io/gitopsrepository"

_SECOND_LOOK = 1.0
_COMMIT = re.compile(r"[0-9a-f]{40}$")


class GitopsRepositories:
    """The reconciler of GitopsRepositories."""

    def __init__(
        self,
        cluster: Cluster,
        sources: Reflector,
        secrets: Reflector,
        projects: Projects,
        members: Members,
        bootstrap: Bootstrap,
        *,
        pace: Pace,
        remedies: Remedies = REMEDIES,
        clock: Clock = system_clock,
    ) -> None:
        self._cluster = cluster
        self._sources = sources
        self._secrets = secrets
        self._projects = projects
        self._members = members
        self._bootstrap = bootstrap
        self._pace = pace
        self._remedies = remedies
        self._clock = clock
        self._events = Events(cluster, COMPONENT, clock)
        self._finalizer = kinds.Finalizer(cluster, FINALIZER)
        self._homeless: set[Key] = set()
        # file -> the commit that last lifted a suspension in it, or removed it
        self._awaited: dict[str, str] = {}

    # -- what makes a source due -----------------------------------------------------------

    def keys(self, namespace: str | None = None) -> list[Key]:
        """All sources, or those of a namespace."""
        return [
            Key.of(each)
            for each in self._sources.items()
            if namespace is None or objects.namespace(each) == namespace
        ]

    def keys_of_secret(self, change: Change) -> list[Key]:
        """The sources that name a FederatedSecret."""
        namespace, name = kinds.namespaced(change)
        return [
            Key.of(each)
            for each in self._sources.items()
            if objects.namespace(each) == namespace and manifests.secret(each) == name
        ]

    def keys_of_kustomization(self, change: Change) -> list[Key]:
        """The sources in deletion that may have waited for a change on a cluster."""
        namespace, name = kinds.namespaced(change)
        return [
            Key.of(each)
            for each in self._sources.items()
            if objects.deleting(each)
            and objects.namespace(each) == namespace
            and name in (objects.name(each), kinds.PROJECT)
        ]

    # -- reconciling -----------------------------------------------------------------------

    def reconcile(self, key: Key) -> float | None:
        """Bring the CD manifests of one source about, or remove them."""
        source = self._sources.get(key.namespace, key.name)
        if source is None:
            self._homeless.discard(key)
            return None
        try:
            if not objects.deleting(source):
                return self._bring_about(key, source)
            self._remove(source)
        except BootstrapError as error:
            message = f"the bootstrap repository cannot be written: {error}"
            self._warn(source, "BootstrapUnavailable", message)
            raise Retry(message) from error
        return None

    def _bring_about(self, key: Key, source: Object) -> float | None:
        decided = decision.decide(source, self._facts(source), self._pace, self._remedies)
        if decided.action == "leave":
            return self._leave(key, source, decided)
        self._homeless.discard(key)
        if decided.action == "refuse":
            self._warn(source, decided.reason, decided.message)
            return None
        source = self._finalizer.put(source)
        outcome = self._publish(source, decided.files or {})
        if decided.reason == decision.SUCCESS:
            self._announce(source, outcome)
        self._report(
            source,
            decided.reason,
            decided.message,
            good=decided.reason == decision.SUCCESS,
            clusters=sorted(name for name, text in (decided.files or {}).items() if text),
            bootstrapCommit=self._commit(source, outcome),
        )
        return None

    def _leave(self, key: Key, source: Object, decided: Decision) -> float | None:
        # The watch on Projects may be a moment behind the one on sources: look twice.
        if key not in self._homeless:
            self._homeless.add(key)
            return _SECOND_LOOK
        self._report(source, decided.reason, decided.message)
        return None

    def _publish(self, source: Object, files: Mapping[str, str | None]) -> Outcome:
        """Have the files in the bootstrap repository; returns when the server has them."""
        namespace, name = objects.namespace(source) or "", objects.name(source)
        changes: dict[str, str | None] = {}
        awaited = []
        for cluster, text in files.items():
            path = layout.manifest(cluster, namespace, name)
            before = self._bootstrap.text(path)
            changes[path] = text
            if text is not None:
                changes[layout.keep(cluster, namespace)] = ""
            if before is not None and (text is None or removal.suspended_in(before)):
                awaited.append(path)
        outcome = self._bootstrap.publish(changes, why=f"source {namespace}/{name}")
        if outcome.changed:
            self._awaited.update(dict.fromkeys(awaited, outcome.commit))
        return outcome

    def _announce(self, source: Object, outcome: Outcome) -> None:
        if decision.may_announce(source, outcome):
            self._events.normal(source, decision.SUCCESS, decision.SUCCESS_MESSAGE)

    def _facts(self, source: Object) -> Facts:
        namespace = objects.namespace(source) or ""
        project = self._projects.of(namespace)
        if project is None or objects.deleting(project):
            return Facts(None, frozenset(), {})
        members = self._members.all()
        placed = project_view.placed(project, members)
        known = frozenset(members)
        name = manifests.secret(source)
        secret = self._secret(namespace, name) if name else None
        if secret is None or objects.deleting(secret):
            return Facts(placed, known, {})
        keys = {cluster: frozenset(federation.secret_keys(secret, cluster)) for cluster in placed}
        return Facts(placed, known, keys)

    def _secret(self, namespace: str, name: str) -> Object | None:
        # Asked again on a miss: secret and source are often applied in one go.
        ref = Ref(kinds.KUBEFED_TYPES, "FederatedSecret", name, namespace)
        return self._secrets.get(namespace, name) or self._cluster.find(ref)

    @staticmethod
    def _commit(source: Object, outcome: Outcome) -> str:
        known = objects.status(source).get("bootstrapCommit")
        return outcome.commit if outcome.changed or not known else str(known)

    # -- deletion --------------------------------------------------------------------------

    def _remove(self, source: Object) -> None:
        if not self._finalizer.on(source):
            return
        sights = self._sights(source)
        while changes := removal.changes(sights):
            self._publish(source, changes)
            sights = self._sights(source)
        waiting = removal.outstanding(sights)
        if waiting:
            self._report(source, "Deleting", "; ".join(waiting))
            return
        for cluster in sights:
            self._awaited.pop(self._path(source, cluster), None)
        self._finalizer.take(source)

    def _sights(self, source: Object) -> dict[str, Sight]:
        namespace, name = objects.namespace(source) or "", objects.name(source)
        clusters = self._bootstrap.holders(namespace, name)
        clusters |= frozenset(objects.status(source).get("clusters") or [])
        return {cluster: self._sight(source, cluster) for cluster in clusters}

    def _sight(self, source: Object, cluster: str) -> Sight:
        path = self._path(source, cluster)
        member = self._members.get(cluster)
        if member is None:
            return Sight(self._bootstrap.text(path), False, None, attached=False)
        live = member.find("Kustomization", objects.namespace(source), objects.name(source))
        return Sight(
            self._bootstrap.text(path),
            reachable=member.ready,
            live=live,
            caught_up=self._caught_up(member, source, path),
            lifts=self._remedies.lift_before_delete,
        )

    def _caught_up(self, member: Member, source: Object, path: str) -> bool:
        """Whether Kustomization `project` has applied the commit that is waited for."""
        awaited = self._bootstrap.position(self._awaited.get(path, ""))
        project = member.find("Kustomization", objects.namespace(source), kinds.PROJECT)
        if awaited is None or project is None:
            return True
        revision = str(objects.status(project).get("lastAppliedRevision") or "")
        found = _COMMIT.search(revision)
        applied = self._bootstrap.position(found.group()) if found else None
        return applied is not None and applied >= awaited

    @staticmethod
    def _path(source: Object, cluster: str) -> str:
        return layout.manifest(cluster, objects.namespace(source) or "", objects.name(source))

    # -- telling ---------------------------------------------------------------------------

    def _warn(self, source: Object, reason: str, message: str) -> None:
        self._events.warning(source, reason, message)
        self._report(source, reason, message)

    def _report(
        self, source: Object, reason: str, message: str, *, good: bool = False, **more: Any
    ) -> None:
        value: Literal["True", "False"] = "True" if good else "False"
        conditions = [
            kinds.condition(source, each, value, reason, message)
            for each in ("Ready", decision.SYNCED)
        ]
        kinds.write_conditions(self._cluster, source, conditions, clock=self._clock, **more)
