"""What becomes of a scenario, by whatever way it ends, and by however many workers."""

import os
import signal
from collections import Counter
from pathlib import Path
from typing import get_args
from xml.etree import ElementTree

import pytest
import yaml

from harness.kit import wait
from harness.model.verdict import Outcome
from harness.reporting import writers
from harness.reporting.record import ProfileRecord, RunRecord
from tests.unit.plugin.tiny import Result, Suite

FEATURE = """
    Feature: Tiny
      What a scenario can come to.

      Background:
        Given a start

      @CD-SYNC-01 @sync
      Scenario: Passes
        When it works
        Then it is well

      @CD-SYNC-02 @sync
      Scenario: Fails
        When the system is wrong
        Then it is well
        And it is well

      @CD-SYNC-02 @suspend
      Scenario: Errs
        When the harness is wrong
        Then it is well

      @CD-SYNC-03 @sync
      Scenario: Has no bench
        When the bench breaks
        Then it is well

      @CD-SYNC-03 @sync
      Scenario: Is inconclusive
        When nothing can be said
        Then it is well

      @CD-SYNC-03 @sync
      Scenario: Skips itself
        When the step gives up
        Then it is well

      @CD-SYNC-03 @sync
      Scenario: Is undefined
        When nobody knows this step
        Then it is well

      @CD-SYNC-03 @sync
      Scenario: Awaits
        When the step is a coroutine
        Then it is well

      @CD-SYNC-04 @sync @disruptive
      Scenario: Disturbs
        When it works
        Then it is well

      @CD-SYNC-05 @sync
      Scenario Outline: Row <n>
        When <deed>
        Then it is well

        Examples:
          | n | deed                |
          | 1 | it works            |
          | 2 | the system is wrong |
"""
OUTCOMES = {
    "Passes": "passed",
    "Fails": "failed",
    "Errs": "errored",
    "Has no bench": "errored",
    "Is inconclusive": "inconclusive",
    "Skips itself": "skipped",
    "Is undefined": "errored",
    "Awaits": "errored",
    "Disturbs": "passed",
    "Row 1": "passed",
    "Row 2": "failed",
}


@pytest.fixture(scope="module")
def suite(tmp_path_factory) -> Suite:
    return Suite(tmp_path_factory.mktemp("tiny"), {"tiny/tiny.feature": FEATURE})


@pytest.fixture(scope="module")
def serial(suite) -> Result:
    return suite.run()


def _steps(record) -> list[tuple[str, str]]:
    return [(step["text"], step["outcome"]) for step in record["steps"]]


def test_each_way_to_end_has_its_outcome(serial):
    assert serial.outcomes == OUTCOMES, serial.output
    assert serial.troubles == []
    assert serial.interrupted is False
    assert serial.status == 0


def test_steps_after_a_failure_are_skipped_not_failed(serial):
    assert _steps(serial.records["Fails"]) == [
        ("a start", "passed"),
        ("the system is wrong", "failed"),
        ("it is well", "skipped"),
        ("it is well", "skipped"),
    ]
    assert serial.records["Fails"]["failed_step"] == "When the system is wrong"
    assert serial.records["Fails"]["message"] == "after 3 s (sync): no ConfigMap a"


def test_an_undefined_step_is_recorded_where_it_stands(serial):
    record = serial.records["Is undefined"]

    assert _steps(record) == [
        ("a start", "passed"),
        ("nobody knows this step", "errored"),
        ("it is well", "skipped"),
    ]
    assert "nobody knows this step" in record["message"]


def test_a_coroutine_step_does_not_pass_unrun(serial):
    record = serial.records["Awaits"]

    assert _steps(record)[-1] == ("it is well", "skipped")
    assert record["message"] == "coroutine is a coroutine: pytest-bdd would not run it."


def test_a_skip_is_told_with_its_reason(serial):
    assert "not here" in serial.records["Skips itself"]["message"]
    assert {outcome for _, outcome in _steps(serial.records["Skips itself"])} <= {
        "passed",
        "skipped",
    }


def test_an_inconclusive_scenario_has_a_code_and_an_error_its_kind(serial):
    assert serial.records["Is inconclusive"]["code"] == "precondition"
    assert serial.records["Errs"]["message"] == "ZeroDivisionError: division by zero"
    assert serial.records["Has no bench"]["message"] == "no port is free"


def test_a_record_knows_its_place_and_its_tags(serial):
    record = serial.records["Fails"]

    assert record["id"] == "tiny/tiny::fails"
    assert record["feature"] == "Tiny"
    assert record["requirements"] == ["CD-SYNC-02"]
    assert record["capabilities"] == ["sync"]
    assert record["line"] > 0
    assert record["duration"] >= 0


def test_progress_counts_every_scenario_once(serial):
    assert [done for _, done, _ in serial.told] == list(range(1, len(OUTCOMES) + 1))


@pytest.mark.slow
def test_several_workers_bring_the_same_records_as_one(suite, serial):
    spread = suite.run(workers=2)

    assert spread.outcomes == serial.outcomes, spread.output
    assert Counter(spread.outcomes.values()) == Counter(serial.outcomes.values())
    assert {n: _steps(r) for n, r in spread.records.items()} == {
        n: _steps(r) for n, r in serial.records.items()
    }
    assert {r["worker"] for n, r in spread.records.items() if n != "Disturbs"} == {"gw0", "gw1"}
    assert spread.troubles == []
    _counts_are_equal_in_all_formats(spread, suite.directory / "reports")


@pytest.mark.slow
def test_a_choice_is_kept_to(suite):
    result = suite.run(tags="@suspend or @disruptive or @CD-SYNC-01", requirements=("CD-SYNC-04",))

    assert set(result.records) == {"Disturbs"}


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_every_scenario_runs_in_exactly_one_shard(suite, workers):
    parts = [suite.run(shard=(number, 3), workers=workers) for number in (1, 2, 3)]

    assert [part.troubles for part in parts] == [[], [], []]
    assert sorted(name for part in parts for name in part.records) == sorted(OUTCOMES)
    assert {n: o for part in parts for n, o in part.outcomes.items()} == OUTCOMES
    assert max(len(part.told) for part in parts) - min(len(part.told) for part in parts) <= 1
    assert all(part.told[-1][1] == part.told[-1][2] == len(part.records) for part in parts)


@pytest.mark.slow
def test_a_choice_of_nothing_is_a_wrong_usage(suite):
    result = suite.run(tags="@helm")

    assert result.status == 2
    assert "Traceback" not in result.output
    assert "No scenario is what was asked for" in result.output


@pytest.mark.slow
@pytest.mark.parametrize("workers", [2])
def test_a_worker_that_dies_leaves_an_errored_record_with_its_tags(tmp_path, workers):
    suite = Suite(
        tmp_path,
        {
            "tiny.feature": """
                Feature: Tiny
                  @CD-SYNC-01 @sync
                  Scenario: Kills
                    When the process dies

                  @CD-SYNC-02 @sync
                  Scenario: Lives
                    When it works

                  @CD-SYNC-02 @sync
                  Scenario: Lives, too
                    When it works
            """
        },
    )
    result = suite.run(workers=workers)

    assert result.outcomes == {"Kills": "errored", "Lives": "passed", "Lives, too": "passed"}
    assert "crashed" in result.records["Kills"]["message"]
    assert result.records["Kills"]["requirements"] == ["CD-SYNC-01"]
    assert result.records["Kills"]["feature"] == "Tiny"


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_an_interrupted_run_has_a_record_of_every_scenario(tmp_path, workers):
    never = "".join(
        f"""
                  @CD-SYNC-02 @sync
                  Scenario: Never {n}
                    When it takes for ever
        """
        for n in range(6)
    )
    suite = Suite(
        tmp_path,
        {
            "tiny.feature": f"""
                Feature: Tiny
                  @CD-SYNC-01 @sync
                  Scenario: First
                    When it works
                {never}
                  @CD-SYNC-04 @sync @disruptive
                  Scenario: Disturbs
                    When it works
            """
        },
    )
    process = suite.start(workers=workers)
    wait.eventually(
        # Both: the other worker may come to its endless scenario before this one to the first.
        lambda: (
            None if suite.began.exists() and suite.worked.exists() else f"exit {process.poll()}"
        ),
        within=30,
        what="the first scenario, and an endless one",
    )
    os.killpg(process.pid, signal.SIGINT)
    result = suite.result(process)

    assert result.interrupted is True, result.output
    # Its record may still be on its way from the worker.
    assert result.outcomes["First"] in ("passed", "interrupted")[:workers]
    # It comes first where there are others that it could disturb.
    assert result.outcomes["Disturbs"] == ("skipped", "passed")[workers - 1]
    never_ended = Counter(v for name, v in result.outcomes.items() if name.startswith("Never"))
    assert never_ended["interrupted"] >= 1
    assert never_ended["interrupted"] + never_ended["skipped"] == 6
    assert never_ended["skipped"] >= 6 - 2 * workers
    _counts_are_equal_in_all_formats(result, tmp_path / "reports")


def _counts_are_equal_in_all_formats(result: Result, directory: Path) -> None:
    run = RunRecord(
        started="2026-01-01T00:00:00+00:00",
        duration=1.0,
        seed=1,
        system="reference",
        provider="local",
        harness_version="0",
        profile=ProfileRecord("reference", "page", ("sync",)),
        scenarios=result.scenarios,
        interrupted=result.interrupted,
    )
    written = writers.write_all(run, directory)
    wanted = Counter(result.outcomes.values())
    statistics = yaml.safe_load(written.yaml.read_text())["statistics"]
    root = ElementTree.parse(written.junit).getroot()

    assert {name: statistics[name] for name in get_args(Outcome)} == {
        name: wanted[name] for name in get_args(Outcome)
    }
    assert int(root.attrib["tests"]) == sum(wanted.values()) == len(list(root.iter("testcase")))
    assert int(root.attrib["failures"]) == wanted["failed"]
    assert int(root.attrib["skipped"]) == wanted["skipped"]
    assert int(root.attrib["errors"]) == (
        wanted["errored"] + wanted["interrupted"] + wanted["inconclusive"]
    )


@pytest.mark.slow
def test_a_feature_that_cannot_be_read_is_told_and_spares_the_others(tmp_path):
    suite = Suite(
        tmp_path,
        {
            "good.feature": """
                Feature: Good
                  @CD-SYNC-01 @sync
                  Scenario: Works
                    When it works
            """,
            "strange.feature": """
                Feature: Strange
                  @no-such-tag @sync
                  Scenario: Is not collected
                    When it works
            """,
        },
    )
    result = suite.run()

    assert result.outcomes == {"Works": "passed"}
    assert len(result.troubles) == 1
    assert "@no-such-tag is neither a requirement" in result.troubles[0]
