"""Shards of a run give, merged, the report that the whole run would have given."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.errors import UsageError
from harness.model import catalogue, sharding
from harness.model.catalogue import Level
from harness.model.sharding import Shard
from harness.model.verdict import OUTCOMES, Exit
from harness.reporting import console, drawing, html, kept, merging, record, report, sameness
from harness.reporting.merging import Part
from harness.reporting.record import (
    Attachment,
    ClusterRecord,
    DeviationRecord,
    ModuleRecord,
    ProfileRecord,
    RunRecord,
    ScenarioRecord,
    StepRecord,
)

MUSTS = [r.id for r in catalogue.load().at(Level.MUST) if r.observable == "api"]


def drawn(run: RunRecord) -> report.Report:
    return drawing.draw(run, catalogue.load())


def shards(run: RunRecord, of: int) -> list[Part]:
    """The run as it would have been in so many parts, one after the other."""
    parts = []
    for number in range(1, of + 1):
        shard = Shard(number, of)
        part = replace(
            run,
            scenarios=tuple(sharding.deal(run.scenarios, shard)),
            shard=shard,
            started=f"2026-11-23T08:{number:02}:00+00:00",
            duration=30.0,
        )
        parts.append(Part(f"part-{number}", part, drawn(part).digest))
    return parts


OWN = {"date", "mergedFrom", "digest", "statistics"}
"""Where a merged report may differ from that of one run; of the statistics only the time."""


def content(one: report.Report) -> dict[str, object]:
    wire = report.to_wire(one)
    counts = {k: v for k, v in wire["statistics"].items() if k != "durationSeconds"}
    return {key: value for key, value in wire.items() if key not in OWN} | counts


@st.composite
def recorded(draw: st.DrawFn) -> RunRecord:
    """A whole suite, one scenario for each MUST, of which some did not pass."""
    outcomes = draw(
        st.one_of(
            st.just({}),
            st.dictionaries(st.sampled_from(MUSTS), st.sampled_from(OUTCOMES), max_size=4),
        )
    )
    capabilities = draw(st.dictionaries(st.sampled_from(MUSTS), st.just(("helm",)), max_size=2))
    listed = draw(st.lists(st.sampled_from(MUSTS), max_size=2, unique=True))
    scenarios = tuple(
        ScenarioRecord(
            id=f"a/a::{must}",
            feature="A",
            name=must,
            outcome=outcomes.get(must, "passed"),
            requirements=(must,),
            capabilities=capabilities.get(must, ("sync",)),
            message="no",
        )
        for must in MUSTS
    )
    return RunRecord(
        started="2026-11-23T08:01:00+00:00",
        duration=12.0,
        seed=42,
        system="reference",
        provider="local",
        harness_version="0",
        profile=ProfileRecord("reference", "page", ("sync",)),
        scenarios=tuple(draw(st.permutations(scenarios))),
        fail_on=draw(st.sampled_from(["must", "should"])),
        baseline="known.yaml" if listed else "",
        deviations=tuple(DeviationRecord(f"a/a::{m}", m, "it hangs", "seen") for m in listed),
        troubles=draw(st.sampled_from([(), ("left behind: x",)])),
    )


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(recorded(), st.integers(1, 9), st.randoms())
def test_merged_shards_say_what_the_whole_run_says(run, of, random):
    parts = shards(run, of)
    random.shuffle(parts)
    whole, merged = drawn(run), drawn(merging.merge(parts))

    # Each shard had the trouble; which, is told beside it.
    assert len(merged.troubles) == of * len(whole.troubles)
    assert content(merged) | {"troubles": 0} == content(whole) | {"troubles": 0}
    assert sameness.compare(whole, merged).verdicts == ()
    assert all(part.run.shard and drawn(part.run).word != "conformant" for part in parts)


def test_the_strategy_knows_conformant_runs():
    passed = tuple(ScenarioRecord(m, "A", m, "passed", requirements=(m,)) for m in MUSTS)
    run = replace(_small(), scenarios=passed)
    parts = shards(run, 3)

    assert drawn(merging.merge(parts)).word == drawn(run).word == "conformant"
    assert [drawn(part.run).word.partition(":")[0] for part in parts] == ["partial"] * 3


def _small() -> RunRecord:
    return RunRecord(
        started="2026-11-23T08:01:00+00:00",
        duration=1.0,
        seed=1,
        system="reference",
        provider="local",
        harness_version="0",
        profile=ProfileRecord("reference", "page", ("sync",)),
        scenarios=tuple(
            ScenarioRecord(f"a/a::{n}", "A", str(n), "passed", requirements=("CD-SYNC-01",))
            for n in range(6)
        ),
    )


def test_a_merge_of_a_choice_stays_one(run):
    parts = shards(replace(run, selection="--tags '@sync'", subset=True), 2)
    merged = drawn(merging.merge(parts))

    assert merged.subset is True
    assert merged.shard is None


@pytest.mark.parametrize("outcome", ["failed", "inconclusive", "errored", "interrupted"])
def test_what_did_not_pass_in_one_shard_did_not_pass(outcome):
    run = _small()
    broken = replace(run.scenarios[3], outcome=outcome, message="no")
    run = replace(run, scenarios=(*run.scenarios[:3], broken, *run.scenarios[4:]))
    merged = drawn(merging.merge(shards(run, 3)))
    row = next(row for row in merged.requirements if row.id == "CD-SYNC-01")

    assert row.verdict == ("failed" if outcome == "failed" else "inconclusive")
    assert merged.exit_code == (Exit.FAILED if outcome == "failed" else Exit.INCONCLUSIVE)


def test_an_interrupted_shard_makes_an_interrupted_run():
    one, two = shards(_small(), 2)
    two = replace(two, run=replace(two.run, interrupted=True))
    merged = drawn(merging.merge([one, two]))

    assert (merged.interrupted, merged.exit_code) == (True, Exit.INTERRUPTED)


def test_seeds_and_times_of_the_shards_are_kept():
    one, two = shards(_small(), 2)
    two = replace(two, run=replace(two.run, seed=7))
    merged = merging.merge([two, one])
    made = drawn(merged)

    assert (made.seed, made.date) == (1, one.run.started)
    assert made.statistics.duration_seconds == 90.0  # from 8:01:00 to 8:02:30
    assert [(p.number, p.seed, p.scenarios, p.digest) for p in made.merged_from] == [
        (1, 1, 3, one.digest),
        (2, 7, 3, two.digest),
    ]
    told = "\n".join(console.summary(made))
    assert "seed 1, 7" in told
    assert "Merged:        2 shards" in told


def test_a_shard_says_that_it_is_one(tmp_path):
    part = shards(_small(), 3)[1].run
    made = drawn(part)
    page = html.write(part, made, catalogue.load(), tmp_path)

    assert report.to_wire(made)["shard"] == {"number": 2, "of": 3}
    assert made.subset is True
    assert "shard 2 of 3" in page
    assert any(line.startswith("Shard:         2 of 3") for line in console.summary(made))


def changed(part: Part, **changes: object) -> Part:
    return replace(part, run=replace(part.run, **changes))  # type: ignore[arg-type]


def _refused(parts: Sequence[Part]) -> str:
    with pytest.raises(UsageError) as caught:
        merging.merge(parts)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_every_shard_must_be_there_once():
    one, two, three = shards(_small(), 3)

    assert _refused([one, three]).startswith("Shard 2 of 3 is missing;")
    assert _refused([two]).startswith("Shards 1, 3 of 3 are missing;")
    assert _refused([one, two, three, two]) == "Shard 2 of 3 is there twice: part-2 and part-2."
    assert _refused([one, shards(_small(), 2)[1]]) == (
        "part-1 is a shard of 3, but part-2 is one of 2."
    )
    assert "is that of a whole run, no shard's" in _refused([changed(one, shard=None)])
    assert "was merged already" in _refused([Part("m", merging.merge([one, two, three]), "")])


def test_no_scenario_may_be_in_two_shards():
    one, two = shards(_small(), 2)
    again = changed(two, scenarios=(*two.run.scenarios, one.run.scenarios[0]))

    assert _refused([one, again]) == "The scenario a/a::0 is both in part-1 and in part-2."


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"system": "flux"}, "the system is reference in the one and flux in the other"),
        ({"provider": "kind"}, "the provider of clusters is local"),
        ({"controllers": "in-cluster"}, "the place of the controllers is host in the one"),
        ({"suite_digest": "sha256:x"}, "the suite is"),
        ({"harness_commit": "abc"}, "the harness is 0 in the one and 0 abc in the other"),
        ({"selection": "--tags x"}, "the selection is the whole suite in the one and --tags x"),
        ({"fail_on": "should"}, "--fail-on is must in the one and should in the other"),
        ({"patience": {"sync": 9.0}}, "--deadline sync is absent in the one and 9 s in the other"),
        ({"clusters": (ClusterRecord("c1", "attached", "v1"),)}, "cluster c1 is absent"),
        ({"modules": (ModuleRecord("a", "b", "v1", "h1:"),)}, "module b is absent"),
        ({"baseline": "known.yaml"}, "the baseline is none in the one and known.yaml"),
        (
            {"profile": ProfileRecord("reference", "modern", ("sync",))},
            "the dialect is page in the one and modern in the other",
        ),
    ],
)
def test_shards_of_different_runs_are_not_merged(change, told):
    one, two = shards(_small(), 2)
    said = _refused([one, changed(two, **change)])

    assert said.startswith("part-1 and part-2 are no shards of one run: ")
    assert told in said


def test_a_kept_record_gives_the_same_report(run):
    assert report.to_wire(drawn(kept.from_json(kept.to_json(run)))) == report.to_wire(drawn(run))


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"started": 1}', "hello"])
def test_what_is_no_record_is_a_value_error(text):
    with pytest.raises(ValueError):  # noqa: PT011 - pydantic's and json's are kinds of it
        kept.from_json(text)


def test_the_files_of_a_record_are_its_evidence():
    step = StepRecord("Given", "x", "failed", attachments=(Attachment("b", path="evidence/b"),))
    made = replace(
        _small().scenarios[0],
        steps=(step,),
        attachments=(Attachment("a", path="evidence/a"), Attachment("t", text="here")),
    )

    assert list(kept.files(replace(_small(), scenarios=(made,)))) == ["evidence/a", "evidence/b"]
    assert record.to_plain(made)["attachments"][1]["path"] is None
