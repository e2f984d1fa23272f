"""Which baseline a run uses, and whether it is about what runs."""

from pathlib import Path

from harness import data
from harness.errors import UsageError
from harness.model import baseline, catalogue
from harness.model.baseline import Baseline
from harness.plugin import collecting, features
from harness.reporting.record import DeviationRecord

NONE = "none"


def chosen(text: str | None, system: str) -> Baseline | None:
    """
    The baseline of `--baseline`: a file, none, or (None) what is shipped for the system.

    `system` is the name of a system or of a variant of one, such as `flux-plain`.
    """
    if text == NONE:
        return None
    path = baseline.shipped(system) if text is None else Path(text)
    if path is None:
        return None
    read = baseline.read(path, catalogue.load())
    read.check_system(system)
    read.check_scenarios(
        {
            collecting.identifier(nodeid): sketch.tags
            for nodeid, sketch in features.sketches(data.path("features")).items()
        }
    )
    return read


def fitting(read: Baseline | None, running: dict[str, str], *, given: bool) -> Baseline | None:
    """
    The baseline, if it speaks about the versions that run; `running` maps programs to them.

    A shipped one that does not is left out, one that the user gave is refused.
    """
    other = read.other_versions(running) if read else None
    if read is None or other is None:
        return read
    if given:
        raise UsageError(
            f"{read.file}: the baseline is about other versions: {other}; "
            f"name another with --baseline, or none."
        )
    return None


def records(read: Baseline | None) -> tuple[DeviationRecord, ...]:
    """What the baseline lists, for the record of a run."""
    return tuple(
        DeviationRecord(d.scenario, d.requirement, d.reason, d.evidence)
        for d in (read.deviations if read else ())
    )
