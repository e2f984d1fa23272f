"""
From the record of a run to its report: verdicts, counts, provenance, all in a fixed order.

The rules of verdicts are in `model.verdict`, the form of the report in `report`.
"""

from __future__ import annotations

from typing import Any

from harness.errors import HarnessBug
from harness.model import verdict
from harness.model.catalogue import Catalogue, Judged, Level
from harness.model.verdict import Conclusion, Finding, Result, Scope, Verdict
from harness.reporting.record import RunRecord, ScenarioRecord
from harness.reporting.report import (
    CapabilityRow,
    Cluster,
    Deviation,
    Environment,
    Harness,
    Implementation,
    Module,
    Part,
    Profile,
    Program,
    Report,
    RequirementRow,
    Requirements,
    ScenarioRow,
    Shard,
    Statistics,
    Tally,
    digest_of,
    to_wire,
)
from harness.reporting.text import first_line, printable


def draw(run: RunRecord, catalogue: Catalogue) -> Report:
    """The report on a run: its verdicts, counts and provenance, in a fixed order."""
    concluded = conclude(run, catalogue)
    drawn = Report(
        word=concluded.word,
        date=run.started,
        seed=run.seed,
        selection=printable(run.selection),
        subset=run.subset or run.shard is not None,
        **_sharding(run),
        interrupted=run.interrupted,
        environment_error=printable(run.environment_error),
        troubles=[printable(trouble) for trouble in run.troubles],
        fail_on=run.fail_on,
        exit_code=_exit_code(run, concluded, catalogue),
        **_identity(run),
        statistics=statistics(run),
        requirement_statistics=_requirement_statistics(concluded, catalogue),
        capabilities=_capabilities(run, concluded),
        requirements=_requirements(run, concluded, catalogue),
        scenarios=[_scenario(s, concluded.scenarios[s.id]) for s in _ordered(run)],
        baseline=printable(run.baseline),
        deviations=_deviations(run, concluded),
        patience_seconds=dict(sorted(run.patience.items())),
    )
    return drawn.model_copy(update={"digest": digest_of(to_wire(drawn))})


def conclude(run: RunRecord, catalogue: Catalogue) -> Conclusion:
    """The verdicts on a run."""
    identifiers = [scenario.id for scenario in run.scenarios]
    if twice := sorted({i for i in identifiers if identifiers.count(i) > 1}):
        raise HarnessBug(f"more than one scenario is called {', '.join(twice)}")
    claimed = set(run.profile.capabilities)
    results = [
        Result(
            scenario=scenario.id,
            outcome=scenario.outcome,
            requirements=scenario.requirements,
            code=scenario.code,
            message=first_line(printable(scenario.message), limit=400),
            unclaimed=tuple(c for c in scenario.capabilities if c not in claimed),
            variant=scenario.variant,
        )
        for scenario in _ordered(run)
    ]
    return verdict.conclude(
        results,
        catalogue,
        deviations=run.reasons,
        scope=Scope(run.partial, frozenset(Judged(j) for j in run.judged)),
    )


def statistics(run: RunRecord) -> Statistics:
    """How many scenarios ended how; the numbers that every format shows."""
    counts = {o: sum(s.outcome == o for s in run.scenarios) for o in verdict.OUTCOMES}
    return Statistics(
        scenarios=len(run.scenarios), duration_seconds=round(run.duration, 3), **counts
    )


def _sharding(run: RunRecord) -> dict[str, Any]:
    return {
        "shard": Shard(number=run.shard.number, of=run.shard.of) if run.shard else None,
        "merged_from": [
            Part(
                number=part.number,
                seed=part.seed,
                date=part.started,
                scenarios=part.scenarios,
                duration_seconds=round(part.duration, 3),
                digest=part.digest,
            )
            for part in sorted(run.merged, key=lambda part: part.number)
        ],
    }


def _identity(run: RunRecord) -> dict[str, Any]:
    made = run.implementation
    return {
        "implementation": Implementation(
            organization=made.organization,
            project=made.project,
            url=made.url,
            version=made.version,
            contact=list(made.contact),
        ),
        "harness": Harness(
            version=run.harness_version, commit=run.harness_commit, suite_digest=run.suite_digest
        ),
        "environment": Environment(
            system=run.system,
            provider=run.provider,
            controllers=run.controllers,
            desk_run=run.provider == "local",
            clusters=[
                Cluster(
                    name=c.name,
                    role=c.role,
                    version=c.version,
                    image=c.image,
                    image_digest=c.image_digest,
                )
                for c in sorted(run.clusters, key=lambda c: (c.role != "management", c.name))
            ],
            programs=[
                Program(
                    name=p.name,
                    under_test=p.under_test,
                    module=p.module,
                    version=p.version,
                    checksum=p.checksum,
                    digest=p.digest,
                )
                for p in sorted(run.programs, key=lambda p: (not p.under_test, p.name))
            ],
            modules=[
                Module(name=m.name, module=m.module, version=m.version, checksum=m.checksum)
                for m in sorted(run.modules, key=lambda m: m.name)
            ],
        ),
        "profile": Profile(
            name=run.profile.name,
            dialect=run.profile.dialect,
            may_poke=run.profile.may_poke,
            capabilities=sorted(run.profile.capabilities),
        ),
    }


def _exit_code(run: RunRecord, concluded: Conclusion, catalogue: Catalogue) -> int:
    return int(
        verdict.exit_code(
            concluded,
            catalogue,
            fail_on=verdict.FAIL_ON[run.fail_on],
            untagged=[s.id for s in run.scenarios if not s.requirements],
            interrupted=run.interrupted,
            no_environment=bool(run.environment_error),
            troubled=bool(run.troubles),
        )
    )


def _requirement_statistics(concluded: Conclusion, catalogue: Catalogue) -> Requirements:
    found = [concluded.requirements[r.id].verdict for r in catalogue]
    return Requirements(
        by_level={
            str(level): Tally(passed=tally.passed, total=tally.total)
            for level, tally in ((level, concluded.tallies[level]) for level in Level)
        },
        by_verdict={str(each): found.count(each) for each in Verdict},
    )


def _requirements(
    run: RunRecord, concluded: Conclusion, catalogue: Catalogue
) -> list[RequirementRow]:
    behind: dict[str, list[str]] = {}
    for scenario in _ordered(run):
        for identifier in scenario.requirements:
            behind.setdefault(identifier, []).append(scenario.id)
    return [
        RequirementRow(
            id=r.id,
            level=str(r.level),
            area=r.area,
            title=r.title,
            source=r.source,
            judged=str(r.judged),
            supplied_by="reference" if r.id in concluded.supplied else None,
            verdict=str(concluded.requirements[r.id].verdict),
            code=concluded.requirements[r.id].code,
            note=concluded.requirements[r.id].note,
            scenarios=behind.get(r.id, []),
        )
        for r in catalogue
    ]


def _capabilities(run: RunRecord, concluded: Conclusion) -> list[CapabilityRow]:
    names = sorted({c for s in run.scenarios for c in s.capabilities} | {*run.profile.capabilities})
    rows = []
    for name in names:
        shown = [s.id for s in _ordered(run) if name in s.capabilities]
        found = [concluded.scenarios[identifier] for identifier in shown]
        rows.append(
            CapabilityRow(
                name=name,
                claimed=name in run.profile.capabilities,
                verdict=str(verdict.gravest(found).verdict),
                scenarios=shown,
            )
        )
    return rows


def _deviations(run: RunRecord, concluded: Conclusion) -> list[Deviation]:
    unseen = Finding(Verdict.NOT_RUN)
    return [
        Deviation(
            subject=printable(listed.scenario),
            requirement=printable(listed.requirement),
            reason=printable(listed.reason),
            evidence=printable(listed.evidence),
            verdict=str(concluded.scenarios.get(listed.scenario, unseen).verdict),
        )
        for listed in sorted(run.deviations, key=lambda listed: listed.scenario)
    ]


def _scenario(scenario: ScenarioRecord, finding: Finding) -> ScenarioRow:
    return ScenarioRow(
        id=scenario.id,
        feature=scenario.feature,
        name=scenario.name,
        outcome=scenario.outcome,
        verdict=str(finding.verdict),
        code=finding.code,
        note=finding.note,
        requirements=sorted(scenario.requirements),
        capabilities=sorted(scenario.capabilities),
        failed_step=scenario.failed_step,
        poked=scenario.poked,
        quiet_window_by_clock=scenario.quiet_window_by_clock,
        attempts=scenario.attempts,
        duration_seconds=round(scenario.duration, 3),
        timings_seconds={key: round(t, 3) for key, t in sorted(scenario.timings.items())},
    )


def _ordered(run: RunRecord) -> list[ScenarioRecord]:
    """The scenarios by id: under xdist they end in any order, and two reports must diff well."""
    return sorted(run.scenarios, key=lambda scenario: scenario.id)
