"""From pytest-bdd's hooks to one scenario record; steps that never ran are skipped, not failed."""

import hashlib
import re
import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from harness.errors import HarnessBug, Inconclusive, Nonconformance, SetupError
from harness.model import catalogue, profile
from harness.model.verdict import Outcome
from harness.reporting.record import Attachment, Moment, ScenarioRecord, StepRecord

RECORDING = pytest.StashKey["Recording"]()


class Recording:
    """One scenario while it runs."""

    def __init__(self, scenario: Any, feature: Any, node: str, tags: tuple[str, ...]) -> None:
        self.begun = time.monotonic()
        self._started = datetime.now(UTC).isoformat(timespec="milliseconds")
        self._feature = feature
        self._scenario = scenario
        self._node = node
        self._tags = tags
        self._steps = [
            StepRecord(step.keyword, step.name, "skipped", line=step.line_number)
            for step in scenario.steps
        ]
        self._current = -1
        self._step_began = 0.0
        self.failure: BaseException | None = None
        self.attachments: list[Attachment] = []
        self.moments: list[Moment] = []
        self.variants: list[str] = []
        self.spent_on_evidence = 0.0
        self.waited = 0.0
        self._ended: float | None = None

    def step_begins(self) -> None:
        """The next step starts."""
        self._current += 1
        self._step_began = time.monotonic()
        step = self._steps[self._current]
        self.moments.append(Moment(self._since(), "steps", f"{step.keyword} {step.text}", "step"))

    def step_ends(self) -> None:
        """The current step passed."""
        self._end("passed", "")

    def step_fails(self, error: BaseException) -> None:
        """The current step raised."""
        self.failure = error
        self._end(outcome_of(error), message_of(error))
        self.moments.append(
            Moment(self._since(), "steps", message_of(error).partition("\n")[0], "failure")
        )

    def undefined(self, error: BaseException) -> None:
        """No definition matches the next step."""
        self._current += 1
        self._step_began = time.monotonic()
        self.step_fails(error)

    @property
    def failed_step(self) -> str:
        """The text of the step that did not pass."""
        for step in self._steps:
            if step.outcome not in ("passed", "skipped"):
                return f"{step.keyword} {step.text}"
        return ""

    def record(self, error: BaseException | None, worker: str) -> ScenarioRecord:
        """The scenario as it ended."""
        failure = self.failure or error
        outcome: Outcome = "passed" if failure is None else outcome_of(failure)
        return ScenarioRecord(
            id=self._node,
            feature=self._feature.name or "",
            name=self._scenario.name,
            outcome=outcome,
            uri=str(self._feature.rel_filename),
            line=self._scenario.line_number,
            tags=self._tags,
            requirements=tuple(t for t in self._tags if catalogue.is_requirement_tag(f"@{t}")),
            capabilities=tuple(t for t in self._tags if profile.is_capability(t)),
            message="" if failure is None else message_of(failure),
            failed_step=self.failed_step,
            code=failure.code if isinstance(failure, Inconclusive) else None,
            variant="; ".join(dict.fromkeys(self.variants)) or None,
            worker=worker,
            started=self._started,
            duration=(self._ended or time.monotonic()) - self.begun,
            timings={
                "evidence": round(self.spent_on_evidence, 4),
                "waiting": round(self.waited, 4),
            },
            steps=tuple(self._steps),
            attachments=tuple(self.attachments),
            moments=tuple(sorted(self.moments, key=lambda moment: moment.at)),
        )

    def _end(self, outcome: Outcome, message: str) -> None:
        self._ended = time.monotonic()
        self._steps[self._current] = replace(
            self._steps[self._current],
            outcome=outcome,
            duration=time.monotonic() - self._step_began,
            message=message,
        )

    def _since(self) -> float:
        return time.monotonic() - self.begun


def outcome_of(error: BaseException) -> Outcome:
    """How a scenario ends that raised this."""
    if isinstance(error, Inconclusive):
        return "inconclusive"
    if isinstance(error, Nonconformance):
        return "failed"
    if isinstance(error, KeyboardInterrupt):
        return "interrupted"
    if isinstance(error, pytest.skip.Exception):
        return "skipped"
    return "errored"


def identifier(nodeid: str) -> str:
    """A scenario's id, the same from run to run: its feature and its name."""
    path, _, name = nodeid.partition("::")
    return f"{path.removesuffix('.feature')}::{name.removeprefix('test_')}"


def slug(text: str) -> str:
    """A folder name that is legal everywhere and unique for the text."""
    words = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[-60:].strip("-")
    return f"{words}-{hashlib.sha256(text.encode()).hexdigest()[:6]}"


def message_of(error: BaseException) -> str:
    """What is told of an error; what is not ours is told with its kind."""
    text = str(error)
    if isinstance(error, Nonconformance | Inconclusive | SetupError | HarnessBug):
        return text
    return f"{type(error).__name__}: {text}"
