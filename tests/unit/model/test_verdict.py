from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.model import verdict
from harness.model.catalogue import Catalogue, Judged, Level, Observable, Requirement
from harness.model.verdict import Exit, Outcome, Result, Scope, Verdict


def requirement(
    number: int,
    level: Level = Level.MUST,
    observable: Observable = Observable.API,
    judged: Judged = Judged.BOTH,
) -> Requirement:
    return Requirement(f"CD-A-{number:02}", level, "A", "T.", "page:1", observable, judged)


CATALOGUE = Catalogue(
    [
        requirement(1),
        requirement(2),
        requirement(3, observable=Observable.UI),
        requirement(4, Level.SHOULD),
        requirement(5, Level.NOTE),
        requirement(6, Level.MUST_D),
        requirement(7, judged=Judged.MANAGEMENT),
    ]
)
MUSTS = ("CD-A-01", "CD-A-02", "CD-A-07")


def result(outcome: Outcome, *requirements: str, name: str | None = None) -> Result:
    return Result(name or f"s/{outcome}/{'+'.join(requirements)}", outcome, requirements)


def word(*results: Result, scope: Scope | None = None, **deviations: str) -> str:
    return verdict.conclude(results, CATALOGUE, scope=scope, deviations=deviations).word


def exits(*results: Result, fail_on: Level = Level.MUST, listed: Sequence[str] = ()) -> Exit:
    concluded = verdict.conclude(results, CATALOGUE, deviations=dict.fromkeys(listed, "why"))
    return verdict.exit_code(concluded, CATALOGUE, fail_on=fail_on)


def test_all_must_passed_is_conformant() -> None:
    assert word(result("passed", *MUSTS)) == "conformant"
    assert exits(result("passed", *MUSTS)) == Exit.OK


def test_a_subset_never_says_conformant() -> None:
    assert word(result("passed", *MUSTS), scope=Scope(subset=True)) == "partial: 3 of 3 MUST"


@pytest.mark.parametrize(
    ("outcome", "said", "code"),
    [
        ("failed", "not conformant", Exit.FAILED),
        ("skipped", "partial: 2 of 3 MUST", Exit.INCONCLUSIVE),
        ("errored", "partial: 2 of 3 MUST", Exit.INCONCLUSIVE),
        ("interrupted", "partial: 2 of 3 MUST", Exit.INCONCLUSIVE),
        ("inconclusive", "partial: 2 of 3 MUST", Exit.INCONCLUSIVE),
    ],
)
def test_one_must_decides_the_word(outcome: Outcome, said: str, code: Exit) -> None:
    results = result("passed", *MUSTS[:2]), result(outcome, MUSTS[2])
    assert word(*results) == said
    assert exits(*results) == code


def test_a_must_that_was_not_run_makes_it_partial_and_exits_with_0() -> None:
    assert word(result("passed", *MUSTS[:2])) == "partial: 2 of 3 MUST"
    assert exits(result("passed", *MUSTS[:2])) == Exit.OK


def test_a_failure_outweighs_the_passes_on_the_same_requirement() -> None:
    concluded = verdict.conclude([result("passed", *MUSTS), result("failed", "CD-A-01")], CATALOGUE)
    assert concluded.requirements["CD-A-01"].verdict is Verdict.FAILED
    assert concluded.tallies[Level.MUST].passed == 2


def test_a_baseline_changes_the_exit_code_and_never_the_word() -> None:
    results = result("passed", *MUSTS[:2]), result("failed", MUSTS[2], name="f")
    assert exits(*results) == Exit.FAILED
    for listed in ("f", MUSTS[2]):
        assert exits(*results, listed=[listed]) == Exit.OK
        concluded = verdict.conclude(results, CATALOGUE, deviations={listed: "why"})
        assert concluded.word == "not conformant"
        assert concluded.requirements[MUSTS[2]].verdict is Verdict.KNOWN_DEVIATION
        assert concluded.requirements[MUSTS[2]].note == "why"


@pytest.mark.parametrize("listed", ["s", MUSTS[0]])
def test_a_pass_that_the_baseline_does_not_expect_fails_the_command_only(listed: str) -> None:
    passed = result("passed", *MUSTS, name="s")
    assert exits(passed, listed=[listed]) == Exit.FAILED
    assert verdict.conclude([passed], CATALOGUE, deviations={listed: "x"}).word == "conformant"


def test_one_failure_of_a_listed_requirement_makes_its_passes_no_surprise() -> None:
    results = result("passed", "CD-A-01"), result("failed", "CD-A-01")
    concluded = verdict.conclude(results, CATALOGUE, deviations={"CD-A-01": "why"})
    assert concluded.requirements["CD-A-01"].verdict is Verdict.KNOWN_DEVIATION


def test_an_unclaimed_capability_is_unsupported_with_its_probe_beside_it() -> None:
    probe = Result("s", "failed", ("CD-A-01",), message="refused", unclaimed=("auth.ssh",))
    concluded = verdict.conclude([probe], CATALOGUE)
    found = concluded.requirements["CD-A-01"]
    assert found.verdict is Verdict.UNSUPPORTED
    assert found.note == "auth.ssh: its probe failed: refused"
    assert verdict.exit_code(concluded, CATALOGUE) == Exit.OK


def test_levels_below_the_threshold_do_not_fail_the_command() -> None:
    for failing, level in (("CD-A-04", Level.SHOULD), ("CD-A-06", Level.MUST_D)):
        results = result("passed", *MUSTS), result("failed", failing)
        assert word(*results) == "conformant"
        assert exits(*results) == Exit.OK
        assert exits(*results, fail_on=level) == Exit.FAILED


def test_a_note_is_observed_and_never_fails() -> None:
    results = result("passed", *MUSTS), result("failed", "CD-A-05")
    concluded = verdict.conclude(results, CATALOGUE)
    assert concluded.requirements["CD-A-05"].verdict is Verdict.OBSERVED
    assert exits(*results, fail_on=Level.SHOULD) == Exit.OK


def test_what_no_api_shows_is_not_applicable_and_not_counted() -> None:
    concluded = verdict.conclude([result("passed", "CD-A-03")], CATALOGUE)
    assert concluded.requirements["CD-A-03"].verdict is Verdict.NOT_APPLICABLE
    assert concluded.tallies[Level.MUST].total == 3


def test_what_the_reference_supplies_is_not_counted_for_another_system() -> None:
    scope = Scope(judged=frozenset({Judged.ATTACHED, Judged.BOTH}))
    assert word(result("passed", *MUSTS[:2]), scope=scope) == "conformant"
    concluded = verdict.conclude([], CATALOGUE, scope=scope)
    assert concluded.supplied == {"CD-A-07"}


def test_a_run_that_judged_nothing_is_no_success() -> None:
    assert exits() == Exit.INCONCLUSIVE


def test_the_gravest_reason_decides_the_exit_code() -> None:
    failed, unclear = result("failed", MUSTS[0]), result("errored", MUSTS[1])
    assert exits(failed, unclear) == Exit.FAILED
    concluded = verdict.conclude([failed], CATALOGUE)
    assert verdict.exit_code(concluded, CATALOGUE, interrupted=True) == Exit.INTERRUPTED
    assert verdict.exit_code(concluded, CATALOGUE, no_environment=True) == Exit.SETUP


def test_a_failed_scenario_without_a_requirement_is_not_lost() -> None:
    concluded = verdict.conclude([result("failed", name="s")], CATALOGUE)
    assert verdict.exit_code(concluded, CATALOGUE, untagged=["s"]) == Exit.FAILED


OUTCOMES = st.sampled_from(verdict.OUTCOMES)
RESULTS = st.lists(
    st.builds(
        Result,
        scenario=st.text(min_size=1),
        outcome=OUTCOMES,
        requirements=st.lists(st.sampled_from([r.id for r in CATALOGUE]), max_size=3).map(tuple),
        unclaimed=st.sampled_from([(), ("auth.ssh",)]),
    ),
    unique_by=lambda r: r.scenario,
)


@given(RESULTS, st.randoms())
def test_the_order_of_the_scenarios_does_not_matter(
    results: list[Result], shuffler: object
) -> None:
    shuffled = list(results)
    shuffler.shuffle(shuffled)  # type: ignore[attr-defined]
    one, other = (verdict.conclude(r, CATALOGUE) for r in (results, shuffled))
    assert one.word == other.word
    verdicts = [{k: v.verdict for k, v in c.requirements.items()} for c in (one, other)]
    assert verdicts[0] == verdicts[1]


@given(RESULTS, st.sets(st.integers(0, 9)))
def test_the_word_and_the_counts_are_those_of_no_baseline(
    results: list[Result], listed: set[int]
) -> None:
    names = [r.scenario for n, r in enumerate(results) if n in listed]
    with_it = verdict.conclude(results, CATALOGUE, deviations=dict.fromkeys(names, "why"))
    without = verdict.conclude(results, CATALOGUE)
    assert (with_it.word, with_it.tallies) == (without.word, without.tallies)


def test_a_surprise_does_not_hide_a_known_failure_of_the_same_requirement() -> None:
    results = result("passed", *MUSTS, name="a"), result("failed", MUSTS[0], name="b")
    concluded = verdict.conclude(results, CATALOGUE, deviations={"a": "x", "b": "x"})
    assert concluded.word == "not conformant"


@given(RESULTS)
def test_one_more_failure_never_improves_the_word(results: list[Result]) -> None:
    worse = [*results, result("failed", *MUSTS, name="\x00 one more")]
    assert verdict.conclude(worse, CATALOGUE).word == "not conformant"


@given(RESULTS)
def test_conformant_means_every_must_was_shown_and_none_failed(results: list[Result]) -> None:
    concluded = verdict.conclude(results, CATALOGUE)
    if concluded.word == "conformant":
        assert {concluded.requirements[m].verdict for m in MUSTS} == {Verdict.PASSED}
        assert verdict.exit_code(concluded, CATALOGUE) == Exit.OK


def test_every_verdict_has_a_meaning() -> None:
    assert set(verdict.MEANINGS) == set(Verdict)
