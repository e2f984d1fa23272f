"""
One sequence, played on both sides: the same operations, and after each the same look at both.

What is seen is for `snapshot` to say, what differs for `comparing`.
"""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Final, TypeVar

from harness.cluster import errors
from harness.cluster.client import Cluster
from harness.differential import comparing, setting, snapshot
from harness.differential import operations as ops
from harness.differential.comparing import Difference
from harness.differential.operations import KUSTOMIZATION, SOURCE, Operation, Sequence
from harness.differential.settling import Rest
from harness.errors import HarnessError, Inconclusive, NotYet
from harness.gitserver.access import Access, Account
from harness.gitserver.client import GitServer, Repository
from harness.model.objects import Object, Ref
from harness.observe.observer import Observer, Scope

Result = TypeVar("Result")
_MANAGER: Final = "gitops-conformance"
_PASSWORD: Final = "Kp7-reads-only"  # noqa: S105 - opens a repository of a run, on loopback
_SECRETS: Final[dict[str, dict[str, str] | None]] = {
    "right": {"username": setting.READER, "password": _PASSWORD},
    "wrong": {"username": setting.READER, "password": "not-" + _PASSWORD},
    "password-only": {"password": _PASSWORD},
    "empty": {},
    "missing": None,
}


@dataclass(frozen=True, slots=True)
class Played:
    """What came of a sequence."""

    sequence: Sequence
    seconds: float
    differences: tuple[Difference, ...]
    told: tuple[Mapping[str, list[str]], Mapping[str, list[str]]] = ({}, {})
    """The events of both sides, as evidence."""
    trouble: str = ""
    """Why it could not be played to its end, where that was not a difference."""


class Player:
    """Plays sequences on two clusters, several at once."""

    def __init__(
        self, clusters: tuple[Cluster, Cluster], observer: Observer, git: GitServer
    ) -> None:
        self._clusters = clusters
        self._observer = observer
        self._git = git
        self._stopping = threading.Event()

    def stop(self) -> None:
        """End what is being played before its next operation."""
        self._stopping.set()

    def play(self, sequence: Sequence, namespace: str) -> Played:
        """Everything from the namespace to its removal; differences end nothing."""
        begun = time.monotonic()
        with (
            self._observer.scope(namespace) as scope,
            ThreadPoolExecutor(2, thread_name_prefix=namespace) as pool,
        ):
            repository = self._repository(sequence, namespace)
            sides = [Side(one, scope, namespace, sequence, repository) for one in self._clusters]
            performance = _Performance(sides, pool, self._stopping)
            trouble = ""
            try:
                performance.run(sequence.operations, repository, namespace)
            except HarnessError as error:
                trouble = f"{type(error).__name__}: {error}"
            finally:
                repository.clear_fault()
                performance.both(Side.end)
                repository.delete()
        return Played(
            sequence,
            time.monotonic() - begun,
            tuple(performance.found),
            performance.told,
            trouble or performance.restless,
        )

    def _repository(self, sequence: Sequence, namespace: str) -> Repository:
        access = Access()
        if sequence.private:
            access = Access("basic", (Account(setting.READER, _PASSWORD),))
        made = self._git.create_repository(f"team/{namespace}", access=access)
        made.commit(_files(sequence.first, namespace), message="Begin")
        return made


class _Performance:
    """Operations one after the other, on both sides at once."""

    def __init__(
        self, sides: list[Side], pool: ThreadPoolExecutor, stopping: threading.Event
    ) -> None:
        self._sides = sides
        self._stopping = stopping
        self._pool = pool
        self.found: list[Difference] = []
        self.told: tuple[Mapping[str, list[str]], Mapping[str, list[str]]] = ({}, {})

    @property
    def restless(self) -> str:
        """Why there is nothing to compare: neither side came to rest."""
        said = [side.restless for side in self._sides]
        return f"neither side came to rest: {said[0]}" if all(said) else ""

    def both(self, task: Callable[[Side], Result]) -> tuple[Result, Result]:
        """The same on both sides, at the same time."""
        left, right = self._pool.map(task, self._sides)
        return left, right

    def run(
        self, operations: tuple[Operation, ...], repository: Repository, namespace: str
    ) -> None:
        """Everything; ends early where one side does not come to rest."""
        self.both(Side.begin)
        self._compare(-1)
        for number, operation in enumerate(operations):
            if self._stopping.is_set():
                raise Inconclusive("deadline", "interrupted")
            if any(side.restless for side in self._sides):
                break
            _prepare(operation, repository, number, namespace)
            self.both(partial(Side.do, operation=operation))
            self._compare(number)
        self.both(Side.wait_for_events)
        self.told = self.both(Side.tell)
        left, right = self.told
        self.found += comparing.differences(
            {"events": left}, {"events": right}, operation=len(operations)
        )

    def _compare(self, operation: int) -> None:
        self.both(Side.settle)
        left, right = self.both(Side.look)
        self.found += comparing.differences(left, right, operation=operation)


@dataclass(slots=True)
class Side:
    """One cluster, as far as one sequence is concerned."""

    cluster: Cluster
    scope: Scope
    namespace: str
    sequence: Sequence
    repository: Repository
    _incarnations: dict[str, list[str]] = field(default_factory=dict)
    restless: str = ""

    @property
    def _rest(self) -> Rest:
        return Rest(self.cluster, self.scope, self.namespace)

    def begin(self) -> None:
        """Make what the sequence needs, and then the two objects."""
        for obj in setting.base(self.namespace):
            self.cluster.apply(obj, field_manager=_MANAGER)
        if self.sequence.private:
            self._set_secret("right")
        for subject in (SOURCE, KUSTOMIZATION):
            self.do(ops.Create(subject))
            # A Kustomization beside a source that has nothing yet would be a race.
            self._try(lambda subject=subject: self._rest.rest(subject, setting.APP))  # type: ignore[misc]

    def do(self, operation: Operation) -> None:
        """Carry out an operation as far as it concerns a cluster."""
        match operation:
            case ops.Create(subject):
                obj = setting.made(subject, self.sequence, self.namespace, self.repository.url())
                with contextlib.suppress(errors.AlreadyExists):
                    self.cluster.create(obj, field_manager=_MANAGER)
            case ops.Edit(subject, patch):
                text = patch.replace(ops.NAMESPACE, self.namespace)
                with contextlib.suppress(errors.NotFound):
                    self.cluster.patch(
                        setting.ref(subject, self.namespace),
                        {"spec": json.loads(text)},
                        field_manager=_MANAGER,
                    )
            case ops.Delete(subject):
                with contextlib.suppress(errors.NotFound):
                    self.cluster.delete(setting.ref(subject, self.namespace))
                self._try(lambda: self._rest.gone(subject))
            case ops.Manual():
                self._by_hand(operation)
            case ops.Credentials(state):
                self._set_secret(state)
            case ops.Account(present):
                self._set_account(present=present)
            case _:
                pass  # it is about the repository, which both sides share

    def settle(self) -> None:
        """Come to rest."""
        self._try(self._rest.reach)

    def wait_for_events(self) -> None:
        """All events have come."""
        self._rest.quiet()

    def look(self) -> comparing.Snapshot:
        """What is there now."""
        found = [
            obj
            for version, kind in snapshot.KINDS
            for obj in self.cluster.list(version, kind, self.namespace).items
        ]
        facts = snapshot.take([self._at_rest(obj) for obj in found], self._incarnations)
        return {**facts, "settling": {"all": {"at rest": self.restless or "yes"}}}

    def tell(self) -> dict[str, list[str]]:
        """What was told by events, from the beginning."""
        return snapshot.events(
            entry.object
            for entry in self.scope.history(cluster=self.cluster.name)
            if entry.object["kind"] == "Event" and entry.change != "DELETED"
        )

    def end(self) -> None:
        """Leave nothing behind; the namespace goes in its own time."""
        for subject in (KUSTOMIZATION, SOURCE):
            for ref in self._all(subject):
                with contextlib.suppress(errors.NotFound):
                    self.cluster.delete(ref)
        for subject in (KUSTOMIZATION, SOURCE):
            with contextlib.suppress(NotYet):
                self._rest.gone(subject)
        with contextlib.suppress(errors.NotFound):
            self.cluster.delete(Ref("v1", "Namespace", self.namespace))

    def _all(self, subject: str) -> list[Ref]:
        listed = self.cluster.list(setting.VERSIONS[subject], subject, self.namespace)
        return [Ref.of(obj) for obj in listed.items]

    def _try(self, wait: Callable[[], None]) -> None:
        try:
            wait()
        except NotYet as error:
            # That only one side comes to rest is a difference like any other.
            self.restless = snapshot.text(str(error).splitlines()[0])

    def _at_rest(self, obj: Object) -> Object:
        if obj["kind"] not in (SOURCE, KUSTOMIZATION):
            return obj
        try:
            return self._rest.resting(obj["kind"], obj["metadata"]["name"]) or obj
        except NotYet:
            return obj

    def _by_hand(self, operation: ops.Manual) -> None:
        ref = Ref(operation.api_version, operation.kind, operation.name, self.namespace)
        with contextlib.suppress(errors.NotFound, errors.Invalid):
            if not operation.patch:
                self.cluster.delete(ref)
                return
            text = operation.patch.replace(ops.NAMESPACE, self.namespace)
            self.cluster.patch(ref, json.loads(text), field_manager=operation.manager)

    def _set_secret(self, state: str) -> None:
        if not self.sequence.private:
            return
        ref = Ref("v1", "Secret", setting.SECRET, self.namespace)
        with contextlib.suppress(errors.NotFound):
            self.cluster.delete(ref)
        values = _SECRETS[state]
        if values is not None:
            self.cluster.create(setting.secret(self.namespace, values), field_manager=_MANAGER)

    def _set_account(self, *, present: bool) -> None:
        account = setting.account(self.namespace)
        with contextlib.suppress(errors.NotFound, errors.AlreadyExists):
            if present:
                self.cluster.create(account, field_manager=_MANAGER)
            else:
                self.cluster.delete(Ref.of(account))


def _prepare(operation: Operation, repository: Repository, number: int, namespace: str) -> None:
    """Carry out what concerns the repository, once for both sides."""
    message = f"Change {number}"
    match operation:
        case ops.Commit(files, branch, tag):
            repository.commit(
                _files(files, namespace), message=message, branch=branch, tag=tag or None,
                replace=True,
            )  # fmt: skip
        case ops.Rewrite(files):
            repository.delete_branch("main")
            repository.commit(_files(files, namespace), message=message, replace=True)
        case ops.Outage(kind):
            if kind is None:
                repository.clear_fault()
            else:
                repository.set_fault(kind)
        case _:
            pass


def _files(files: ops.Tree, namespace: str) -> dict[str, str | bytes]:
    return {path: content.replace(ops.NAMESPACE, namespace) for path, content in files}
