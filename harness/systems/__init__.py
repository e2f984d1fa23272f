"""
What is under test: how it is installed and started on a fleet, how it ends, what it claims.

A system starts programs; it never imports them, and no step knows which system runs.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from harness.kit.process import Supervised
from harness.model.profile import Profile


@dataclass(frozen=True, slots=True)
class Program:
    """A program under test, for the report's provenance."""

    name: str
    path: Path


@dataclass(frozen=True, slots=True)
class Running:
    """A system at work."""

    profile: Profile
    processes: tuple[Supervised, ...]
    programs: tuple[Program, ...]
    judged: tuple[str, ...] = ("management", "attached", "both")
    """Whose behaviour the report is about (design.md 6)."""
    bootstrap_control: tuple[str, str] | None = None
    """URL and token of the control of its bootstrap repository, where it lends that."""
    secrets: tuple[str, ...] = field(default=(), repr=False)
    """What must never be seen in an artefact."""
    details: Mapping[str, str] = field(default_factory=dict)
