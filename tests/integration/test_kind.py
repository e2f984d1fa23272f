"""
Kind clusters for real: they start, are usable, carry scenarios, and leave nothing behind.

Only where a Docker engine runs and the node image can be had; skipped with the reason elsewhere.
"""

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import yaml

from harness import errors
from harness.cluster import binaries, docker, fleet, kind, programs, providing
from harness.kit import wait

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

_ROOT = Path(__file__).resolve().parents[2]
_SCENARIO = "sync/sync::a_new_source_is_synced_without_further_action"
_DEBUGGING = "suspension/suspend::suspending_removes_nothing"
_IMAGE = os.environ.get("KIND_NODE_IMAGE", kind.IMAGE)


@pytest.fixture(scope="module", autouse=True)
def engine():
    """Docker and the node image, or the reason why there is none."""
    try:
        kind.check(providing.Request(attached=2))
        if not docker.has_image(_IMAGE):
            docker.run("pull", "--quiet", _IMAGE, within=900)
    except errors.SetupError as error:
        pytest.skip(f"{_IMAGE}: {error}")


@pytest.fixture(scope="module")
def found():
    return binaries.provide(programs.KIND)


def listed(found) -> set[str]:
    """All containers, networks, volumes and kind clusters of this machine."""
    containers = docker.run("ps", "--all", "--format", "container {{.Names}}").splitlines()
    networks = docker.run("network", "ls", "--format", "network {{.Name}}").splitlines()
    volumes = docker.run("volume", "ls", "--format", "volume {{.Name}}").splitlines()
    clusters = subprocess.run(
        [found.path("kind"), "get", "clusters"], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    return {*containers, *networks, *volumes, *(f"cluster {name}" for name in clusters)}


@pytest.fixture
def before(found):
    """What was there before the test; the test must leave exactly that."""
    return listed(found)


def kubectl(found, member: fleet.Member, *arguments: str) -> str:
    done = subprocess.run(
        [found.path("kubectl"), f"--kubeconfig={member.kubeconfig}", *arguments],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_fleet_is_usable_and_leaves_nothing(found, before, tmp_path):
    request = providing.Request(attached=1, image=_IMAGE)
    with (
        fleet.hold(state=tmp_path / "state", logs=tmp_path / "logs") as lease,
        kind.lend(found, lease, request) as made,
    ):
        assert [member.context for member in made.members] == ["management", "c1"]
        for member in made.members:
            assert member.version.startswith("v1.")
            assert " Ready " in kubectl(found, member, "get", "nodes")
            kubectl(found, member, "create", "namespace", "demo")
        merged = fleet.Member("all", made.kubeconfig, "c1", "")
        assert "demo" in kubectl(found, merged, "--context=c1", "get", "namespaces")
        new = listed(found) - before
        assert len([name for name in new if name.startswith("cluster gc-")]) == 2
        assert len([name for name in new if name.startswith("network gc-")]) == 1
    assert listed(found) == before
    assert list((tmp_path / "state").iterdir()) == []


OWNER = """
    import time
    from pathlib import Path
    from harness.cluster import binaries, fleet, kind, programs, providing
    with fleet.hold("run", state=Path({state!r})) as lease:
        request = providing.Request(attached=1, image={image!r})
        with kind.lend(binaries.provide(programs.KIND), lease, request):
            print("ready", flush=True)
            time.sleep(300)
"""


@pytest.mark.parametrize("when", ["while they are made", "when they are there"])
def test_a_killed_run_leaves_nothing_after_the_next_start(found, before, tmp_path, when):
    state = tmp_path / "state"
    code = textwrap.dedent(OWNER.format(state=str(state), image=_IMAGE))
    run = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert run.stdout is not None
    with run.stdout:
        if when == "when they are there":
            assert run.stdout.readline() == "ready\n"
        else:
            wait.eventually(
                lambda: (
                    None
                    if any(name.startswith("container gc-") for name in listed(found) - before)
                    else "no container"
                ),
                within=60,
                what="a node",
            )
        run.kill()
        run.wait()
    assert listed(found) != before, "the twin: what would be left is seen"
    told = fleet.reap_stale(state=state)
    assert any("kind cluster gc-" in line for line in told)
    assert listed(found) == before
    assert list(state.iterdir()) == []


def harness(tmp_path: Path, *arguments: str | Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "harness", *arguments],
        cwd=_ROOT,
        env={**os.environ, "XDG_STATE_HOME": str(tmp_path / "state"), "CI": "true"},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
    )  # fmt: skip


def test_scenarios_run_on_kind(found, before, tmp_path):
    out = tmp_path / "out"
    run = harness(
        tmp_path, "run", "--clusters", "kind", "--kind-image", _IMAGE, "--attached", "2",
        "--scenario", _SCENARIO, "--scenario", _DEBUGGING, "--out", out,
    )  # fmt: skip
    output = run.communicate()[0]
    assert run.returncode == 0, output
    assert "2 passed, 0 failed, 0 skipped" in output
    environment = yaml.safe_load((out / "report.yaml").read_text())["environment"]
    assert environment["provider"] == "kind"
    assert listed(found) == before


def test_an_interrupted_run_leaves_nothing(found, before, tmp_path):
    run = harness(
        tmp_path, "run", "--clusters", "kind", "--kind-image", _IMAGE, "--attached", "1",
        "--scenario", _SCENARIO, "--out", tmp_path / "out",
    )  # fmt: skip
    assert run.stdout is not None
    for line in run.stdout:
        if "is ready (1 of 2" in line:
            break
    os.kill(run.pid, signal.SIGINT)
    output = run.communicate()[0]
    assert run.returncode == 130, output
    assert "Traceback" not in output
    assert listed(found) == before


def test_up_stays_is_used_and_goes_down(found, before, tmp_path):
    up = harness(tmp_path, "up", "--clusters", "kind", "--kind-image", _IMAGE, "--attached", "2")
    output = up.communicate()[0]
    try:
        assert up.returncode == 0, output
        for time in ("first", "second"):
            out = tmp_path / time
            run = harness(tmp_path, "run", "--reuse", "--scenario", _SCENARIO, "--out", out)
            output = run.communicate()[0]
            assert run.returncode == 0, f"{time}: {output}"
            environment = yaml.safe_load((out / "report.yaml").read_text())["environment"]
            assert environment["provider"] == "kind"
    finally:
        down = harness(tmp_path, "down")
        said = down.communicate()[0]
    assert "The fleet is stopped" in said
    assert listed(found) == before
