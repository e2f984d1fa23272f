"""A run that is killed, or interrupted, leaves nothing that the next start does not end."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
_ROOT = Path(__file__).resolve().parents[2]
_SCENARIO = "sync/sync::a_new_source_is_synced_without_further_action"
_OTHER = "suspension/suspend::suspending_removes_nothing"
_PROGRAMS = ("kube-apiserver", "kube-controller-manager", "etcd", "harness.gitserver",
             "harness.controllers")  # fmt: skip


def start(state: Path, out: Path, scenario: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "harness", "run", "-n", "1", "--attached", "2", "--out", str(out),
         "--scenario", scenario],
        cwd=_ROOT,
        env={**os.environ, "XDG_STATE_HOME": str(state), "CI": "true"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )  # fmt: skip


def await_line(run: subprocess.Popen[str], wanted: str) -> str:
    assert run.stdout is not None
    seen = ""
    for line in run.stdout:
        seen += line
        if wanted in line:
            return seen
    raise AssertionError(f"{wanted!r} never came:\n{seen}")


def await_project(state: Path) -> None:
    """Until a scenario has noted that it makes a project."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        journals = state.glob("gitops-conformance/fleets/*/journal.jsonl")
        if any('"project"' in journal.read_text() for journal in journals):
            return
        time.sleep(0.05)
    raise AssertionError("no scenario made a project")


def ours(state: Path) -> list[str]:
    """Command lines of processes that work below a state directory."""
    found = []
    for folder in Path("/proc").iterdir():
        try:
            line = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except (OSError, UnicodeDecodeError):
            continue
        if str(state) in line and any(program in line for program in _PROGRAMS):
            found.append(line)
    return found


def gone(state: Path, *, within: float = 20.0) -> list[str]:
    """What is left of them once they had the time to end."""
    deadline = time.monotonic() + within
    while (left := ours(state)) and time.monotonic() < deadline:
        time.sleep(0.1)
    return left


def test_the_start_after_a_kill_finds_a_clean_place(tmp_path: Path) -> None:
    """`kill -9` in mid-run; the next run passes and nothing of the first one is left."""
    state = tmp_path / "state"
    killed = start(state, tmp_path / "killed", _OTHER)
    await_line(killed, "running the scenarios")
    assert ours(state), "the twin: what would be left is seen while it runs"
    killed.kill()
    killed.communicate()
    first = {path.name for path in (state / "gitops-conformance" / "fleets").iterdir()}

    second = start(state, tmp_path / "second", _SCENARIO)
    output = second.communicate()[0]

    assert second.returncode == 0, output
    assert "1 passed, 0 failed, 0 skipped" in output
    assert not gone(state)
    kept = {path.name for path in (state / "gitops-conformance" / "fleets").iterdir()}
    assert not kept & first


@pytest.mark.parametrize("within_a_scenario", [False, True])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_ends_what_it_started(
    tmp_path: Path, number: signal.Signals, within_a_scenario: bool
) -> None:
    """Ctrl-C and SIGTERM: exit 130, a report that says so, no process left."""
    state = tmp_path / "state"
    run = start(state, tmp_path / "out", _OTHER)
    await_line(run, "running the scenarios")
    if within_a_scenario:
        await_project(state)
    os.kill(run.pid, number)
    output = run.communicate()[0]

    assert run.returncode == 130, output
    assert "Traceback" not in output
    assert not gone(state)
    assert (tmp_path / "out" / "report.yaml").is_file(), output
