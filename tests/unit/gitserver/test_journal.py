"""The access log in memory and on disk."""

from __future__ import annotations

import json
import threading
from pathlib import Path

from harness.gitserver.entries import LogEntry
from harness.gitserver.journal import Journal

SEEN = {"client": "127.0.0.1:1", "transport": "http", "scheme": "none", "outcome": "ok"}


def test_entries_are_numbered_filtered_and_written(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "log")
    for name in ("a", "b", "a"):
        journal.add(**SEEN, repository=name)
    entries, last = journal.read(repository="a")
    assert [entry.seq for entry in entries] == [1, 3]
    assert last == 3
    assert journal.read(since=3) == ([], 3)
    assert journal.read(since=1, repository="b", wait=5)[0][0].seq == 2
    journal.close()
    lines = (tmp_path / "log").read_text().splitlines()
    assert [LogEntry.from_json(json.loads(line)).seq for line in lines] == [1, 2, 3]
    assert (tmp_path / "log").stat().st_mode & 0o777 == 0o600


def test_reader_is_woken_by_its_entry_only(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "log")
    found: list[tuple[list[LogEntry], int]] = []
    reader = threading.Thread(target=lambda: found.append(journal.read(repository="b", wait=10)))
    reader.start()
    journal.add(**SEEN, repository="a")
    journal.add(**SEEN, repository="b")
    reader.join(5)
    assert [entry.repository for entry in found[0][0]] == ["b"]
    assert found[0][1] == 2
    journal.close()


def test_reader_goes_when_the_log_closes(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "log")
    reader = threading.Thread(target=lambda: journal.read(wait=60))
    reader.start()
    journal.close()
    reader.join(5)
    assert not reader.is_alive()


def test_newer_fields_are_passed_over() -> None:
    raw = {**SEEN, "seq": 1, "time": "t", "monotonic": 1.0, "wants": ["x"], "novelty": 1}
    entry = LogEntry.from_json(raw)
    assert entry.wants == ("x",)
    assert entry.who == "anonymous"
    assert str(entry) == "#1 t http anonymous - -: ok"
