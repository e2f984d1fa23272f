import pytest

from harness.cli import suite
from harness.plugin.features import Sketch


def cases(together: int, alone: int) -> dict[str, Sketch]:
    tags = [()] * together + [("disruptive",)] * alone
    return {f"a::{n}": Sketch("a", "a", str(n), n, each) for n, each in enumerate(tags)}


@pytest.mark.parametrize(
    ("together", "alone", "expected"), [(72, 2, 6), (1, 0, 1), (3, 1, 3), (0, 2, 1), (0, 0, 1)]
)
def test_no_worker_is_started_for_nothing(together: int, alone: int, expected: int) -> None:
    assert suite._useful(cases(together, alone), workers=6) == expected
