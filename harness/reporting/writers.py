"""
All reports of a run at once, into one folder.

Each format has a module of its own; all are drawn from one record, so that their counts agree.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from harness.model import catalogue
from harness.model.catalogue import Catalogue
from harness.reporting import drawing, html, junit, kept
from harness.reporting import report as reports
from harness.reporting.record import RunRecord
from harness.reporting.report import Report


@dataclass(frozen=True, slots=True)
class Written:
    """The report and the files that hold it."""

    report: Report
    yaml: Path
    junit: Path
    html: Path
    record: Path


def write_all(run: RunRecord, directory: Path, *, of: Catalogue | None = None) -> Written:
    """All reports, and the record that they are drawn from; a missing folder is made."""
    requirements = of if of is not None else catalogue.load()
    drawn = drawing.draw(run, requirements)
    directory.mkdir(parents=True, exist_ok=True)
    written = Written(
        report=drawn,
        yaml=directory / "report.yaml",
        junit=directory / "junit.xml",
        html=directory / "report.html",
        record=directory / kept.NAME,
    )
    _put(written.yaml, reports.to_yaml(drawn))
    _put(written.junit, junit.write(run, drawn))
    _put(written.record, kept.to_json(run))
    _put(written.html, html.write(run, drawn, requirements, directory))
    return written


def _put(path: Path, text: str) -> None:
    # Written aside and renamed, so that an interrupted run leaves no half report.
    aside = path.with_name(f".{path.name}.part")
    aside.write_text(text, "utf-8")
    os.replace(aside, path)
