"""The command `same-verdicts`."""

from collections.abc import Callable
from pathlib import Path

from harness.cli import reading
from harness.model.verdict import Exit
from harness.reporting import sameness


def same_verdicts(one: Path, other: Path, tell: Callable[[str], None]) -> int:
    """Tell what differs; exit code 1 when a verdict does."""
    found = sameness.compare(reading.report(one), reading.report(other))
    for line in found.environment:
        tell(f"environment  {line}")
    for line in found.verdicts:
        tell(f"VERDICT      {line}")
    if found.verdicts:
        tell(f"{len(found.verdicts)} of {found.compared} verdicts differ.")
        return int(Exit.FAILED)
    tell(f"The same verdicts: {found.compared} compared, no difference but the environment.")
    return int(Exit.OK)
