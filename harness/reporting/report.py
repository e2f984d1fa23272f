"""
The published report: models with a versioned schema, and their YAML.

The YAML is an interface for vendors: names on the wire are camelCase and tested. How a report is
drawn from the record of a run is in `drawing`.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any, Final

import yaml
from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from harness.reporting.text import printable_all

SCHEMA_VERSION: Final = "1.3"
WORDING: Final = "CD-STATUS-03"  # the one requirement that is about the page's words


class _Model(BaseModel):
    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, extra="forbid", frozen=True
    )


class Implementation(_Model):
    """Who made what was judged."""

    organization: str
    project: str
    url: str
    version: str
    contact: list[str]


class Harness(_Model):
    """What judged."""

    version: str
    commit: str
    suite_digest: str
    schema_version: str = SCHEMA_VERSION


class Cluster(_Model):
    """A cluster of the fleet."""

    name: str
    role: str
    version: str
    image: str = ""
    image_digest: str = ""


class Program(_Model):
    """A program as it was on disk."""

    name: str
    under_test: bool
    module: str
    version: str
    checksum: str
    digest: str


class Module(_Model):
    """A Go module of which files were used as they are."""

    name: str
    module: str
    version: str
    checksum: str


class Environment(_Model):
    """What was judged, and where."""

    system: str
    provider: str
    controllers: str = "host"
    desk_run: bool
    clusters: list[Cluster]
    programs: list[Program]
    modules: list[Module] = []


class Profile(_Model):
    """What the system claims."""

    name: str
    dialect: str
    may_poke: bool
    capabilities: list[str]


class Tally(_Model):
    """How many of the requirements that count were shown."""

    passed: int
    total: int


class Requirements(_Model):
    """Tallies by level, and how often each verdict was given."""

    by_level: dict[str, Tally]
    by_verdict: dict[str, int]


class Statistics(_Model):
    """Counts of scenarios by outcome, and the run's timing."""

    scenarios: int
    passed: int
    failed: int
    skipped: int
    errored: int
    interrupted: int
    inconclusive: int
    duration_seconds: float


class RequirementRow(_Model):
    """The verdict on one requirement."""

    id: str
    level: str
    area: str
    title: str
    source: str
    judged: str
    supplied_by: str | None
    verdict: str
    code: str | None
    note: str
    scenarios: list[str]


class CapabilityRow(_Model):
    """The verdict on one capability: that of the gravest of its scenarios."""

    name: str
    claimed: bool
    verdict: str
    scenarios: list[str]


class ScenarioRow(_Model):
    """How one scenario ended."""

    id: str
    feature: str
    name: str
    outcome: str
    verdict: str
    code: str | None
    note: str
    requirements: list[str]
    capabilities: list[str]
    failed_step: str
    poked: bool
    quiet_window_by_clock: bool
    attempts: int
    duration_seconds: float
    timings_seconds: dict[str, float]


class Deviation(_Model):
    """A failure that the baseline lists, and what became of it in this run."""

    subject: str
    requirement: str
    reason: str
    evidence: str
    verdict: str


class Shard(_Model):
    """Which part of the selected scenarios was run; numbered from 1."""

    number: int
    of: int


class Part(_Model):
    """A shard that a merged report was made of."""

    number: int
    seed: int
    date: str
    scenarios: int
    duration_seconds: float
    digest: str


class Report(_Model):
    """One run, as it is published; the duration of a merged one is from first start to last end."""

    schema_version: str = SCHEMA_VERSION
    word: str
    date: str
    seed: int
    selection: str
    subset: bool
    shard: Shard | None = None
    merged_from: list[Part] = []
    interrupted: bool
    environment_error: str
    troubles: list[str] = []
    fail_on: str
    exit_code: int
    implementation: Implementation
    harness: Harness
    environment: Environment
    profile: Profile
    statistics: Statistics
    requirement_statistics: Requirements
    capabilities: list[CapabilityRow]
    requirements: list[RequirementRow]
    scenarios: list[ScenarioRow]
    baseline: str
    deviations: list[Deviation]
    patience_seconds: dict[str, float]
    digest: str = ""


def supplied(report: Report) -> int:
    """How many requirements were satisfied by the reference, not by the system judged."""
    return sum(row.supplied_by is not None for row in report.requirements)


def seeds(report: Report) -> str:
    """The seed, or those of the shards, where they are not the same."""
    drawn = [report.seed, *(part.seed for part in report.merged_from)]
    return ", ".join(map(str, dict.fromkeys(drawn)))


def wording(report: Report) -> str | None:
    """That the page's words were not the ones used, in a line of its own; None if they were."""
    for row in report.requirements:
        if row.id == WORDING and row.verdict == "passed" and row.note.startswith("variant: "):
            return f"{row.id} passed as {row.note}"
    return None


def to_wire(report: Report) -> dict[str, Any]:
    """The report as it is written, without anything that YAML or XML could not hold."""
    plain: dict[str, Any] = printable_all(report.model_dump(mode="json", by_alias=True))
    return plain


def to_yaml(report: Report) -> str:
    """report.yaml."""
    return yaml.dump(
        to_wire(report), Dumper=yaml.CSafeDumper, sort_keys=False, allow_unicode=True, width=100
    )


def from_yaml(text: str) -> Report:
    """The report that a report.yaml holds."""
    return Report.model_validate(yaml.load(text, Loader=yaml.CSafeLoader))


def digest_of(wire: dict[str, Any]) -> str:
    """The digest of a report's content, its own digest left out."""
    content = {key: value for key, value in wire.items() if key != "digest"}
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return "sha256:" + hashlib.sha256(canonical.encode()).hexdigest()


def json_schema() -> str:
    """The JSON Schema of report.yaml, as shipped in report.schema.json."""
    schema = Report.model_json_schema(by_alias=True, mode="serialization")
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["title"] = f"gitops-conformance report, version {SCHEMA_VERSION}"
    return json.dumps(schema, indent=2, sort_keys=True) + "\n"


if __name__ == "__main__":
    print(json_schema(), end="")  # noqa: T201 - the way to regenerate report.schema.json
