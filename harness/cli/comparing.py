"""The command `same-verdicts`."""

from collections.abc import Callable
from pathlib import Path

import yaml
from pydantic import ValidationError

from harness.errors import UsageError
from harness.model.verdict import Exit
from harness.reporting import report as reports
from harness.reporting import sameness


def same_verdicts(one: Path, other: Path, tell: Callable[[str], None]) -> int:
    """Tell what differs; exit code 1 when a verdict does."""
    found = sameness.compare(_read(one), _read(other))
    for line in found.environment:
        tell(f"environment  {line}")
    for line in found.verdicts:
        tell(f"VERDICT      {line}")
    if found.verdicts:
        tell(f"{len(found.verdicts)} of {found.compared} verdicts differ.")
        return int(Exit.FAILED)
    tell(f"The same verdicts: {found.compared} compared, no difference but the environment.")
    return int(Exit.OK)


def _read(path: Path) -> reports.Report:
    """The report in a file, or in the folder that a run wrote."""
    file = path / "report.yaml" if path.is_dir() else path
    try:
        return reports.from_yaml(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}.") from None
    except (ValueError, yaml.YAMLError, ValidationError):
        raise UsageError(f"{file} is no report of this harness.") from None
