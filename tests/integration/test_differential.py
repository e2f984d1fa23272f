"""The differential run with itself: no difference; and a reference that is wrong is told apart."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
ONLY = "repository (shop|empty-path)|order suspend and delete Kustomization$|generated"


def compare(out: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [
        *(sys.executable, "-c", "from harness.cli import main; main()", "compare-systems"),
        *("reference", "reference", "--sequences", "2", "--seed", "1", "--only", ONLY),
        *("--out", str(out)),
    ]
    env = {**os.environ, **environment}
    return subprocess.run(command, env=env, capture_output=True, text=True, check=False)


def test_the_reference_does_not_differ_from_itself(tmp_path: Path) -> None:
    done = compare(tmp_path / "out")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == "5 passed, 0 failed, 0 skipped"
    report = yaml.safe_load((tmp_path / "out" / "differential.yaml").read_text())
    assert report["seed"] == 1
    assert [one["unexplained"] for one in report["sequences"]] == [[]] * 5


def test_a_reference_that_does_not_prune_is_found(tmp_path: Path) -> None:
    wrong = f"{sys.executable} -m tests.faulty.controllers no-prune"
    done = compare(tmp_path / "out", GITOPS_CONFORMANCE_CONTROLLERS=wrong)
    assert done.returncode == 1, done.stdout + done.stderr
    report = yaml.safe_load((tmp_path / "out" / "differential.yaml").read_text())
    found = {one["name"]: one["unexplained"] for one in report["sequences"]}
    assert any("objects of ConfigMap/" in line for line in found["repository shop"])
