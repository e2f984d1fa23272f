"""
GitRepository: fetch a repository at an interval and offer what it holds as an archive.

What must happen is `decide` and the questions it asks; how it happens is `Sources`.

    deleted      the archive goes; also while suspended
    suspended    nothing is fetched, whoever asks; the archive stays
    impossible   said once (Stalled), then left alone until the spec changes
    otherwise    the remote is asked for its revision, and fetched from if that is new
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from enum import Enum, auto
from typing import Any

from harness.cluster import errors
from harness.cluster.client import Cluster
from harness.controllers import artifact, source_access, source_conditions, status
from harness.controllers import attached_fields as fields
from harness.controllers.artifact_storage import Storage
from harness.controllers.attached_fields import Failure
from harness.controllers.attached_objects import Objects
from harness.controllers.runtime import Key, Retry
from harness.controllers.source_fetch import Fetched, Fetcher
from harness.controllers.source_revision import Dialect
from harness.kit.clock import Clock, system_clock
from harness.model import conditions, objects
from harness.model.objects import Object, Ref

log = logging.getLogger(__name__)

_NOT_HERE = ("include", "proxySecretRef", "recurseSubmodules", "sparseCheckout", "verify")


class Plan(Enum):
    """What to do about a source."""

    CLEAN_UP = auto()
    REST = auto()
    REFUSE = auto()
    FETCH = auto()


def decide(source: Object) -> Plan:
    """What to do about a source; the order of the questions matters."""
    if objects.deleting(source):
        return Plan.CLEAN_UP
    if should_skip_suspended(source):
        return Plan.REST
    if fault(source):
        return Plan.REFUSE
    return Plan.FETCH


def should_skip_suspended(source: Object) -> bool:
    """Whether the source is left alone because it is suspended."""
    return fields.is_suspended(source)


def fault(source: Object) -> Failure | None:
    """Why no attempt could ever succeed with this spec, or None."""
    spec = objects.spec(source)
    if problem := source_access.url_fault(spec["url"]):
        return Failure("URLInvalid", problem, stalled=True)
    given = [name for name in _NOT_HERE if spec.get(name)]
    if spec.get("provider", "generic") != "generic":
        given.append("provider")
    if given:
        message = f"the reference implementation does not know spec.{given[0]}"
        return Failure(fields.NOT_IMPLEMENTED, message, stalled=True)
    return None


class Sources:
    """Reconciles GitRepositories of one cluster."""

    def __init__(
        self,
        cluster: Cluster,
        objects_: Objects,
        storage: Storage,
        fetcher: Fetcher,
        *,
        dialect: Dialect,
        clock: Clock = system_clock,
    ) -> None:
        self._cluster = cluster
        self._objects = objects_
        self._storage = storage
        self._fetcher = fetcher
        self._dialect = dialect
        self._clock = clock
        self._events = status.Events(cluster, "source-controller", clock)

    def __call__(self, key: Key) -> float | None:
        """Reconcile one source; the seconds until the next time, or None."""
        source = self._objects.get(key)
        if source is None:
            self._storage.remove(key)
            return None
        try:
            return self._carry_out(decide(source), key, source)
        except errors.ClusterError as error:
            raise Retry(str(error)) from error

    def _carry_out(self, plan: Plan, key: Key, source: Object) -> float | None:
        if plan is Plan.CLEAN_UP:
            self._storage.remove(key)
            self._objects.remove_finalizer(source)
            return None
        source = self._objects.add_finalizer(source)
        if plan is Plan.REST:
            self._rest(source)
            return None
        if plan is Plan.REFUSE and (failure := fault(source)):
            self._fail(source, failure)
            return None
        return self._fetch(key, source)

    def _rest(self, source: Object) -> None:
        known = objects.status(source)
        after = fields.handled(source, known)
        if known.get("conditions"):
            after["observedGeneration"] = objects.generation(source)
            after["conditions"] = source_conditions.resting(source)
        self._objects.write_status(source, self._with_address(after))

    def _fetch(self, key: Key, source: Object) -> float:
        recovering = conditions.find(source, "FetchFailed") is not None
        if not source_conditions.is_announced(source):
            source = self._write(source, {}, source_conditions.progressing(source), done=False)
        try:
            secret = self._secret(source)
            fetched = self._fetcher.update(source, secret, stored=self._has_artifact(source))
            stored = self._store(key, fetched) if fetched else objects.status(source)["artifact"]
        except Failure as failure:
            self._fail(source, failure)
            raise Retry(failure.message) from None
        self._succeed(source, stored, fetched, recovered=recovering)
        return fields.interval(source)

    def _secret(self, source: Object) -> dict[str, bytes]:
        """The data of the source's Secret, read anew each time: Secrets are not watched."""
        name = (objects.spec(source).get("secretRef") or {}).get("name")
        if not name:
            return {}
        namespace = objects.namespace(source)
        secret = self._cluster.find(Ref("v1", "Secret", name, namespace))
        if secret is None:
            raise source_access.not_configured(
                f"failed to get secret '{namespace}/{name}': secrets \"{name}\" not found"
            )
        return source_access.decoded(secret.get("data") or {})

    def _has_artifact(self, source: Object) -> bool:
        stored = objects.status(source).get("artifact") or {}
        return self._storage.has(stored["path"]) if stored else False

    def _store(self, key: Key, fetched: Fetched) -> Object:
        path = self._storage.path(key, fetched.commit)
        self._storage.write(path, fetched.archive)
        return {
            "digest": artifact.digest(fetched.archive),
            "lastUpdateTime": status.timestamp(self._clock),
            "path": path,
            "revision": fetched.revision,
            "size": len(fetched.archive),
            "url": self._storage.url(path),
        }

    def _succeed(
        self, source: Object, stored: Object, fetched: Fetched | None, *, recovered: bool
    ) -> None:
        before = (objects.status(source).get("artifact") or {}).get("digest")
        after = {
            "artifact": stored,
            "observedGeneration": objects.generation(source),
            "observedIgnore": objects.spec(source).get("ignore"),
        }
        revision = stored["revision"]
        self._write(source, after, source_conditions.succeeded(source, revision, self._dialect))
        marks = {
            f"{fields.SOURCE_GROUP}/revision": revision,
            f"{fields.SOURCE_GROUP}/digest": stored["digest"],
        }
        # Another revision with the same content is no new archive.
        message = stored_event(fetched.subject) if fetched else stored_event(revision, most=None)
        if fetched and before != stored["digest"]:
            log.info("%s has %s", Key.of(source), revision)
            self._events.normal(source, "NewArtifact", message, **marks)
        elif recovered:
            self._events.normal(source, "Succeeded", message, **marks)

    def _fail(self, source: Object, failure: Failure) -> None:
        before = conditions.find(source, "FetchFailed") or {}
        done = {"observedGeneration": objects.generation(source)} if failure.stalled else {}
        self._write(source, done, source_conditions.failed(source, failure))
        if (before.get("reason"), before.get("message")) != (failure.reason, failure.message):
            self._events.warning(source, failure.reason, failure.message)

    def _write(
        self, source: Object, change: Mapping[str, Any], new: list[Object], *, done: bool = True
    ) -> Object:
        known = objects.status(source)
        now = status.timestamp(self._clock)
        # A request counts as handled when its attempt has ended, not when it begins.
        after = fields.handled(source, {**known, **change}) if done else {**known, **change}
        after["conditions"] = status.merged(known.get("conditions") or [], new, now=now)
        after = {name: value for name, value in after.items() if value is not None}
        return self._objects.write_status(source, self._with_address(after))

    def _with_address(self, after: dict[str, Any]) -> dict[str, Any]:
        """`after`, the archive's address being that of this process's file server."""
        stored = after.get("artifact")
        if not stored:
            return after
        return {**after, "artifact": {**stored, "url": self._storage.url(stored["path"])}}


def stored_event(subject: str, *, most: int | None = 50) -> str:
    """The message of the event on a new revision."""
    cut = subject[:most] + "..." if most and len(subject) > most else subject
    return f"stored artifact for commit '{cut}'"
