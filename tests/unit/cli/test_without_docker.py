"""`--clusters kind` where Docker cannot be had: seconds, one sentence, exit code 3."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

_ROOT = Path(__file__).resolve().parents[3]


def run(path: Path, tmp_path: Path) -> tuple[int, str, float]:
    began = _spent()
    done = subprocess.run(
        [sys.executable, "-m", "harness", "run", "--clusters", "kind", "--out", tmp_path / "out"],
        cwd=_ROOT,
        env={**os.environ, "PATH": str(path), "XDG_STATE_HOME": str(tmp_path / "state")},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    return done.returncode, done.stderr, _spent() - began


def _spent() -> float:
    """Seconds of processor time of all children; a busy machine does not lengthen them."""
    return sum(os.times()[2:4])


@pytest.mark.parametrize(
    ("says", "told"),
    [
        (None, "Docker is not installed"),
        ("Cannot connect to the Docker daemon at unix:///x. Is it running?", "does not run"),
    ],
)
def test_it_ends_in_seconds_with_one_sentence(tmp_path, says, told):
    programs = tmp_path / "bin"
    programs.mkdir()
    if says:
        (programs / "docker").write_text(f"#!/bin/sh\necho '{says}' >&2\nexit 1\n")
        (programs / "docker").chmod(0o755)
    status, said, seconds = run(programs, tmp_path)

    assert status == 3
    assert told in said
    assert said.startswith("gitops-conformance: Docker is ")
    assert said.count("\n") == 1
    assert seconds < 10
    assert not list((tmp_path / "state").glob("gitops-conformance/fleets/*"))
