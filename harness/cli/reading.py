"""Reports of earlier runs, as the user names them: the folder of a run, or its report.yaml."""

from pathlib import Path

import yaml
from pydantic import ValidationError

from harness import __version__
from harness.errors import HarnessError, UsageError
from harness.model import catalogue
from harness.reporting import drawing, kept
from harness.reporting import report as reports
from harness.reporting.record import RunRecord


def folder(path: Path) -> Path:
    """The folder of a report."""
    return path if path.is_dir() else path.parent


def report(path: Path) -> reports.Report:
    """The report in a file, or in the folder that a run wrote."""
    file = path / "report.yaml" if path.is_dir() else path
    try:
        return reports.from_yaml(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}.") from None
    except (ValueError, yaml.YAMLError, ValidationError):
        raise UsageError(f"{file} is no report of this harness.") from None


def record(path: Path) -> tuple[RunRecord, reports.Report]:
    """The record of a run and the report that was drawn from it, neither changed since."""
    published = report(path)
    if reports.digest_of(reports.to_wire(published)) != published.digest:
        raise UsageError(f"{path} was changed after it was written: its digest does not fit.")
    file = folder(path) / kept.NAME
    try:
        run = kept.from_json(file.read_text(encoding="utf-8"))
        drawn = drawing.draw(run, catalogue.load())
    except OSError as error:
        raise UsageError(
            f"{file}, which merging needs, cannot be read: {error.strerror}."
        ) from None
    except (ValueError, KeyError, ValidationError, HarnessError):
        raise UsageError(_foreign(file, published)) from None
    if drawn.digest != published.digest:
        raise UsageError(_foreign(file, published))
    return run, published


def _foreign(file: Path, published: reports.Report) -> str:
    return (
        f"{file} does not give the report.yaml beside it; that was written by version "
        f"{published.harness.version} of the harness, and this is {__version__}."
    )
