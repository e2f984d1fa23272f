"""Runs the suite against a faulty system and says who noticed."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import yaml

from tests.faulty.faults import Fault

ROOT = Path(__file__).parents[2]
# Deadlines are waited out wherever a fault is noticed; the reference needs a second or two.
_DEADLINES = (
    "sync",
    "report_error",
    "resume",
    "delete",
    "edit",
    "drift",
    "event",
    "secret",
    "namespace_gone",
)
_SECONDS = 20


@dataclass(frozen=True)
class Judgement:
    """What the suite said about a faulty system."""

    fault: Fault
    outcomes: dict[str, str]
    output: str

    @property
    def unnoticed(self) -> set[str]:
        """Scenarios that had to fail and did not."""
        return {s for s in self.fault.breaks if self.outcomes.get(s) != "failed"}

    @property
    def collateral(self) -> set[str]:
        """Scenarios that did not pass and had no reason not to."""
        allowed = self.fault.breaks | set(self.fault.may_break)
        return {s for s, o in self.outcomes.items() if o != "passed" and s not in allowed}

    def explain(self) -> str:
        """For people: what was unexpected, and the run's own output."""
        told = [f"{self.fault.name}: {self.fault.claim}"]
        told += [
            f"  not noticed by {s} ({self.outcomes.get(s, 'not run')})" for s in self.unnoticed
        ]
        told += [f"  also red: {s} ({self.outcomes[s]})" for s in self.collateral]
        return "\n".join([*told, self.output[-6000:]])


def judge(fault: Fault, out: Path, *, whole: bool = False) -> Judgement:
    """Run the fault's scenarios and the canaries (or the whole suite) against it."""
    command = [sys.executable, "-m", "harness", "run", "--out", str(out), "-n", "5"]
    for name in _DEADLINES:
        command += ["--deadline", f"{name}={_SECONDS}"]
    for scenario in () if whole else sorted(fault.scenarios):
        command += ["--scenario", scenario]
    controllers = f"{sys.executable} -m tests.faulty.controllers {fault.name}"
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, "GITOPS_CONFORMANCE_CONTROLLERS": controllers},
        capture_output=True,
        text=True,
        check=False,
    )
    report = out / "report.yaml"
    if not report.exists():
        raise AssertionError(f"no report on {fault.name}:\n{done.stdout}\n{done.stderr}")
    rows = yaml.safe_load(report.read_text())["scenarios"]
    return Judgement(fault, {row["id"]: row["outcome"] for row in rows}, done.stdout + done.stderr)
