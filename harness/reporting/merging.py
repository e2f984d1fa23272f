"""
From the records of all shards to the record of the run that they are parts of.

Only what was seen is put together; verdicts, counts and the word are drawn from it afterwards, as
from any record. What does not belong together is refused with a UsageError.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from harness.errors import UsageError
from harness.model.sharding import Shard
from harness.reporting.record import PartRecord, RunRecord

_ABSENT = "absent"


@dataclass(frozen=True, slots=True)
class Part:
    """The record of a shard, what the user calls it, and the digest of its report."""

    name: str
    run: RunRecord
    digest: str


def merge(parts: Sequence[Part]) -> RunRecord:
    """The record of the whole run; the order of the parts does not matter."""
    ordered = _ordered(parts)
    for part in ordered[1:]:
        _check_alike(ordered[0], part)
    _check_disjoint(ordered)
    runs = [part.run for part in ordered]
    begun = min(runs, key=_start)
    return replace(
        runs[0],
        started=begun.started,
        duration=(max(map(_end, runs)) - _start(begun)).total_seconds(),
        scenarios=tuple(scenario for run in runs for scenario in run.scenarios),
        shard=None,
        merged=tuple(
            PartRecord(number, p.run.seed, p.run.started, p.run.duration, len(p.run.scenarios),
                       p.digest)
            for number, p in enumerate(ordered, 1)
        ),
        interrupted=any(run.interrupted for run in runs),
        environment_error=next(filter(None, (run.environment_error for run in runs)), ""),
        troubles=tuple(
            f"shard {number}: {trouble}"
            for number, run in enumerate(runs, 1)
            for trouble in run.troubles
        ),
        attachments=tuple(attachment for run in runs for attachment in run.attachments),
    )  # fmt: skip


def _ordered(parts: Sequence[Part]) -> list[Part]:
    """Every shard exactly once, by number."""
    found: dict[int, Part] = {}
    first = parts[0]
    for part in parts:
        number, of = _shard(part).number, _shard(part).of
        if of != _shard(first).of:
            raise UsageError(
                f"{first.name} is a shard of {_shard(first).of}, but {part.name} is one of {of}."
            )
        if number in found:
            raise UsageError(
                f"Shard {number} of {of} is there twice: {found[number].name} and {part.name}."
            )
        found[number] = part
    wanted = range(1, _shard(first).of + 1)
    if missing := [str(number) for number in wanted if number not in found]:
        what = "Shard" if len(missing) == 1 else "Shards"
        are = "is" if len(missing) == 1 else "are"
        raise UsageError(
            f"{what} {', '.join(missing)} of {len(wanted)} {are} missing; "
            "without all of them nothing can be said of the whole."
        )
    return [found[number] for number in wanted]


def _shard(part: Part) -> Shard:
    if part.run.shard is None:
        made = "was merged already" if part.run.merged else "is that of a whole run"
        raise UsageError(
            f"The report {part.name} {made}, no shard's; shards come of `run --shard 1/2`."
        )
    return part.run.shard


def _check_alike(one: Part, other: Part) -> None:
    """One run has one system on clusters of one kind, judged by one suite."""
    left, right = _circumstances(one.run), _circumstances(other.run)
    for what in dict.fromkeys([*left, *right]):
        before, after = left.get(what, _ABSENT), right.get(what, _ABSENT)
        if before != after:
            raise UsageError(
                f"{one.name} and {other.name} are no shards of one run: "
                f"{what} is {before} in the one and {after} in the other."
            )


def _circumstances(run: RunRecord) -> Mapping[str, str]:
    """All that the shards of a run share: everything but seed, time and what came of it."""
    return {
        "the system": run.system,
        "the provider of clusters": run.provider,
        "the place of the controllers": run.controllers,
        "the suite": run.suite_digest,
        "the harness": f"{run.harness_version} {run.harness_commit}".strip(),
        "the selection": run.selection or "the whole suite",
        "--fail-on": run.fail_on,
        "the dialect": run.profile.dialect,
        "the claim of capabilities": ", ".join(sorted(run.profile.capabilities)),
        "the leave to ask for early reconciles": str(run.profile.may_poke),
        "what is judged": ", ".join(run.judged),
        "the implementation": str(run.implementation),
        "the baseline": run.baseline or "none",
        **{f"the deviation {each.scenario}": str(each) for each in run.deviations},
        **{
            f"cluster {each.name}": f"{each.role} {each.version} {each.image_digest}".strip()
            for each in run.clusters
        },
        **{
            f"program {each.name}": f"{each.module} {each.version} {each.checksum} {each.digest}"
            for each in run.programs
        },
        **{f"module {each.module}": f"{each.version} {each.checksum}" for each in run.modules},
        **{f"--deadline {name}": f"{value:g} s" for name, value in run.patience.items()},
    }


def _check_disjoint(parts: Sequence[Part]) -> None:
    seen: dict[str, str] = {}
    for part in parts:
        for scenario in part.run.scenarios:
            if scenario.id in seen:
                raise UsageError(
                    f"The scenario {scenario.id} is both in {seen[scenario.id]} and in {part.name}."
                )
            seen[scenario.id] = part.name


def _start(run: RunRecord) -> datetime:
    return datetime.fromisoformat(run.started)


def _end(run: RunRecord) -> datetime:
    return _start(run) + timedelta(seconds=run.duration)
