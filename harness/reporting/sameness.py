"""
Two reports side by side: do they give the same verdicts, wherever they came from?

For one system on two kinds of clusters. What must agree is the judgement; where it was made, how
long it took and which names were drawn may differ.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from harness.reporting.report import Report, seeds

_ABSENT = "absent"


@dataclass(frozen=True, slots=True)
class Comparison:
    """What differs, a line each."""

    verdicts: tuple[str, ...]
    """Differences of the judgement."""
    environment: tuple[str, ...]
    """Differences that are expected between places."""
    compared: int
    """How many verdicts were laid side by side."""


def compare(one: Report, other: Report) -> Comparison:
    """All differences of two reports, in the order of the first."""
    left, right = _verdicts(one), _verdicts(other)
    return Comparison(
        tuple(_differences(left, right)),
        tuple(_differences(_environment(one), _environment(other))),
        len(left.keys() | right.keys()),
    )


def _differences(left: Mapping[str, str], right: Mapping[str, str]) -> list[str]:
    keys = dict.fromkeys([*left, *right])
    pairs = [(key, left.get(key, _ABSENT), right.get(key, _ABSENT)) for key in keys]
    return [f"{key}: {before} / {after}" for key, before, after in pairs if before != after]


def _verdicts(report: Report) -> dict[str, str]:
    found = {
        "word": report.word,
        "system": report.environment.system,
        "dialect": report.profile.dialect,
        "claimed": ", ".join(sorted(report.profile.capabilities)),
        # Other features or fixtures would make equal verdicts say nothing.
        "suite": report.harness.suite_digest,
        "selection": report.selection,
        "shard": f"{report.shard.number} of {report.shard.of}" if report.shard else "none",
    }
    for row in report.requirements:
        found[f"requirement {row.id}"] = _told(row.verdict, row.code)
    for capability in report.capabilities:
        found[f"capability {capability.name}"] = capability.verdict
    for scenario in report.scenarios:
        found[f"scenario {scenario.id}"] = _told(scenario.verdict, scenario.code)
    return found


def _told(verdict: str, code: str | None) -> str:
    return f"{verdict} ({code})" if code else verdict


def _environment(report: Report) -> dict[str, str]:
    versions = sorted({cluster.version for cluster in report.environment.clusters})
    return {
        "provider": report.environment.provider,
        "clusters": str(len(report.environment.clusters)),
        "Kubernetes": ", ".join(versions),
        "date": report.date,
        "seed": seeds(report),
        "harness": f"{report.harness.version} {report.harness.commit[:12]}".strip(),
        "duration": f"{report.statistics.duration_seconds:.0f} s",
    }
