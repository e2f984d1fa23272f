import pytest

from harness.cli import suite
from harness.plugin.features import Sketch

TOGETHER, ALONE = "not @disruptive", "@disruptive"


def cases(together: int, alone: int) -> dict[str, Sketch]:
    tags = [()] * together + [("disruptive",)] * alone
    return {f"a::{n}": Sketch("a", "a", str(n), n, each) for n, each in enumerate(tags)}


@pytest.mark.parametrize(
    ("together", "alone", "expected"),
    [
        (72, 2, [(TOGETHER, 6), (ALONE, 1)]),
        (1, 0, [(TOGETHER, 1)]),
        (3, 0, [(TOGETHER, 3)]),
        (0, 2, [(ALONE, 1)]),
        (0, 0, [(TOGETHER, 1)]),
    ],
)
def test_no_worker_is_started_for_nothing(
    together: int, alone: int, expected: list[tuple[str, int]]
) -> None:
    assert suite._phases(cases(together, alone), workers=6) == expected
