"""All formats say the same, hold any text, and need nothing but themselves."""

import json
import pickle
import re
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import jsonschema
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.errors import HarnessBug
from harness.model import catalogue
from harness.model.catalogue import Level
from harness.model.verdict import OUTCOMES
from harness.reporting import console, drawing, record, report, writers
from harness.reporting.record import (
    Attachment,
    ClusterRecord,
    DeviationRecord,
    ModuleRecord,
    RunRecord,
    ScenarioRecord,
    StepRecord,
)
from harness.reporting.writers import Written

WANTED = {outcome: count for count, outcome in enumerate(OUTCOMES, 2)}
SCHEMA = Path(report.__file__).with_name("report.schema.json")


class Page(HTMLParser):
    """What a browser would see: ids with their text, the tags, and whether all were closed."""

    VOID = ("meta", "br", "line", "circle", "link", "img", "input", "hr")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: Counter[str] = Counter()
        self.attributes: list[tuple[str, str | None]] = []
        self.texts: dict[str, str] = {}
        self.outcomes: Counter[str] = Counter()
        self._id = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.attributes += attrs
        self._id = dict(attrs).get("id") or ""
        self.outcomes[dict(attrs).get("data-outcome") or ""] += 1
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._id:
            self.texts[self._id] = self.texts.get(self._id, "") + data.strip()


def written(run: RunRecord, directory: Path) -> Written:
    return writers.write_all(run, directory)


def test_the_counts_are_equal_in_all_formats(run: RunRecord, tmp_path: Path) -> None:
    out = written(run, tmp_path)
    statistics = yaml.safe_load(out.yaml.read_text())["statistics"]
    assert {outcome: statistics[outcome] for outcome in OUTCOMES} == WANTED
    assert statistics["scenarios"] == sum(WANTED.values())

    root = ElementTree.parse(out.junit).getroot()
    cases = root.findall("testsuite/testcase")
    found = Counter(
        "passed" if told is None else told.get("type", "").partition("/")[0]
        for case in cases
        for told in [next((e for e in case if e.tag != "properties"), None)]
    )
    assert found == WANTED
    assert int(root.get("tests", "")) == len(cases) == statistics["scenarios"]
    assert int(root.get("failures", "")) == len(root.findall(".//failure")) == WANTED["failed"]
    assert int(root.get("skipped", "")) == len(root.findall(".//skipped")) == WANTED["skipped"]
    assert int(root.get("errors", "")) == len(root.findall(".//error")) == sum(
        WANTED[o] for o in ("errored", "interrupted", "inconclusive")
    )  # fmt: skip
    for attribute in ("tests", "failures", "errors", "skipped"):
        parts = [int(suite.get(attribute, "")) for suite in root.findall("testsuite")]
        assert sum(parts) == int(root.get(attribute, ""))

    page = Page(out.html.read_text())
    assert {outcome: int(page.texts[f"count-{outcome}"]) for outcome in OUTCOMES} == WANTED
    assert int(page.texts["count-scenarios"]) == statistics["scenarios"]
    assert {outcome: page.outcomes[outcome] for outcome in OUTCOMES} == WANTED

    lines = console.summary(out.report, out.yaml)
    [counts] = [line for line in lines if line.startswith("Scenarios:")]
    for outcome, count in WANTED.items():
        assert f"{count} {outcome}" in counts


def test_the_word_stands_in_every_place(run: RunRecord, tmp_path: Path) -> None:
    out = written(run, tmp_path)
    assert out.report.word == "not conformant"
    assert yaml.safe_load(out.yaml.read_text())["word"] == out.report.word
    assert Page(out.html.read_text()).texts["word"] == out.report.word
    assert f"Word:          {out.report.word}" in console.summary(out.report)
    assert "local (desk run)" in "\n".join(console.summary(out.report))


def test_where_the_controllers_ran_is_told(run: RunRecord, tmp_path: Path) -> None:
    here = written(run, tmp_path / "here")
    pods = written(replace(run, provider="kind", controllers="in-cluster"), tmp_path / "pods")

    assert yaml.safe_load(here.yaml.read_text())["environment"]["controllers"] == "host"
    assert yaml.safe_load(pods.yaml.read_text())["environment"]["controllers"] == "in-cluster"
    assert "on kind, controllers in the clusters" in "\n".join(console.summary(pods.report))
    assert "on kind, controllers in the clusters" in pods.html.read_text()
    assert "controllers in the clusters" not in here.html.read_text()


def test_the_report_obeys_the_schema_that_is_shipped(run: RunRecord, tmp_path: Path) -> None:
    content = yaml.safe_load(written(run, tmp_path).yaml.read_text())
    jsonschema.validate(content, json.loads(SCHEMA.read_text()))
    content["statistics"]["duration_seconds"] = content["statistics"].pop("durationSeconds")
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(content, json.loads(SCHEMA.read_text()))


def test_the_shipped_schema_is_current() -> None:
    assert SCHEMA.read_text() == report.json_schema(), (
        "regenerate it: python -m harness.reporting.report > harness/reporting/report.schema.json"
    )


def test_names_on_the_wire_are_camel_case(run: RunRecord, tmp_path: Path) -> None:
    content = yaml.safe_load(written(run, tmp_path).yaml.read_text())
    for part in (content, content["statistics"], content["scenarios"][0], content["harness"]):
        assert not [key for key in part if "_" in key]
    assert list(content)[:4] == ["schemaVersion", "word", "date", "seed"]
    assert content["statistics"]["durationSeconds"] == 12.346
    assert content["environment"]["clusters"][0]["role"] == "management"
    row = next(r for r in content["requirements"] if r["id"] == "CD-SYNC-05")
    assert (row["level"], row["judged"], row["suppliedBy"]) == ("MUST(d)", "both", None)
    assert row["scenarios"] == sorted(row["scenarios"]) != []


def test_a_report_can_be_read_back_and_its_digest_holds(run: RunRecord, tmp_path: Path) -> None:
    out = written(run, tmp_path)
    again = report.from_yaml(out.yaml.read_text())
    assert report.to_wire(again) == report.to_wire(out.report)
    assert report.digest_of(report.to_wire(again)) == again.digest != ""
    forged = again.model_copy(update={"word": "conformant"})
    assert report.digest_of(report.to_wire(forged)) != again.digest


def test_the_order_in_which_scenarios_end_does_not_show(run: RunRecord, tmp_path: Path) -> None:
    one = written(run, tmp_path / "one")
    backwards = replace(run, scenarios=run.scenarios[::-1], clusters=run.clusters[::-1])
    other = written(backwards, tmp_path / "other")
    for kind in ("yaml", "junit", "html"):
        assert getattr(one, kind).read_text() == getattr(other, kind).read_text()


def test_deviations_are_listed_with_reason_and_evidence(run: RunRecord, tmp_path: Path) -> None:
    failed, passed = run.scenarios[2], run.scenarios[0]
    listed = (
        DeviationRecord(failed.id, "CD-SYNC-01", "It hangs.", "upstream#7"),
        DeviationRecord(passed.id, "CD-SYNC-02", "It was slow.", "upstream#8"),
    )
    out = written(replace(run, deviations=listed), tmp_path)
    assert [d.verdict for d in out.report.deviations] == ["unexpected-pass", "known-deviation"]
    page = out.html.read_text()
    for said in ("known.yaml", "It hangs.", "upstream#7", "It was slow.", "upstream#8"):
        assert said in page
    lines = console.summary(out.report)
    assert "Deviations:    1 known, 1 unexpectedly passed" in lines
    assert f"UNEXPECTED-PASS {passed.id}" in lines
    assert any(line.startswith(f"KNOWN-DEVIATION {failed.id}") for line in lines)


def test_without_a_baseline_nothing_is_said_of_deviations(run: RunRecord, tmp_path: Path) -> None:
    out = written(replace(run, baseline="", deviations=()), tmp_path)
    assert "Deviations:" not in "\n".join(console.summary(out.report))
    assert 'id="deviations"' not in out.html.read_text()


def test_what_the_reference_supplies_is_marked_and_not_counted(
    run: RunRecord, tmp_path: Path
) -> None:
    whole = written(run, tmp_path / "whole")
    assert "Supplied:" not in "\n".join(console.summary(whole.report))
    assert "supplied by the reference" not in whole.html.read_text()

    out = written(replace(run, judged=("attached", "both")), tmp_path / "part")
    marked = {row.id for row in out.report.requirements if row.supplied_by == "reference"}
    assert marked == {
        r.id for r in catalogue.load() if r.judged == "management" and r.observable == "api"
    }
    assert f"Supplied:      {len(marked)} requirements by the reference" in console.summary(
        out.report
    )
    page = Page(out.html.read_text())
    assert page.texts["count-supplied"] == f"{len(marked)} requirements"
    assert out.html.read_text().count('<span class="soft">supplied by the reference<') == len(
        marked
    )
    for level, tally in out.report.requirement_statistics.by_level.items():
        counted = [r for r in catalogue.load() if r.level == level and r.observable == "api"]
        assert tally.total == len([r for r in counted if r.id not in marked])


def test_only_what_is_judged_stands_behind_the_word(run: RunRecord) -> None:
    musts = [r for r in catalogue.load().at(Level.MUST) if r.observable == "api"]
    judged = [r for r in musts if r.judged != "management"]
    shown = replace(run.scenarios[0], requirements=tuple(r.id for r in judged))
    part = replace(run, scenarios=(shown,), deviations=())
    said = drawing.draw(replace(part, judged=("attached", "both")), catalogue.load())
    assert said.word == "conformant"
    assert drawing.draw(part, catalogue.load()).word == (
        f"partial: {len(judged)} of {len(musts)} MUST"
    )


def test_another_wording_than_the_page_s_is_a_line_of_its_own(
    run: RunRecord, tmp_path: Path
) -> None:
    told = "GitRepository: reason Succeeded (dialect E6), the page says GitOperationSucceed"
    passed = replace(run.scenarios[0], requirements=("CD-STATUS-03",))
    plain = written(replace(run, scenarios=(passed,)), tmp_path / "plain")
    assert "Wording:" not in "\n".join(console.summary(plain.report))
    assert "Wording:" not in plain.html.read_text()

    other = replace(run.scenarios[1], requirements=("CD-STATUS-03",), variant=told)
    out = written(replace(run, scenarios=(passed, other)), tmp_path / "other")
    line = f"CD-STATUS-03 passed as variant: {told}"
    assert f"Wording:       {line}" in console.summary(out.report)
    assert Page(out.html.read_text()).texts["wording"] == f"Wording: {line}"


def test_two_scenarios_of_one_name_are_a_bug(run: RunRecord) -> None:
    with pytest.raises(HarnessBug, match="more than one scenario is called"):
        drawing.draw(replace(run, scenarios=run.scenarios[:1] * 2), catalogue.load())


def test_the_page_needs_neither_network_nor_script(run: RunRecord, tmp_path: Path) -> None:
    text = written(run, tmp_path).html.read_text()
    page = Page(text)
    assert page.open == []
    assert not page.tags.keys() & {"script", "link", "img", "iframe", "object", "base"}
    targets = [value for name, value in page.attributes if name in ("src", "href")]
    assert all(target and target.startswith("#") for target in targets)
    assert not re.search(r"url\(|@import", text)
    assert not [name for name, _ in page.attributes if name.startswith("on")]
    ids = [value for name, value in page.attributes if name == "id"]
    assert len(ids) == len(set(ids))
    assert {str(t).removeprefix("#") for t in targets} <= set(ids)
    assert page.tags["svg"] > 0
    assert ("lang", "en") in page.attributes


def test_images_of_nodes_and_modules_are_in_the_report(run: RunRecord, tmp_path: Path) -> None:
    kind = ClusterRecord("c1", "attached", "v1.36.2", "node:v1", "node@sha256:abc")
    crds = ModuleRecord("CRDs of source-controller", "example.com/source", "v1.7.3", "h1:xyz=")
    out = written(replace(run, clusters=(kind,), modules=(crds,)), tmp_path / "kind")
    environment = yaml.safe_load(out.yaml.read_text())["environment"]
    assert environment["clusters"][0]["image"] == "node:v1"
    assert environment["clusters"][0]["imageDigest"] == "node@sha256:abc"
    assert environment["modules"] == [
        {
            "name": "CRDs of source-controller",
            "module": "example.com/source",
            "version": "v1.7.3",
            "checksum": "h1:xyz=",
        }
    ]
    page = out.html.read_text()
    for said in ("node:v1", "node@sha256:abc", "example.com/source v1.7.3", "h1:xyz="):
        assert said in page
    plain = written(run, tmp_path / "local").html.read_text()
    assert 'id="modules"' not in plain
    assert 'id="shards"' not in plain


def test_evidence_is_inside_and_never_from_elsewhere(run: RunRecord, tmp_path: Path) -> None:
    (tmp_path / "out" / "evidence").mkdir(parents=True)
    (tmp_path / "out" / "evidence" / "c1.yaml").write_text("seen: <here>\n" + "x" * 50_000)
    (tmp_path / "elsewhere").write_text("must stay out")
    attachments = (
        Attachment("objects", path="evidence/c1.yaml"),
        Attachment("stray", path="../elsewhere"),
        Attachment("picture", "image/png", path="evidence/c1.yaml"),
    )
    failed = replace(run.scenarios[3], attachments=attachments)
    text = written(replace(run, scenarios=(failed,)), tmp_path / "out").html.read_text()
    assert "seen: &lt;here&gt;" in text
    assert "characters left out" in text
    assert "must stay out" not in text
    assert len(text) < 250_000


def test_records_travel_as_plain_json_and_by_pickle(run: RunRecord) -> None:
    sent = replace(run, scenarios=tuple(replace(s, message="plain é") for s in run.scenarios))
    clean = record.from_plain(RunRecord, json.loads(json.dumps(record.to_plain(_clean(sent)))))
    assert clean == _clean(sent)
    assert pickle.loads(pickle.dumps(run)) == run


def _clean(run: RunRecord) -> RunRecord:
    """Without the lone surrogates that no JSON can carry."""
    scenarios = tuple(
        replace(s, steps=(), attachments=(), moments=(), message="é") for s in run.scenarios
    )
    return replace(run, scenarios=scenarios, deviations=())


ANY_TEXT = st.text(st.characters(), max_size=60)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(ANY_TEXT, ANY_TEXT, st.sampled_from(OUTCOMES))
def test_any_text_gives_well_formed_files(
    run: RunRecord, tmp_path: Path, said: str, named: str, outcome: str
) -> None:
    step = StepRecord(
        said, said, "failed", message=said, attachments=(Attachment(said, text=said),)
    )
    made = ScenarioRecord(
        id=named, feature=said, name=said, outcome=outcome, message=said, failed_step=said,  # type: ignore[arg-type]
        uri=said, requirements=("CD-SYNC-01",), steps=(step,),
        moments=(record.Moment(0.0, said, said),), timings={said: 1.0},
    )  # fmt: skip
    out = written(replace(run, scenarios=(made,), selection=said), tmp_path)
    ElementTree.parse(out.junit)
    assert Page(out.html.read_text()).open == []
    assert report.from_yaml(out.yaml.read_text()).statistics.scenarios == 1
    console.summary(out.report)[0].encode()
