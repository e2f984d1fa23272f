"""`merge`, from folders to a folder."""

import json
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest
import yaml

from harness.cli import merging, publishing, reading
from harness.errors import HarnessBug, UsageError
from harness.model.sharding import Shard
from harness.reporting import report as reports
from harness.reporting import secrets
from harness.reporting.record import Attachment, ProfileRecord, RunRecord, ScenarioRecord

SCHEMA = Path(reports.__file__).with_name("report.schema.json")


def shard(folder: Path, number: int, *, evidence: str = "", **changes) -> Path:
    """The folder that one of two shards left."""
    scenario = ScenarioRecord(
        f"a/a::{number}",
        "A",
        f"Scenario {number}",
        "passed",
        requirements=("CD-SYNC-01",),
        capabilities=("sync",),
        attachments=(Attachment("seen", path=evidence),) if evidence else (),
    )
    run = RunRecord(
        started=f"2026-11-24T08:0{number}:00+00:00",
        duration=10.0,
        seed=number,
        system="reference",
        provider="local",
        harness_version="0",
        profile=ProfileRecord("reference", "page", ("sync",)),
        scenarios=(scenario,),
        shard=Shard(number, 2),
    )
    out = publishing.folder(folder / f"shard-{number}")
    publishing.publish(replace(run, **changes), out, (), lambda _: None)
    return out


def test_the_folders_of_all_shards_become_one(tmp_path):
    (tmp_path / "secret").write_text("not evidence")
    one = shard(tmp_path, 1, evidence="evidence/x/timeline.txt")
    two = shard(tmp_path, 2, evidence="../secret")
    (one / "evidence" / "x").mkdir(parents=True)
    (one / "evidence" / "x" / "timeline.txt").write_text("seen by shard 1")
    told: list[str] = []

    status = merging.merge([one, two / "report.yaml"], tmp_path / "all", told.append)

    out = tmp_path / "all"
    assert status == 0
    assert sorted(p.name for p in out.iterdir()) == [
        "evidence", "junit.xml", "record.json", "report.html", "report.yaml",
    ]  # fmt: skip
    content = yaml.safe_load((out / "report.yaml").read_text())
    jsonschema.validate(content, json.loads(SCHEMA.read_text()))
    assert content["statistics"]["passed"] == 2
    assert content["shard"] is None
    assert [part["seed"] for part in content["mergedFrom"]] == [1, 2]
    assert reading.record(out)[1].digest == content["digest"]
    assert (out / "evidence" / "x" / "timeline.txt").read_text() == "seen by shard 1"
    assert "seen by shard 1" in (out / "report.html").read_text()
    assert "not evidence" not in (out / "report.html").read_text()
    assert not list(tmp_path.glob("all/**/secret"))
    assert told[-1] == "2 passed, 0 failed, 0 skipped"
    assert (tmp_path / "latest").resolve() == out


def test_trouble_of_a_shard_is_no_success_of_the_whole(tmp_path):
    one = shard(tmp_path, 1)
    two = shard(tmp_path, 2, troubles=("left behind: c1: Namespace x",))
    told: list[str] = []

    assert merging.merge([one, two], tmp_path / "all", told.append) == 4
    assert "TROUBLE shard 2: left behind: c1: Namespace x" in told


def test_nothing_is_written_when_a_shard_is_missing(tmp_path):
    with pytest.raises(UsageError, match="Shard 2 of 2 is missing"):
        merging.merge([shard(tmp_path, 1)], tmp_path / "all", print)
    assert not (tmp_path / "all").exists()


def test_a_folder_that_holds_something_is_not_written_to(tmp_path):
    one, two = shard(tmp_path, 1), shard(tmp_path, 2)
    with pytest.raises(UsageError, match="is not empty"):
        merging.merge([one, two], one, print)


def _edit(path: Path, before: str, after: str) -> None:
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after))


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda one: (one / "record.json").unlink(), "record.json, which merging needs, cannot"),
        (lambda one: (one / "record.json").write_text("{}"), "does not give the report.yaml"),
        (lambda one: (one / "report.yaml").unlink(), "report.yaml cannot be read"),
        (
            lambda one: _edit(one / "report.yaml", "seed: 1", "seed: 3"),
            "was changed after it was written",
        ),
        (
            lambda one: _edit(one / "record.json", '"outcome":"passed"', '"outcome":"failed"'),
            "does not give the report.yaml beside it",
        ),
        (
            lambda one: _edit(one / "record.json", "CD-SYNC-01", "CD-SYNC-99"),
            "does not give the report.yaml beside it",
        ),
        (
            lambda one: _edit(one / "record.json", "2026-11-24T08", "yesterday"),
            "does not give the report.yaml beside it",
        ),
    ],
)
def test_a_shard_that_was_changed_is_refused(tmp_path, spoil, told):
    one, two = shard(tmp_path, 1), shard(tmp_path, 2)
    spoil(one)
    with pytest.raises(UsageError, match=told) as caught:
        merging.merge([one, two], tmp_path / "all", print)

    assert "\n" not in str(caught.value)
    assert not (tmp_path / "all").exists()


def test_a_shard_in_which_a_secret_was_found_cannot_be_merged(tmp_path):
    one = shard(tmp_path, 1)
    out = publishing.folder(tmp_path / "leaky")
    (out / "log.txt").write_text("password=correct-horse-battery")
    known = [secrets.Secret.of("secret 0", "correct-horse-battery")]
    run, _ = reading.record(one)
    with pytest.raises(HarnessBug, match="must not be shared"):
        publishing.publish(replace(run, shard=Shard(2, 2)), out, known, lambda _: None)

    with pytest.raises(UsageError, match=r"record\.json, which merging needs"):
        merging.merge([one, out], tmp_path / "all", print)
