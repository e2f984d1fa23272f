import io

import pytest
from rich.console import Console

from harness.cli.screen import Screen
from harness.kit.clock import ManualClock
from harness.reporting.record import ScenarioRecord

PASSED = ScenarioRecord("sync/sync::one", "Sync", "A [new] source", "passed", duration=1.23)
FAILED = ScenarioRecord(
    "sync/sync::two",
    "Sync",
    "Another source",
    "failed",
    message="after 3 s (sync): c1: no [ConfigMap] a\n" + "\n".join(f"line {n}" for n in range(60)),
    failed_step="Then the manifests exist",
)


def _console(**options) -> Console:
    return Console(file=io.StringIO(), highlight=False, soft_wrap=True, width=80, **options)


def _told(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.fixture
def tell(monkeypatch):
    monkeypatch.delenv("CI", raising=False)

    def run(**options) -> str:
        console = _console(**options)
        with Screen(console) as screen:
            screen.progress("starting etcd")
            screen.scenario(PASSED, 1, 12)
            screen.scenario(FAILED, 2, 12)
            screen.say("1 passed, 1 failed, 0 skipped")
        return _told(console)

    return run


def test_without_a_terminal_there_are_plain_lines(tell):
    told = tell()

    assert "\x1b" not in told
    assert "starting etcd" in told
    assert " 1/12 ok A [new] source  sync/sync  1.2 s" in told
    assert " 2/12 FAILED Another source" in told
    assert "      Then the manifests exist" in told
    assert "      after 3 s (sync): c1: no [ConfigMap] a" in told
    assert told.endswith("1 passed, 1 failed, 0 skipped\n")


def test_a_long_failure_is_cut_on_the_screen(tell):
    """All of it is in the report."""
    assert "line 20" in tell()
    assert "line 50" not in tell()


def test_no_color_takes_the_colours_away(tell, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    told = tell(force_terminal=True)

    assert "\x1b[32m" not in told
    assert "\x1b[1;31m" not in told


def test_a_terminal_has_colours_and_a_live_line(tell, monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    told = tell(force_terminal=True, color_system="standard")

    assert "\x1b[32mok" in told
    assert "2 of 12 scenarios, 1 not passed" in told


def test_ci_has_no_live_line_even_on_a_terminal(tell, monkeypatch):
    monkeypatch.setenv("CI", "true")

    assert "2 of 12 scenarios" not in tell(force_terminal=True)


@pytest.mark.parametrize("outcome", ["errored", "inconclusive", "interrupted", "skipped"])
def test_every_outcome_has_a_mark(outcome):
    console = _console()
    Screen(console).scenario(ScenarioRecord("a::b", "F", "One", outcome), 1, 1)

    assert "One" in _told(console)


def test_a_count_of_seconds_is_not_told_every_second_without_a_terminal():
    clock = ManualClock()
    console = _console()
    with Screen(console, clock=clock) as screen:
        for second in range(32):
            screen.progress(f"etcd (1 of 2): building, {second} s of about 30 s")
            clock.advance(1.0)
        screen.progress("c1 is ready (1 of 4, 6.3 s)")
        screen.progress("c2 is ready (2 of 4, 6.4 s)")
        screen.progress("kubectl (2 of 2): building, 0 s of about 30 s")

    told = [line.split("s  ", 1)[1] for line in _told(console).splitlines()]
    assert told == [
        "etcd (1 of 2): building, 0 s of about 30 s",
        "etcd (1 of 2): building, 15 s of about 30 s",
        "etcd (1 of 2): building, 30 s of about 30 s",
        "c1 is ready (1 of 4, 6.3 s)",
        "c2 is ready (2 of 4, 6.4 s)",
        "kubectl (2 of 2): building, 0 s of about 30 s",
    ]
