"""The end of `run` and of `merge`: reports in their folder, the last lines on the screen."""

import os
import shutil
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from harness.errors import HarnessBug, SetupError, UsageError
from harness.reporting import console, kept, secrets, writers
from harness.reporting.record import RunRecord

Say = Callable[[str], None]

_WRITTEN = ("report.yaml", "report.html", "junit.xml", kept.NAME, "logs", "evidence")
"""What a run writes into its folder."""


def folder(out: Path | None, *, replace: bool = False) -> Path:
    """
    Where the reports go: what the user named, else a folder named by the time.

    With `replace` it may hold what an earlier run has written, which goes, and nothing else.
    """
    made = out or Path("reports") / datetime.now(UTC).strftime("%Y-%m-%dT%H-%M-%SZ")
    try:
        _prepare(made, replace=replace)
    except OSError as error:
        raise SetupError(
            f"The report cannot be written to {made} ({error.strerror}): name a folder with --out "
            f"that the user {os.getuid()} may write."
        ) from None
    return made.resolve()


def _prepare(made: Path, *, replace: bool) -> None:
    there = list(made.iterdir()) if made.exists() else []
    strange = [path.name for path in there if path.name not in _WRITTEN]
    if there and not replace:
        raise UsageError(f"{made} is not empty; name another folder with --out.")
    if strange:
        raise UsageError(
            f"--replace: {made} holds {', '.join(sorted(strange)[:3])}, which no run has written; "
            "name another folder with --out."
        )
    for path in there:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
    made.mkdir(parents=True, exist_ok=True)


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
