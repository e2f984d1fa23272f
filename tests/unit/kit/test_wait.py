from dataclasses import fields
from datetime import UTC

import pytest

from harness import errors
from harness.kit import clock, wait


@pytest.mark.parametrize(
    ("value", "meant"),
    [
        (30, 30.0),
        (0.5, 0.5),
        ("90s", 90.0),
        ("2m", 120.0),
        ("250ms", 0.25),
        ("1h", 3600.0),
        ("7", 7),
    ],
)
def test_durations_are_seconds_or_texts(value, meant):
    assert wait.seconds(value) == meant


@pytest.mark.parametrize("value", [0, -1, "soon", "", None, True, [3], float("inf"), "5 days"])
def test_what_is_no_duration_is_refused(value):
    with pytest.raises(errors.UsageError, match="sync"):
        wait.Patience.of({"sync": value})


def test_settings_change_only_what_they_name():
    patience = wait.Patience.of({"sync": "2m"})
    assert patience.sync == 120
    assert patience.delete == wait.Patience().delete


def test_an_unknown_deadline_is_named_with_the_known_ones():
    with pytest.raises(errors.UsageError, match=r"'snyc'; there are: .*sync"):
        wait.Patience.of({"snyc": 3})


def test_every_deadline_is_documented_and_told():
    names = {each.name for each in fields(wait.Patience)}
    assert set(wait.Patience.meanings()) == set(wait.Patience().as_mapping()) == names
    assert all(wait.Patience.meanings().values())


def test_deadlines_follow_the_interval_of_a_slow_system():
    slow = wait.Patience().following(300)
    assert slow.sync >= 900
    assert slow.quiet >= 900
    assert slow.process_ready == wait.Patience().process_ready
    assert wait.Patience().following(1).sync == wait.Patience().sync


def test_eventually_returns_as_soon_as_the_probe_is_content():
    hands, answers = clock.ManualClock(), iter(["no", "not yet", None])
    wait.eventually(lambda: next(answers), within=10, what="it is there", clock=hands)
    assert hands.monotonic() == pytest.approx(0.1)


def test_eventually_says_what_was_seen_last():
    hands = clock.ManualClock()
    with pytest.raises(errors.SetupError, match=r"it is there: not within 2 s\. Seen last: no"):
        wait.eventually(lambda: "no", within=2, what="it is there", clock=hands)
    assert hands.monotonic() == pytest.approx(2.0)


def test_a_manual_clock_moves_only_by_hand():
    hands = clock.ManualClock()
    before = hands.now()
    hands.advance(90)
    assert (hands.now() - before).total_seconds() == 90
    with pytest.raises(ValueError, match="back"):
        hands.advance(-1)


def test_the_system_clock_is_in_utc():
    assert clock.SYSTEM.now().tzinfo is UTC
