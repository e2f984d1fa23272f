import io
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml
from rich.console import Console

from harness.cli import publishing, running
from harness.cli.running import Choice
from harness.cli.screen import Screen
from harness.cli.session import Wanted
from harness.cluster import fleet
from harness.config import Session
from harness.errors import HarnessBug, SetupError, UsageError
from harness.model.baseline import Baseline, Deviation
from harness.model.sharding import Shard
from harness.reporting import secrets
from harness.reporting.record import ScenarioRecord


def _scenario(name: str, outcome, **more) -> ScenarioRecord:
    return ScenarioRecord(
        f"a::{name}",
        "A",
        name,
        outcome,
        tags=("CD-SYNC-01", "sync"),
        requirements=("CD-SYNC-01",),
        capabilities=("sync",),
        **more,
    )


@pytest.fixture
def work(tmp_path) -> running._Work:
    session = Session(
        directory=str(tmp_path / "private"),
        clusters={"management": "m"},
        git_control="http://127.0.0.1:1",
        git_token="hunter2",
        system="reference",
        dialect="page",
        capabilities=("source", "sync"),
        may_poke=True,
        kubectl="kubectl",
        workspace="w",
        seed=7,
        evidence="evidence",
    )
    made = running._Work(time.monotonic(), datetime.now(UTC))
    made.session = session
    made.records = (_scenario("one", "passed"),)
    return made


class Reporting:
    """Writes the reports of `work`, and keeps what was told."""

    def __init__(self, work: running._Work, out: Path) -> None:
        self._work = work
        self._file = io.StringIO()
        self.out = out

    @property
    def told(self) -> str:
        return self._file.getvalue()

    def __call__(self, choice: Choice | None = None, known=()) -> tuple[int, str]:
        screen = Screen(Console(file=self._file, highlight=False, soft_wrap=True))
        made = running._record(choice or Choice(Wanted()), self._work)
        return publishing.publish(made, self.out, list(known), screen.say), self.told


@pytest.fixture
def report(work, tmp_path) -> Reporting:
    out = tmp_path / "reports" / "now"
    out.mkdir(parents=True)
    return Reporting(work, out)


def test_the_last_line_counts(report, work):
    work.records = (
        _scenario("one", "passed"),
        _scenario("two", "failed", message="no"),
        _scenario("three", "errored", message="no"),
        _scenario("four", "skipped"),
        _scenario("five", "inconclusive", message="no", code="precondition"),
    )
    status, told = report()

    assert told.splitlines()[-1] == "1 passed, 3 failed, 1 skipped"
    assert status == 1


def test_a_choice_makes_the_report_one_of_a_part(report):
    report(Choice(Wanted(), tags="@sync"))
    kept = yaml.safe_load((report.out / "report.yaml").read_text())

    assert kept["subset"] is True
    assert kept["selection"] == "--tags '@sync'"
    assert kept["word"] != "conformant"


def test_without_a_choice_it_is_the_whole_suite(report):
    report()
    kept = yaml.safe_load((report.out / "report.yaml").read_text())

    assert kept["subset"] is False


def test_a_shard_says_so_and_is_no_whole_suite(report):
    report(Choice(Wanted(), shard=Shard(2, 5)))
    kept = yaml.safe_load((report.out / "report.yaml").read_text())

    assert kept["shard"] == {"number": 2, "of": 5}
    assert (kept["subset"], kept["selection"]) == (True, "")


def test_latest_names_the_newest_report(report):
    report()
    latest = report.out.parent / "latest"

    assert latest.resolve() == report.out
    assert (latest / "report.html").is_file()


def test_a_secret_in_what_is_left_is_told_and_never_a_success(report):
    (report.out / "log.txt").write_text("password=correct-horse-battery")
    known = secrets.Secret.of("secret 0", "correct-horse-battery")

    with pytest.raises(HarnessBug, match="must not be shared"):
        report(known=[known])
    assert "log.txt" in report.told
    assert "correct-horse-battery" not in report.told


def test_the_planted_secret_does_not_stay(report):
    report()

    assert not (report.out / ".canary").exists()


def test_trouble_outside_the_scenarios_is_told_and_no_success(report, work):
    status, _ = report()
    work.troubles = ("left behind: c1: Namespace x",)
    later, told = report()

    kept = yaml.safe_load((report.out / "report.yaml").read_text())

    assert (status, later) == (0, 4)
    assert (kept["exitCode"], kept["troubles"]) == (4, ["left behind: c1: Namespace x"])
    assert "TROUBLE left behind: c1: Namespace x" in told


def _known(*listed: str) -> Baseline:
    deviations = tuple(
        Deviation(f"a::{name}", "CD-SYNC-01", f"{name} hangs", "seen", 1) for name in listed
    )
    return Baseline("known.yaml", "reference", {"etcd": "v3"}, deviations)


@pytest.mark.parametrize(
    ("outcome", "baseline", "status", "line"),
    [
        ("failed", None, 1, None),
        ("failed", _known(), 1, "Deviations:    0 known, 0 unexpectedly passed"),
        ("failed", _known("two"), 0, "Deviations:    1 known, 0 unexpectedly passed"),
        ("failed", _known("one", "two"), 1, "Deviations:    1 known, 1 unexpectedly passed"),
        ("passed", _known("two"), 1, "Deviations:    0 known, 1 unexpectedly passed"),
        ("passed", _known("elsewhere"), 0, "Deviations:    0 known, 0 unexpectedly passed"),
        ("inconclusive", _known("two"), 4, "Deviations:    0 known, 0 unexpectedly passed"),
    ],
)
def test_a_baseline_decides_the_exit_code(report, work, outcome, baseline, status, line):
    work.records = (_scenario("one", "passed"), _scenario("two", outcome, message="no"))
    work.baseline = baseline

    code, told = report()

    assert code == status
    assert [one for one in told.splitlines() if one.startswith("Deviations:")] == (
        [line] if line else []
    )


@pytest.mark.parametrize("outcome", ["passed", "failed"])
def test_a_baseline_never_changes_the_word(report, work, outcome):
    work.records = (_scenario("two", outcome, message="no"),)
    report()
    without = yaml.safe_load((report.out / "report.yaml").read_text())["word"]
    work.baseline = _known("two")
    report()

    assert yaml.safe_load((report.out / "report.yaml").read_text())["word"] == without


def test_a_report_lists_what_the_baseline_says(report, work):
    work.records = (_scenario("two", "failed", message="no"),)
    work.baseline = _known("two", "three")

    report()
    kept = yaml.safe_load((report.out / "report.yaml").read_text())

    assert kept["baseline"] == "known.yaml"
    assert [(d["subject"], d["verdict"]) for d in kept["deviations"]] == [
        ("a::three", "not-run"),
        ("a::two", "known-deviation"),
    ]
    assert kept["deviations"][1]["requirement"] == "CD-SYNC-01"
    assert kept["deviations"][1]["reason"] == "two hangs"
    assert kept["deviations"][1]["evidence"] == "seen"


def test_a_folder_for_the_report_is_made_or_must_be_empty(tmp_path):
    made = publishing.folder(tmp_path / "a" / "b")
    assert made.is_dir()
    assert publishing.folder(made) == made
    (made / "x").touch()
    with pytest.raises(UsageError, match="is not empty"):
        publishing.folder(made)


def test_an_earlier_report_is_replaced_on_demand_and_nothing_else(tmp_path):
    for name in ("report.yaml", "record.json"):
        (tmp_path / name).touch()
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "a.log").touch()
    with pytest.raises(UsageError, match="is not empty"):
        publishing.folder(tmp_path)
    (tmp_path / "mine").touch()
    with pytest.raises(UsageError, match="holds mine, which no run has written"):
        publishing.folder(tmp_path, replace=True)
    assert (tmp_path / "logs" / "a.log").exists()
    (tmp_path / "mine").unlink()
    assert publishing.folder(tmp_path, replace=True) == tmp_path
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_explained(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(SetupError, match=r"cannot be written to .*file/a \(Not a directory\)"):
        publishing.folder(tmp_path / "file" / "a")


def test_the_digest_of_the_suite_is_stable():
    digest = running.suite_digest()

    assert digest == running.suite_digest()
    assert digest.startswith("sha256:")
    assert len(digest) == len("sha256:") + 64


def test_a_folder_is_named_by_the_time_if_not_by_the_user(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    assert publishing.folder(None).parent == Path("reports").resolve()


def test_each_run_on_a_fleet_that_stays_has_names_of_its_own(work, tmp_path, monkeypatch):
    (tmp_path / "private").mkdir()
    work.session.write()
    there = fleet.Fleet(fleet.Member("m", tmp_path, "m", ""), (), tmp_path / "private")
    monkeypatch.setattr(fleet, "load", lambda: there)
    seeds = [running._reused(Choice(Wanted(seed=seed), reuse=True)).seed for seed in (1, 2)]
    assert seeds == [1, 2]
