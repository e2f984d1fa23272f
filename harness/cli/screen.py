"""What a person sees while a run goes on: a live line on a terminal, plain lines elsewhere."""

import os
import re
import sys

from rich.console import Console
from rich.markup import escape
from rich.status import Status

from harness.kit.clock import Clock, system_clock
from harness.model.verdict import Outcome
from harness.reporting.record import ScenarioRecord

_MARKS: dict[Outcome, tuple[str, str]] = {
    "passed": ("ok", "green"),
    "failed": ("FAILED", "bold red"),
    "errored": ("ERROR", "bold red"),
    "inconclusive": ("INCONCLUSIVE", "yellow"),
    "interrupted": ("INTERRUPTED", "yellow"),
    "skipped": ("skipped", "dim"),
}
_MOST_LINES = 25
_COUNTING = re.compile(r", \d+ s of about \d+ s$")
_COUNTED_EVERY = 15.0
"""Seconds between two lines that differ in the seconds they count; a terminal shows each."""


class Screen:
    """Writes progress; `NO_COLOR` and a pipe take the colours away."""

    def __init__(self, console: Console | None = None, *, clock: Clock = system_clock) -> None:
        # The stream of now: while pytest runs, sys.stdout is something else.
        self._console = console or Console(file=sys.stdout, highlight=False, soft_wrap=True)
        self._live: Status | None = None
        self._clock = clock
        self._begun = clock.monotonic()
        self._bad = 0
        self._counted = ("", 0.0)

    def __enter__(self) -> "Screen":
        if self._console.is_terminal and not os.environ.get("CI"):
            self._live = self._console.status("starting")
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live:
            self._live.stop()
            self._live = None

    def say(self, text: str) -> None:
        """A line that stays."""
        self._console.print(escape(text))

    def progress(self, text: str) -> None:
        """What is being done now."""
        since = self._clock.monotonic() - self._begun
        if self._live:
            self._live.update(f"{since:.0f} s  {escape(text)}")
        elif not self._counts_on(text, since):
            self._console.print(f"[dim]{since:6.1f} s  {escape(text)}[/dim]")

    def _counts_on(self, text: str, since: float) -> bool:
        """Whether a line says nothing but that some seconds have passed."""
        what = _COUNTING.sub("", text)
        before, told = self._counted
        if what == text or what != before or since - told >= _COUNTED_EVERY:
            self._counted = (what, since)
            return False
        return True

    def scenario(self, record: ScenarioRecord, done: int, total: int) -> None:
        """One scenario ended."""
        mark, style = _MARKS[record.outcome]
        self._bad += record.outcome not in ("passed", "skipped")
        width = len(str(total))
        where = escape(record.id.partition("::")[0])
        self._console.print(
            f"[dim]{done:>{width}}/{total}[/dim] [{style}]{mark}[/{style}] {escape(record.name)}"
            f"  [dim]{where}  {record.duration:.1f} s[/dim]"
        )
        if record.outcome not in ("passed", "skipped"):
            if record.failed_step:
                self._console.print(f"      [bold]{escape(record.failed_step)}[/bold]")
            for line in record.message.splitlines()[:_MOST_LINES]:
                self._console.print(f"      {escape(line)}")
        if self._live:
            bad = f", {self._bad} not passed" if self._bad else ""
            self._live.update(f"{done} of {total} scenarios{bad}")
