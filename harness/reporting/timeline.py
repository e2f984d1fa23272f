"""
The timeline of a scenario as inline SVG: a lane per cluster, a mark per moment.

Only geometry; which moments there are is in the record.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from harness.reporting.record import Moment, ScenarioRecord
from harness.reporting.text import printable, seconds

_WIDTH: Final = 720
_LEFT: Final = 110
_RIGHT: Final = 16
_LANE: Final = 26
_MARKS: Final = 400  # more than this is a grey band for every reader


@dataclass(frozen=True, slots=True)
class Mark:
    """One moment, placed."""

    x: float
    y: float
    kind: str
    title: str


@dataclass(frozen=True, slots=True)
class Timeline:
    """What the template draws."""

    width: int
    height: int
    left: int
    right: int
    lanes: tuple[tuple[float, str], ...]
    marks: tuple[Mark, ...]
    ticks: tuple[tuple[float, str], ...]
    left_out: int


def draw(scenario: ScenarioRecord) -> Timeline | None:
    """The timeline of the scenario, or None where nothing was recorded."""
    moments = sorted(scenario.moments, key=lambda m: m.at)
    if not moments:
        return None
    shown = moments[:_MARKS]
    lanes = sorted({m.lane for m in shown})
    end = max(scenario.duration, shown[-1].at, 0.001)
    heights = {lane: 16.0 + n * _LANE for n, lane in enumerate(lanes)}
    return Timeline(
        width=_WIDTH,
        height=len(lanes) * _LANE + 30,
        left=_LEFT,
        right=_WIDTH - _RIGHT,
        lanes=tuple((y, printable(lane)) for lane, y in heights.items()),
        marks=tuple(_mark(m, heights[m.lane], end) for m in shown),
        ticks=tuple((_x(end * n / 4, end), seconds(end * n / 4)) for n in range(5)),
        left_out=len(moments) - len(shown),
    )


def _mark(moment: Moment, y: float, end: float) -> Mark:
    kind = moment.kind if moment.kind in ("change", "request", "step", "failure") else "change"
    title = f"{seconds(moment.at)} {moment.lane}: {moment.text}"
    return Mark(_x(moment.at, end), y, kind, printable(title))


def _x(at: float, end: float) -> float:
    inside = min(max(at, 0.0), end)
    return round(_LEFT + (_WIDTH - _LEFT - _RIGHT) * inside / end, 1)
