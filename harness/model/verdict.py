"""
Verdicts: the one table, how outcomes fold into them, the word on a report and the exit code.

Pure rules on plain values. What was run is recorded, and how it is written, in `reporting`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Final, Literal

from harness.errors import InconclusiveCode
from harness.model.catalogue import Catalogue, Judged, Level, Observable, Requirement

Outcome = Literal["passed", "failed", "skipped", "errored", "interrupted", "inconclusive"]
OUTCOMES: Final[tuple[Outcome, ...]] = (
    "passed",
    "failed",
    "skipped",
    "errored",
    "interrupted",
    "inconclusive",
)


class Verdict(StrEnum):
    """What is said about a scenario or a requirement."""

    PASSED = "passed"
    FAILED = "failed"
    KNOWN_DEVIATION = "known-deviation"
    UNEXPECTED_PASS = "unexpected-pass"  # noqa: S105 - a verdict, no password
    UNSUPPORTED = "unsupported"
    NOT_APPLICABLE = "not-applicable"
    INCONCLUSIVE = "inconclusive"
    OBSERVED = "observed"
    NOT_RUN = "not-run"

    @property
    def meaning(self) -> str:
        """One sentence for readers of a report."""
        return MEANINGS[self]


MEANINGS: Final[dict[Verdict, str]] = {
    Verdict.PASSED: "It was shown.",
    Verdict.FAILED: "It was shown to be broken.",
    Verdict.KNOWN_DEVIATION: "It failed, and the baseline lists it with a reason.",
    Verdict.UNEXPECTED_PASS: "The baseline lists it as failing, but it passed.",
    Verdict.UNSUPPORTED: "It needs a capability that the system does not claim.",
    Verdict.NOT_APPLICABLE: "It cannot be observed through an API.",
    Verdict.INCONCLUSIVE: "Nothing can be said; the code tells why.",
    Verdict.OBSERVED: "It was recorded; it cannot fail.",
    Verdict.NOT_RUN: "No scenario of it was run.",
}

# Which of several verdicts on one requirement counts: the first of this order.
_GRAVITY: Final = (
    Verdict.FAILED,
    Verdict.UNEXPECTED_PASS,
    Verdict.INCONCLUSIVE,
    Verdict.KNOWN_DEVIATION,
    Verdict.UNSUPPORTED,
    Verdict.PASSED,
)


@dataclass(frozen=True, slots=True)
class Finding:
    """A verdict with what a reader needs beside it."""

    verdict: Verdict
    code: InconclusiveCode | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Result:
    """How one scenario ended, as far as verdicts need it."""

    scenario: str
    outcome: Outcome
    requirements: tuple[str, ...] = ()
    code: InconclusiveCode | None = None
    message: str = ""
    unclaimed: tuple[str, ...] = ()
    variant: str | None = None


def of_scenario(result: Result, deviations: Mapping[str, str]) -> Finding:
    """The verdict on one scenario; `deviations` maps scenario or requirement to its reason."""
    if result.unclaimed:
        probe = "its probe was not run" if result.outcome == "skipped" else _probe(result)
        return Finding(Verdict.UNSUPPORTED, note=f"{', '.join(result.unclaimed)}: {probe}")
    if result.outcome == "passed":
        if result.scenario in deviations:
            return Finding(Verdict.UNEXPECTED_PASS, note=deviations[result.scenario])
        return Finding(Verdict.PASSED, note=f"variant: {result.variant}" if result.variant else "")
    if result.outcome == "failed":
        reason = _deviation(result, deviations)
        if reason is not None:
            return Finding(Verdict.KNOWN_DEVIATION, note=reason)
        return Finding(Verdict.FAILED, note=result.message)
    return Finding(Verdict.INCONCLUSIVE, _code(result), result.message or result.outcome)


def _probe(result: Result) -> str:
    return f"its probe {result.outcome}" + (f": {result.message}" if result.message else "")


def _deviation(result: Result, deviations: Mapping[str, str]) -> str | None:
    for subject in (result.scenario, *result.requirements):
        if subject in deviations:
            return deviations[subject]
    return None


def _code(result: Result) -> InconclusiveCode:
    if result.code is not None:
        return result.code
    codes: dict[Outcome, InconclusiveCode] = {
        "skipped": "precondition",
        "interrupted": "insufficient-evidence",
        "inconclusive": "insufficient-evidence",
    }
    return codes.get(result.outcome, "harness-error")


def of_requirement(
    requirement: Requirement, scenarios: Iterable[Finding], *, listed: str | None = None
) -> Finding:
    """The verdict on a requirement from those on the scenarios that show it.

    `listed` is the baseline's reason where it lists the requirement as a whole.
    """
    if requirement.observable is not Observable.API:
        return Finding(Verdict.NOT_APPLICABLE, note=f"observable in the {requirement.observable}")
    worst = gravest(scenarios)
    if worst.verdict is Verdict.NOT_RUN:
        return worst
    if requirement.level is Level.NOTE:
        said = f"{worst.verdict}: {worst.note}" if worst.note else str(worst.verdict)
        return Finding(Verdict.OBSERVED, note=said)
    if listed is not None and worst.verdict is Verdict.PASSED:
        return Finding(Verdict.UNEXPECTED_PASS, note=listed)
    return worst


def gravest(scenarios: Iterable[Finding]) -> Finding:
    """The one verdict that counts of several, with its note; not-run where there is none."""
    return min(
        scenarios,
        key=lambda finding: (_GRAVITY.index(finding.verdict), not finding.note),
        default=Finding(Verdict.NOT_RUN),
    )


@dataclass(frozen=True, slots=True)
class Scope:
    """What a run set out to judge."""

    subset: bool = False  # less than the whole suite was selected
    judged: frozenset[Judged] = frozenset(Judged)  # the tiers of the system under test

    def counts(self, requirement: Requirement) -> bool:
        """Whether the requirement stands in the count behind the word."""
        return requirement.observable is Observable.API and requirement.judged in self.judged


@dataclass(frozen=True, slots=True)
class Tally:
    """How many of the judged requirements of one level were shown."""

    passed: int
    total: int

    def __str__(self) -> str:
        return f"{self.passed} of {self.total}"


@dataclass(frozen=True, slots=True)
class Conclusion:
    """What a run says as a whole."""

    word: str
    scenarios: Mapping[str, Finding]
    requirements: Mapping[str, Finding]
    tallies: Mapping[Level, Tally]
    supplied: frozenset[str]  # requirements satisfied by the reference, not by the system judged


def conclude(
    results: Iterable[Result],
    catalogue: Catalogue,
    *,
    deviations: Mapping[str, str] | None = None,
    scope: Scope | None = None,
) -> Conclusion:
    """Verdicts on every scenario and every requirement of the catalogue, and the word."""
    scope = scope or Scope()
    results = tuple(results)
    scenarios, requirements = _found(results, catalogue, deviations or {})
    # A baseline never changes the word: it and the counts are drawn as if there were none.
    _, shown = _found(results, catalogue, {})
    tallies = {level: _tally(level, catalogue, shown, scope) for level in Level}
    return Conclusion(
        word=_word(catalogue, shown, tallies[Level.MUST], scope),
        scenarios=scenarios,
        requirements=requirements,
        tallies=tallies,
        supplied=frozenset(
            r.id
            for r in catalogue
            if r.observable is Observable.API and r.judged not in scope.judged
        ),
    )


def _found(
    results: Iterable[Result], catalogue: Catalogue, deviations: Mapping[str, str]
) -> tuple[dict[str, Finding], dict[str, Finding]]:
    """The verdicts on the scenarios, and those on the requirements."""
    behind: dict[str, list[Finding]] = {requirement.id: [] for requirement in catalogue}
    scenarios: dict[str, Finding] = {}
    for result in results:
        scenarios[result.scenario] = finding = of_scenario(result, deviations)
        for identifier in result.requirements:
            behind[catalogue.get(identifier).id].append(finding)
    return scenarios, {
        r.id: of_requirement(r, behind[r.id], listed=deviations.get(r.id)) for r in catalogue
    }


def _tally(level: Level, catalogue: Catalogue, found: Mapping[str, Finding], scope: Scope) -> Tally:
    counted = [r for r in catalogue.at(level) if scope.counts(r)]
    shown = (Verdict.OBSERVED,) if level is Level.NOTE else (Verdict.PASSED,)
    return Tally(sum(found[r.id].verdict in shown for r in counted), len(counted))


def _word(catalogue: Catalogue, found: Mapping[str, Finding], must: Tally, scope: Scope) -> str:
    verdicts = [found[r.id].verdict for r in catalogue.at(Level.MUST) if scope.counts(r)]
    if Verdict.FAILED in verdicts:
        return "not conformant"
    if must.passed == must.total > 0 and not scope.subset:
        return "conformant"
    return f"partial: {must} MUST"


class Exit(IntEnum):
    """What the process tells its caller."""

    OK = 0
    FAILED = 1
    USAGE = 2
    SETUP = 3
    INCONCLUSIVE = 4
    INTERRUPTED = 130


FAIL_ON: Final[dict[str, Level]] = {
    "must": Level.MUST,
    "must-d": Level.MUST_D,
    "should": Level.SHOULD,
}


def exit_code(
    conclusion: Conclusion,
    catalogue: Catalogue,
    *,
    fail_on: Level = Level.MUST,
    untagged: Iterable[str] = (),
    interrupted: bool = False,
    no_environment: bool = False,
    troubled: bool = False,
) -> Exit:
    """
    The exit code of a run; `untagged` scenarios, which show no requirement, always count.

    `troubled`: something went wrong outside of the scenarios, so that passing is no success.
    """
    if interrupted:
        return Exit.INTERRUPTED
    if no_environment:
        return Exit.SETUP
    verdicts = {
        conclusion.requirements[r.id].verdict for r in catalogue if r.level.rank <= fail_on.rank
    }
    verdicts |= {conclusion.scenarios[scenario].verdict for scenario in untagged}
    if verdicts & {Verdict.FAILED, Verdict.UNEXPECTED_PASS}:
        return Exit.FAILED
    # A run that judged nothing at all has not shown anything, so it must not look like success.
    if Verdict.INCONCLUSIVE in verdicts or not conclusion.scenarios or troubled:
        return Exit.INCONCLUSIVE
    return Exit.OK
