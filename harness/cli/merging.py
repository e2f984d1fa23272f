"""The command `merge`."""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from harness.cli import publishing, reading
from harness.reporting import kept, merging
from harness.reporting.record import RunRecord


def merge(reports: Sequence[Path], out: Path | None, say: Callable[[str], None]) -> int:
    """Make one report of those of all shards; the exit code that the whole run would have had."""
    parts: list[merging.Part] = []
    for path in reports:
        run, published = reading.record(path)
        parts.append(merging.Part(str(path), run, published.digest))
    merged = merging.merge(parts)
    made = publishing.folder(out)
    for path, part in zip(reports, parts, strict=True):
        _bring(part.run, reading.folder(path), made)
    return publishing.publish(merged, made, (), say)


def _bring(run: RunRecord, source: Path, target: Path) -> None:
    """Copy the evidence; what is not below its folder is named as missing by the report."""
    root = source.resolve()
    for name in kept.files(run):
        file = (root / name).resolve()
        copy = (target / name).resolve()
        if file.is_relative_to(root) and copy.is_relative_to(target) and file.is_file():
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, copy)
