"""A suite of tiny features that needs no fleet, run in a process of its own."""

import json
import os
import signal
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.reporting import record
from harness.reporting.record import ScenarioRecord

STEPS = """
import os, threading
from pathlib import Path
import pytest
from pytest_bdd import given, then, when
from harness.errors import Inconclusive, NotYet, SetupError


@given("a start")
def start():
    pass


@when("it works")
def works():
    Path(os.environ["TINY_WORKED"]).touch()


@when("the system is wrong")
def wrong():
    raise NotYet("after 3 s (sync): no ConfigMap a")


@when("the harness is wrong")
def bug():
    raise ZeroDivisionError("division by zero")


@when("the bench breaks")
def bench():
    raise SetupError("no port is free")


@when("nothing can be said")
def unclear():
    raise Inconclusive("precondition", "The fleet has no cluster outside the project.")


@when("the step gives up")
def skips():
    pytest.skip("not here")


@when("the step is a coroutine")
async def coroutine():
    raise AssertionError("never run")


@when("the process dies")
def dies():
    os._exit(7)


@when("it takes a moment")
def a_moment():
    threading.Event().wait(0.2)


@when("it takes for ever")
def for_ever():
    Path(os.environ["TINY_BEGAN"]).touch()
    threading.Event().wait(60)


@then("it is well")
def well():
    pass
"""

_DRIVER = """
import json, sys
from pathlib import Path
from harness.cli import suite
from harness.cli.failing import exit_status
from harness.model.sharding import Shard
from harness.reporting import record

def main():
    asked = json.loads(sys.argv[1])
    told = []
    collected = suite.run(
        Path("no-session.json"),
        tags=asked["tags"],
        requirements=tuple(asked["requirements"]),
        scenarios=(),
        workers=asked["workers"],
        shard=Shard(*asked["shard"]) if asked["shard"] else None,
        tell=lambda one, done, total: told.append([one.id, done, total]),
        directory=Path("features"),
        plugins=("tiny_steps",),
    )
    Path("result.json").write_text(json.dumps({
        "records": [record.to_plain(one) for one in collected.records.values()],
        "troubles": collected.troubles,
        "interrupted": collected.interrupted,
        "told": told,
    }))

sys.exit(exit_status(main))
"""


@dataclass(frozen=True)
class Result:
    status: int
    output: str
    records: dict[str, dict[str, Any]]
    troubles: list[str]
    interrupted: bool
    told: list[list[Any]]

    @property
    def scenarios(self) -> tuple[ScenarioRecord, ...]:
        return tuple(record.from_plain(ScenarioRecord, raw) for raw in self.records.values())

    @property
    def outcomes(self) -> dict[str, str]:
        return {name: raw["outcome"] for name, raw in self.records.items()}


class Suite:
    """Features in a folder; `run` gives what came of them."""

    def __init__(self, directory: Path, features: dict[str, str], steps: str = STEPS) -> None:
        self.directory = directory
        self.began = directory / "began"
        self.worked = directory / "worked"
        for name, text in features.items():
            path = directory / "features" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(text))
        (directory / "tiny_steps.py").write_text(steps)

    def start(
        self,
        *,
        workers: int = 1,
        tags: str = "",
        requirements: tuple[str, ...] = (),
        shard: tuple[int, int] | None = None,
    ):
        asked = {"workers": workers, "tags": tags, "requirements": requirements, "shard": shard}
        # Neither xdist nor coverage of the outer run may reach in.
        outer = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST_", "COV_"))}
        return subprocess.Popen(
            [sys.executable, "-c", _DRIVER, json.dumps(asked)],
            cwd=self.directory,
            env={
                **outer,
                "PYTHONPATH": os.pathsep.join([str(self.directory), *filter(None, sys.path)]),
                "TINY_BEGAN": str(self.began),
                "TINY_WORKED": str(self.worked),
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def result(self, process: "subprocess.Popen[str]") -> Result:
        try:
            output, _ = process.communicate(timeout=60)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            raise
        kept = self.directory / "result.json"
        raw = json.loads(kept.read_text()) if kept.exists() else {}
        return Result(
            status=process.returncode,
            output=output,
            records={one["name"]: one for one in raw.get("records", [])},
            troubles=raw.get("troubles", []),
            interrupted=raw.get("interrupted", False),
            told=raw.get("told", []),
        )

    def run(self, **asked: Any) -> Result:
        return self.result(self.start(**asked))
