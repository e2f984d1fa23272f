"""
The last lines on a terminal: word, counts, what failed and where the report is.

Plain text; colours are the command line's.
"""

from __future__ import annotations

from pathlib import Path

from harness.model.catalogue import Level
from harness.model.verdict import OUTCOMES
from harness.reporting.report import Report, ScenarioRow, seeds, supplied, wording
from harness.reporting.text import first_line, printable, seconds


def summary(report: Report, path: Path | None = None) -> list[str]:
    """The lines that end a run, the word last but for the report's path."""
    lines = [
        line
        for row in report.scenarios
        if row.outcome in ("failed", "errored") or row.verdict == "unexpected-pass"
        for line in _told(row)
    ]
    lines += [
        f"Scenarios:     {_counts(report)} in {seconds(report.statistics.duration_seconds)}",
        f"Requirements:  {_levels(report)}",
        *_notes(report),
        *_apart(report),
        f"Judged:        {report.environment.system} on {_where(report)}, "
        f"dialect {report.profile.dialect}, seed {seeds(report)}",
        *_parts(report),
        f"Word:          {report.word}",
    ]
    if path is not None:
        lines.append(f"Report:        {path}")
    return lines


def _told(row: ScenarioRow) -> list[str]:
    where = f" at: {printable(row.failed_step)}" if row.failed_step else ""
    told = [f"{row.verdict.upper()} {printable(row.id)}{where}"]
    return [*told, f"    {first_line(row.note)}"] if row.note else told


def _counts(report: Report) -> str:
    numbers = [(outcome, getattr(report.statistics, outcome)) for outcome in OUTCOMES]
    named = [f"{number} {outcome}" for outcome, number in numbers if number or outcome == "passed"]
    return f"{report.statistics.scenarios} run, {', '.join(named)}"


def _levels(report: Report) -> str:
    tallies = report.requirement_statistics.by_level
    return ", ".join(
        f"{tallies[level].passed} of {tallies[level].total} {level}" for level in Level
    )


def _notes(report: Report) -> list[str]:
    given = report.requirement_statistics.by_verdict
    told = [
        f"{given[name]} {name}"
        for name in ("unsupported", "known-deviation", "unexpected-pass", "inconclusive", "not-run")
        if given[name]
    ]
    return [f"               {', '.join(told)}"] if told else []


def _apart(report: Report) -> list[str]:
    """What must not be blurred into the counts: each a line of its own, where there is any."""
    told = []
    if number := supplied(report):
        told.append(f"Supplied:      {number} requirements by the reference")
    if report.baseline:
        given = [row.verdict for row in report.scenarios]
        told.append(
            f"Deviations:    {given.count('known-deviation')} known, "
            f"{given.count('unexpected-pass')} unexpectedly passed"
        )
    if said := wording(report):
        told.append(f"Wording:       {printable(said)}")
    return told


def _parts(report: Report) -> list[str]:
    if report.shard:
        return [
            f"Shard:         {report.shard.number} of {report.shard.of}; merge them all for a word"
        ]
    if report.merged_from:
        return [f"Merged:        {len(report.merged_from)} shards"]
    return []


def _where(report: Report) -> str:
    environment = report.environment
    where = f"{environment.provider} (desk run)" if environment.desk_run else environment.provider
    pods = environment.controllers == "in-cluster"
    return f"{where}, controllers in the clusters" if pods else where
