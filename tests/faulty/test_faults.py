"""Every known way to be wrong turns the scenarios red that are about it, and no others."""

from pathlib import Path

import pytest

from harness.model import catalogue
from tests.faulty import judge
from tests.faulty.faults import CANARIES, FAULTS, Fault

pytestmark = pytest.mark.timeout(600)


def test_there_are_enough_faults_and_canaries() -> None:
    """At least ten of each, and every fault breaks something."""
    assert len(FAULTS) >= 10
    assert len(CANARIES) == 10
    assert all(fault.breaks for fault in FAULTS.values())
    assert len(list(catalogue.load())) > 100


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
def test_a_fault_is_noticed_by_the_scenarios_that_are_about_it(
    fault: Fault, tmp_path: Path
) -> None:
    """What it breaks is red; what has no reason to be red is green."""
    said = judge.judge(fault, tmp_path / "report")

    assert not said.unnoticed, said.explain()
    assert not said.collateral, said.explain()


@pytest.mark.slow
def test_the_canaries_are_green_without_a_fault(tmp_path: Path) -> None:
    """The twin: the same command, the same deadlines, right controllers."""
    right = Fault("none", "attached", "nothing is wrong", lambda: None, frozenset(), {})
    said = judge.judge(right, tmp_path / "report")

    assert not said.collateral, said.explain()
    assert set(said.outcomes) == CANARIES, said.explain()
