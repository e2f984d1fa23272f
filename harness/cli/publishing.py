"""The end of `run` and of `merge`: reports in their folder, the last lines on the screen."""

import os
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from harness.errors import HarnessBug, UsageError
from harness.reporting import console, secrets, writers
from harness.reporting.record import RunRecord

Say = Callable[[str], None]


def folder(out: Path | None) -> Path:
    """Where the reports go: what the user named, else a folder named by the time."""
    made = out or Path("reports") / datetime.now(UTC).strftime("%Y-%m-%dT%H-%M-%SZ")
    if made.exists() and any(made.iterdir()):
        raise UsageError(f"{made} is not empty; name another folder with --out.")
    made.mkdir(parents=True, exist_ok=True)
    return made.resolve()


def publish(run: RunRecord, out: Path, known: Sequence[secrets.Secret], say: Say) -> int:
    """Write it, search all of it for known secrets, tell the summary; the exit code."""
    for trouble in run.troubles:
        say(f"TROUBLE {trouble}")
    written = writers.write_all(run, out)
    leaked = _search(out, known)
    for leak in leaked:
        say(f"SECRET {leak}")
    if leaked:
        written.record.unlink()  # so that it is not merged into a report that looks clean
    _link(out)
    for line in console.summary(written.report, out / "report.html"):
        say(line)
    counts = written.report.statistics
    failed = counts.failed + counts.errored + counts.inconclusive + counts.interrupted
    say(f"{counts.passed} passed, {failed} failed, {counts.skipped} skipped")
    if leaked:
        raise HarnessBug("A secret was found in what the run left; the report must not be shared.")
    return written.report.exit_code


def _search(out: Path, known: Sequence[secrets.Secret]) -> list[secrets.Leak]:
    """Every secret in what is left; a planted one must be found, or the search is worth nothing."""
    canary = secrets.canary()
    planted = out / ".canary"
    planted.write_bytes(canary.value)
    try:
        found = secrets.search([out], [*known, canary])
    finally:
        planted.unlink()
    if not any(leak.path == planted for leak in found):
        raise HarnessBug("The search for secrets does not find a planted one.")
    return [leak for leak in found if leak.path != planted]


def _link(out: Path) -> None:
    """`reports/latest` names the newest report of its folder."""
    latest = out.parent / "latest"
    if latest.is_symlink() or not latest.exists():
        aside = out.parent / f".latest.{os.getpid()}"
        aside.symlink_to(out.name)
        aside.replace(latest)
