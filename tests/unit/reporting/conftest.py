"""A run with every outcome, for all tests of the writers."""

import pytest

from harness.model import profile
from harness.model.verdict import OUTCOMES
from harness.reporting.record import (
    Attachment,
    ClusterRecord,
    DeviationRecord,
    Implementation,
    Moment,
    ProfileRecord,
    ProgramRecord,
    RunRecord,
    ScenarioRecord,
    StepRecord,
)

NASTY = "a <b> & \"c\" 'd' ]]> \x00\x1b[31mred\x1b[0m \ud800 é\u2028{{ 7*7 }} {% raw %}"


def scenario(number: int, outcome: str, **more: object) -> ScenarioRecord:
    steps = (
        StepRecord("Given", "a project", "passed", 0.1, line=3),
        StepRecord("When", "a commit is pushed", outcome, 0.2, message=NASTY, line=4),  # type: ignore[arg-type]
        StepRecord("Then", "it is deployed", "skipped", line=5),
    )
    fields = {
        "id": f"sync/sync.feature::scenario {number:02}",
        "feature": "Sync" if number % 2 else "Suspend",
        "name": f"Scenario {number}",
        "outcome": outcome,
        "uri": "features/sync/sync.feature",
        "line": 7,
        "tags": ("CD-SYNC-03", "sync"),
        "requirements": (f"CD-SYNC-0{1 + number % 6}",),
        "capabilities": ("sync",),
        "message": "" if outcome == "passed" else f"expected x, last seen y\n{NASTY}",
        "failed_step": "" if outcome == "passed" else "When a commit is pushed",
        "code": "precondition" if outcome == "inconclusive" else None,
        "duration": 0.5,
        "steps": steps,
        "attachments": (Attachment("evidence", text=NASTY),),
        "moments": (Moment(0.1, "c1", NASTY), Moment(0.4, "git", "fetch", "request")),
        "timings": {"applied": 0.4},
    }
    return ScenarioRecord(**{**fields, **more})  # type: ignore[arg-type]


@pytest.fixture
def run() -> RunRecord:
    """2 passed, 3 failed, 4 skipped, 5 errored, 6 interrupted, 7 inconclusive."""
    outcomes = [o for count, o in enumerate(OUTCOMES, 2) for _ in range(count)]
    return RunRecord(
        started="2026-11-23T08:00:00Z",
        duration=12.3456,
        seed=42,
        system="reference",
        provider="local",
        harness_version="0.1.0",
        harness_commit="a" * 40,
        suite_digest="sha256:" + "b" * 64,
        profile=ProfileRecord("reference", "page", tuple(profile.CORE), may_poke=True),
        scenarios=tuple(scenario(n, o) for n, o in enumerate(outcomes)),
        implementation=Implementation("Example <Org>", "reference", contact=("a@example.com",)),
        clusters=(
            ClusterRecord("c1", "attached", "v1.34.1"),
            ClusterRecord("m", "management", "v1.34.1"),
        ),
        programs=(ProgramRecord("etcd", "go.etcd.io/etcd", "v3.6.5", "h1:x", "sha256:y"),),
        baseline="known.yaml",
        deviations=(DeviationRecord("sync/other::x", "CD-SYNC-01", NASTY, NASTY),),
        patience={"sync": 30.0},
    )
