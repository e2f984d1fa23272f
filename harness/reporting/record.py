"""
The record of a run: what was run, step by step, and on what; frozen, and plain on the wire.

Scenario records travel from workers as plain dicts. No verdict is in here: `report` draws them.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from functools import cache
from typing import Any, TypeVar, cast

from pydantic import TypeAdapter

from harness.errors import InconclusiveCode
from harness.model.sharding import Shard
from harness.model.verdict import Outcome

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Attachment:
    """A piece of evidence: short text inside the record, or a file below the report's folder."""

    name: str
    media_type: str = "text/plain"
    text: str | None = None
    path: str | None = None


@dataclass(frozen=True, slots=True)
class Moment:
    """One thing that happened: when (seconds after the scenario began), where and what."""

    at: float
    lane: str
    text: str
    kind: str = "change"  # change | request | step | failure


@dataclass(frozen=True, slots=True)
class StepRecord:
    """How one step ended."""

    keyword: str
    text: str
    outcome: Outcome
    duration: float = 0.0
    message: str = ""
    line: int = 0
    attachments: tuple[Attachment, ...] = ()


@dataclass(frozen=True, slots=True)
class ScenarioRecord:
    """How one scenario ended; `id` is stable from run to run."""

    id: str
    feature: str
    name: str
    outcome: Outcome
    uri: str = ""
    line: int = 0
    tags: tuple[str, ...] = ()
    requirements: tuple[str, ...] = ()
    capabilities: tuple[str, ...] = ()
    message: str = ""
    failed_step: str = ""
    code: InconclusiveCode | None = None
    variant: str | None = None
    poked: bool = False
    quiet_window_by_clock: bool = False
    attempts: int = 1
    worker: str = ""
    started: str = ""
    duration: float = 0.0
    steps: tuple[StepRecord, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    moments: tuple[Moment, ...] = ()
    timings: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Implementation:
    """Who made what was judged."""

    organization: str = ""
    project: str = ""
    url: str = ""
    version: str = ""
    contact: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ClusterRecord:
    """One cluster of the fleet."""

    name: str
    role: str  # management | attached
    version: str
    image: str = ""  # of its node, where it is a container
    image_digest: str = ""  # as its registry has it (name@sha256:...), else the image's ID


@dataclass(frozen=True, slots=True)
class ProgramRecord:
    """One program as it was on disk: where it comes from and what exactly it is."""

    name: str
    module: str = ""
    version: str = ""
    checksum: str = ""  # of the module, as the Go checksum database has it
    digest: str = ""  # of the executable
    under_test: bool = False


@dataclass(frozen=True, slots=True)
class ModuleRecord:
    """A Go module of which files were used as they are, such as the CRDs of a controller."""

    name: str
    module: str
    version: str
    checksum: str  # as the Go checksum database has it


@dataclass(frozen=True, slots=True)
class ProfileRecord:
    """What the system claims."""

    name: str
    dialect: str
    capabilities: tuple[str, ...]
    may_poke: bool = False


@dataclass(frozen=True, slots=True)
class DeviationRecord:
    """What the baseline lists: a scenario that is known to fail, and why."""

    scenario: str
    requirement: str
    reason: str
    evidence: str


@dataclass(frozen=True, slots=True)
class PartRecord:
    """A shard that went into a merged record; `digest` is that of its report."""

    number: int
    seed: int
    started: str
    duration: float
    scenarios: int
    digest: str


@dataclass(frozen=True, slots=True)
class RunRecord:
    """One run: everything that its reports are written from."""

    started: str  # ISO 8601, UTC
    duration: float
    seed: int
    system: str
    provider: str
    harness_version: str
    profile: ProfileRecord
    scenarios: tuple[ScenarioRecord, ...]
    controllers: str = "host"  # where those of the system ran: host | in-cluster
    suite_digest: str = ""
    harness_commit: str = ""
    selection: str = ""  # how the user chose; "" is the whole suite
    subset: bool = False
    shard: Shard | None = None  # of the selected scenarios only this part was run
    merged: tuple[PartRecord, ...] = ()  # the shards that this record was made of
    judged: tuple[str, ...] = ("management", "attached", "both")
    fail_on: str = "must"
    interrupted: bool = False
    environment_error: str = ""
    troubles: tuple[str, ...] = ()  # outside of scenarios: what was left behind, not collected
    implementation: Implementation = Implementation()
    clusters: tuple[ClusterRecord, ...] = ()
    programs: tuple[ProgramRecord, ...] = ()
    modules: tuple[ModuleRecord, ...] = ()
    baseline: str = ""  # the file of the baseline in use; "" is none
    deviations: tuple[DeviationRecord, ...] = ()
    patience: dict[str, float] = field(default_factory=dict)
    attachments: tuple[Attachment, ...] = ()

    @property
    def reasons(self) -> dict[str, str]:
        """Scenario -> the baseline's reason, as verdicts need it."""
        return {deviation.scenario: deviation.reason for deviation in self.deviations}

    @property
    def partial(self) -> bool:
        """Whether less than the whole suite was to be run, or could be."""
        return self.subset or self.interrupted or self.shard is not None


@cache
def _adapter(kind: Hashable) -> TypeAdapter[Any]:
    return TypeAdapter(cast(type[Any], kind))


def to_plain(record: Any) -> dict[str, Any]:
    """The record as what JSON can hold."""
    return cast(
        dict[str, Any], _adapter(cast(Hashable, type(record))).dump_python(record, mode="json")
    )


def from_plain(kind: type[T], plain: Any) -> T:
    """The record of that kind that `to_plain` was given."""
    # JSON has lists where records have tuples, so strictness would refuse our own output.
    return cast(T, _adapter(cast(Hashable, kind)).validate_python(plain))
