"""
record.json: the record of a run, kept beside its reports so that they can be drawn anew.

Merging needs it: verdicts are drawn from what was seen, never added up from other verdicts.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Final

from harness.reporting import record
from harness.reporting.record import Attachment, RunRecord
from harness.reporting.text import printable_all

NAME: Final = "record.json"


def to_json(run: RunRecord) -> str:
    """The record as text that any tool can read, its unprintable characters as escapes."""
    return json.dumps(printable_all(record.to_plain(run)), separators=(",", ":")) + "\n"


def from_json(text: str) -> RunRecord:
    """The record that `to_json` wrote; a ValueError where it did not."""
    return record.from_plain(RunRecord, json.loads(text))


def files(run: RunRecord) -> Iterator[str]:
    """The paths, below the report's folder, of the evidence that the record speaks of."""
    attachments: list[Attachment] = [*run.attachments]
    for scenario in run.scenarios:
        attachments += scenario.attachments
        for step in scenario.steps:
            attachments += step.attachments
    yield from dict.fromkeys(each.path for each in attachments if each.path is not None)
