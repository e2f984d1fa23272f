"""What is computed from measurements; no I/O."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from harness.reporting.record import ScenarioRecord


@dataclass(frozen=True)
class Figure:
    """One measured value and what is aimed at."""

    name: str
    value: float
    unit: str
    aim: float | None = None

    def line(self) -> str:
        """For people: value, aim, met or missed."""
        told = f"{self.name:<58} {self.value:8.2f} {self.unit:<3}"
        if self.aim is None:
            return told.rstrip()
        return f"{told}  aim <= {self.aim:g}: {'met' if self.value <= self.aim else 'missed'}"


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that at least `percent` of the values do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


def share(record: ScenarioRecord) -> float:
    """The harness's part of a scenario's time, in percent: what was not spent on the system."""
    waiting = min(record.timings.get("waiting", 0.0), record.duration)
    return 100.0 * (record.duration - waiting) / record.duration
