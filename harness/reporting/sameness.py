"""
Two reports side by side: do they give the same verdicts, wherever they came from?

For one system on two kinds of clusters. What must agree is the judgement; where it was made, how
long it took and which names were drawn may differ.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from harness.model import profile
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
    # Where one of them has no clusters for it, there is nothing to lay beside the other's verdict.
    apart = profile.OF_CLUSTERS & (_claims(one) ^ _claims(other))
    left, right = _verdicts(one, apart), _verdicts(other, apart)
    return Comparison(
        tuple(_differences(left, right)),
        tuple(_differences(_environment(one), _environment(other))),
        len(left.keys() | right.keys()),
    )


def _differences(left: Mapping[str, str], right: Mapping[str, str]) -> list[str]:
    keys = dict.fromkeys([*left, *right])
    pairs = [(key, left.get(key, _ABSENT), right.get(key, _ABSENT)) for key in keys]
    return [f"{key}: {before} / {after}" for key, before, after in pairs if before != after]


def _claims(report: Report) -> frozenset[str]:
    return frozenset(report.profile.capabilities)


def _verdicts(report: Report, apart: frozenset[str]) -> dict[str, str]:
    found = {
        "word": report.word,
        "system": report.environment.system,
        "dialect": report.profile.dialect,
        "claimed": ", ".join(sorted(_claims(report) - apart)),
        # Other features or fixtures would make equal verdicts say nothing.
        "suite": report.harness.suite_digest,
        "selection": report.selection,
        "shard": f"{report.shard.number} of {report.shard.of}" if report.shard else "none",
    }
    for row in report.requirements:
        found[f"requirement {row.id}"] = _told(row.verdict, row.code)
    for capability in report.capabilities:
        if capability.name not in apart:
            found[f"capability {capability.name}"] = capability.verdict
    for scenario in report.scenarios:
        if apart.isdisjoint(scenario.capabilities):
            found[f"scenario {scenario.id}"] = _told(scenario.verdict, scenario.code)
    return found


def _told(verdict: str, code: str | None) -> str:
    return f"{verdict} ({code})" if code else verdict


def _environment(report: Report) -> dict[str, str]:
    versions = sorted({cluster.version for cluster in report.environment.clusters})
    return {
        "provider": report.environment.provider,
        "controllers": report.environment.controllers,
        "of the clusters": ", ".join(sorted(_claims(report) & profile.OF_CLUSTERS)) or "nothing",
        "clusters": str(len(report.environment.clusters)),
        "Kubernetes": ", ".join(versions),
        "date": report.date,
        "seed": seeds(report),
        "harness": f"{report.harness.version} {report.harness.commit[:12]}".strip(),
        "duration": f"{report.statistics.duration_seconds:.0f} s",
    }
