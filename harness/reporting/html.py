"""
report.html: one file that needs no network and no script; the template is beside this module.

Evidence is read from the report's folder and put inside, escaped and shortened.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any, Final

import jinja2

from harness.model import verdict
from harness.model.catalogue import Catalogue
from harness.model.verdict import Verdict
from harness.reporting import timeline
from harness.reporting.record import Attachment, RunRecord, ScenarioRecord
from harness.reporting.report import Report, ScenarioRow, seeds, supplied, to_wire, wording
from harness.reporting.text import printable, seconds

_LONGEST: Final = 20_000  # of one piece of evidence within the page; the file has it all


@dataclass(frozen=True, slots=True)
class Shown:
    """A scenario as the page shows it."""

    record: ScenarioRecord
    row: ScenarioRow
    anchor: str
    timeline: timeline.Timeline | None


def write(run: RunRecord, report: Report, catalogue: Catalogue, directory: Path) -> str:
    """report.html; `directory` is where the paths of the evidence begin."""
    records = {scenario.id: scenario for scenario in run.scenarios}
    scenarios = [
        Shown(records[row.id], row, f"scenario-{number}", timeline.draw(records[row.id]))
        for number, row in enumerate(report.scenarios, 1)
    ]
    return (
        _environment()
        .get_template("report.html.j2")
        .render(
            report=report,
            evidence=partial(evidence, directory=directory),
            supplied=supplied(report),
            wording=wording(report),
            seeds=seeds(report),
            wire=to_wire(report),
            run=run,
            scenarios=scenarios,
            anchors={shown.row.id: shown for shown in scenarios},
            unsettled=[s for s in scenarios if s.row.outcome not in ("passed", "skipped")],
            areas=[
                (area, [r for r in report.requirements if r.area == area])
                for area in catalogue.areas
            ],
            meanings={str(each): each.meaning for each in Verdict},
            outcomes=verdict.OUTCOMES,
        )
    )


@cache
def _environment() -> jinja2.Environment:
    made = jinja2.Environment(
        loader=jinja2.PackageLoader("harness.reporting", "templates"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
        finalize=_printable,
    )
    made.filters["seconds"] = seconds
    return made


def _printable(value: Any) -> Any:
    # Markup, which jinja2 made itself, is a subclass and stays as it is.
    return printable(value) if type(value) is str else value


def evidence(attachment: Attachment, directory: Path) -> str:
    """The text of an attachment, from the record or from its file below the folder."""
    if attachment.text is not None:
        return shortened(attachment.text)
    if attachment.path is None:
        return ""
    root = directory.resolve()
    file = (root / attachment.path).resolve()
    if root not in file.parents or not file.is_file():
        return f"({attachment.path} is not in the report's folder)"
    if not attachment.media_type.startswith(("text/", "application/")):
        return f"(see {attachment.path})"
    return shortened(file.read_bytes().decode(errors="replace"))


def shortened(text: str) -> str:
    """The beginning and the end of a long text, with what was left out named."""
    text = printable(text)
    if len(text) <= _LONGEST:
        return text
    half = _LONGEST // 2
    return f"{text[:half]}\n\n… {len(text) - _LONGEST} characters left out …\n\n{text[-half:]}"
