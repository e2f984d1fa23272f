"""Percentiles, shares and lines of the benchmark."""

import pytest

from harness.reporting.record import ScenarioRecord
from tests.bench.figures import Figure, percentile, share


@pytest.mark.parametrize(("percent", "value"), [(50, 2.0), (99, 4.0), (25, 1.0), (1, 1.0)])
def test_a_percentile_is_one_of_the_values(percent: float, value: float) -> None:
    assert percentile([4.0, 1.0, 3.0, 2.0], percent) == value


def test_the_share_is_what_was_not_waited() -> None:
    """Waits of several threads cannot make it negative."""
    record = ScenarioRecord("a", "f", "n", "passed", duration=4.0, timings={"waiting": 3.0})
    assert share(record) == 25.0
    over = ScenarioRecord("a", "f", "n", "passed", duration=4.0, timings={"waiting": 5.0})
    assert share(over) == 0.0


def test_a_line_says_whether_the_aim_is_met() -> None:
    assert Figure("x", 1.0, "s", 2).line().endswith("aim <= 2: met")
    assert Figure("x", 3.0, "s", 2).line().endswith("aim <= 2: missed")
    assert "aim" not in Figure("x", 3.0, "s").line()
