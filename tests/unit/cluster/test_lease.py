import json
import os
import signal
import stat
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from harness import errors
from harness.cluster import fleet
from harness.kit import process


@pytest.fixture
def state(tmp_path):
    """A state directory; whatever a failed test left running for it is ended."""
    yield tmp_path / "state"
    for directory in (tmp_path / "state").resolve().glob("*"):
        process.end_groups(process.with_environment(fleet.MARKER, str(directory)), grace=0)


def until(condition, seconds: float = 10.0) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.02)
    return bool(condition())


def some_fleet(directory):
    members = [fleet.Member(n, directory / n / "kubeconfig", n, "v1.34.4") for n in ("m", "c1")]
    return fleet.Fleet(members[0], tuple(members[1:]), directory)


OWNER = """
    import sys, time
    from pathlib import Path
    from harness.cluster import fleet
    with fleet.hold({mode!r}, state=Path({state!r})) as lease:
        for name in ("one", "two"):
            started = lease.start(name, ["bash", "-c", "setsid sleep 300 & exec sleep 300"])
            print(started.pid, flush=True)
        if {keep}:
            lease.record(fleet.Fleet(fleet.Member("m", Path("k"), "m", "v1"), (), lease.directory))
            lease.leave_running()
        else:
            time.sleep(300)
"""


def owner(state, *, mode="run", keep=False):
    """Another run, with two processes that have one child each in a session of its own."""
    code = textwrap.dedent(OWNER.format(mode=mode, state=str(state), keep=keep))
    run = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert run.stdout is not None
    pids = [int(run.stdout.readline()) for _ in range(2)]
    children = [each for each in map(process.identity, pids) if each]
    assert len(children) == 2
    return run, children


def killed(run):
    run.kill()
    run.wait()
    run.stdout.close()


def left_in(state):
    return process.with_environment(fleet.MARKER, str(next(state.resolve().glob("*"))))


def test_a_lease_is_private_and_leaves_nothing(state):
    with fleet.hold(state=state) as lease:
        child = lease.start("sleeper", ["sleep", "300"])
        assert stat.S_IMODE(lease.directory.stat().st_mode) == 0o700
        assert stat.S_IMODE(lease.directory.parent.stat().st_mode) == 0o700
        assert [name for name, _ in lease.survivors()] == ["sleeper"]
    assert not child.alive
    assert list(state.iterdir()) == []


def test_after_a_failure_only_the_logs_stay(state):
    with pytest.raises(errors.SetupError), fleet.hold(state=state) as lease:  # noqa: PT012
        (lease.directory / "secret.key").write_text("x")
        child = lease.start("talker", ["bash", "-c", "echo hello; sleep 300"])
        assert until(lambda: child.tail() == "hello")
        raise errors.SetupError("no")
    assert not child.alive
    assert not (lease.directory / "secret.key").exists()
    assert child.log.read_text() == "hello\n"
    fleet.reap_stale(state=state)
    assert lease.directory.exists(), "its owner lives"


def test_logs_may_lie_elsewhere(state, tmp_path):
    with fleet.hold(state=state, logs=tmp_path / "report" / "logs") as lease:
        child = lease.start("echo", ["echo", "kept"])
        assert until(lambda: not child.alive)
    assert (tmp_path / "report" / "logs" / "echo.log").read_text() == "kept\n"
    assert list(state.iterdir()) == []


def test_others_of_the_run_may_add_processes(state):
    with fleet.hold(state=state) as lease:
        code = textwrap.dedent(f"""
            from pathlib import Path
            from harness.cluster import fleet
            from harness.kit import process
            lease = fleet.Lease(Path({str(lease.directory)!r}))
            log = lease.logs / "added.log"
            started = process.start("added", ["sleep", "300"], log=log, tied=False)
            lease.adopt(started)
        """)
        subprocess.run([sys.executable, "-c", code], check=True)
        [(name, added)] = lease.survivors()
        assert name == "added"
    assert not added.alive


def test_what_a_killed_run_left_is_ended_with_all_it_started(state):
    run, children = owner(state)
    fleet.reap_stale(state=state)
    assert all(child.alive for child in children), "its owner lives"
    assert until(lambda: len(left_in(state)) == 4)
    grandchildren = [each for each in left_in(state) if each not in children]
    killed(run)
    assert until(lambda: not any(child.alive for child in children)), "the belt"
    assert all(each.alive for each in grandchildren), "they left our groups"
    assert len(fleet.reap_stale(state=state)) == 2
    assert not any(each.alive for each in grandchildren)
    assert list(state.iterdir()) == []
    assert fleet.reap_stale(state=state) == []


def test_what_has_no_belt_is_reaped_by_its_record(state):
    """A fleet that was to stay, but whose start was killed half-way."""
    run, children = owner(state, mode="up")
    assert until(lambda: len(left_in(state)) == 4)
    killed(run)
    assert all(child.alive for child in children)
    reaped = fleet.reap_stale(state=state)
    assert {name.split()[0] for name in reaped} >= {"one", "two"}
    assert not any(child.alive for child in children)
    assert list(state.iterdir()) == []


def test_a_number_that_was_used_again_is_spared(state):
    run, _ = owner(state, mode="up")
    directory = next(state.resolve().glob("*"))
    with process_of_somebody() as innocent:
        for path in (directory / "processes").glob("*.json"):
            entry = json.loads(path.read_text())
            entry.update(pid=innocent.pid)
            path.write_text(json.dumps(entry))
        others = left_in(state)
        killed(run)
        fleet.reap_stale(state=state)
        assert innocent.poll() is None
        assert not any(each.alive for each in others)


def process_of_somebody():
    class Somebody(subprocess.Popen[bytes]):
        def __exit__(self, *_):
            self.kill()
            self.wait()

    return Somebody(["sleep", "300"], start_new_session=True)


def test_the_lock_tells_that_an_owner_lives_where_its_number_does_not(state):
    """Two containers with one home directory do not see each other's processes."""
    with fleet.hold(state=state) as lease:
        path = lease.directory / "fleet.json"
        content = json.loads(path.read_text())
        content["owner"] = {"pid": 999_999_999, "started": "elsewhere"}
        path.write_text(json.dumps(content))
        assert fleet.reap_stale(state=state) == []
        assert lease.directory.exists()


def test_up_stays_is_loaded_and_goes_down(state):
    assert fleet.load(state=state) is None
    assert not fleet.down(state=state)
    run, children = owner(state, mode="up", keep=True)
    assert run.wait(20) == 0
    run.stdout.close()
    assert all(child.alive for child in children)
    assert fleet.reap_stale(state=state) == []
    loaded = fleet.load(state=state)
    assert loaded is not None
    assert loaded.management.name == "m"
    with pytest.raises(errors.SetupError, match="already"), fleet.hold("up", state=state):
        pass
    assert all(child.alive for child in children)
    assert fleet.down(state=state)
    assert not any(child.alive for child in children)
    assert list(state.iterdir()) == []


def test_a_damaged_fleet_is_explained_and_a_dead_one_forgotten(state):
    run, children = owner(state, mode="up", keep=True)
    assert run.wait(20) == 0
    run.stdout.close()
    process.signal_group(children[0], signal.SIGKILL)
    assert until(lambda: not children[0].alive)
    with pytest.raises(errors.SetupError, match=r"these ended: one \(log: .*one\.log\).*down"):
        fleet.load(state=state)
    process.end_groups(left_in(state))
    assert fleet.load(state=state) is None
    assert list(state.iterdir()) == []


def test_the_end_of_what_is_not_essential_is_no_damage(state):
    with fleet.hold(state=state) as lease:
        follower = lease.start("follower", ["sleep", "300"], essential=False)
        worker = lease.start("worker", ["sleep", "300"])
        follower.kill()
        assert lease.casualties() == []
        worker.kill()
        assert [each.partition(" ")[0] for each in lease.casualties()] == ["worker"]


def test_a_process_of_the_fleet_can_be_frozen_by_name(state):
    with fleet.hold(state=state) as lease:
        child = lease.start("sleeper", ["sleep", "300"])
        lease.signal("sleeper", signal.SIGSTOP)
        status = Path(f"/proc/{child.pid}/status")
        assert until(lambda: "T (stopped)" in status.read_text())
        with pytest.raises(errors.SetupError, match="nobody"):
            lease.signal("nobody", signal.SIGCONT)


def test_a_fleet_survives_its_journey_through_json(tmp_path):
    there = some_fleet(tmp_path)
    back = fleet.Fleet.from_json(json.loads(json.dumps(there.to_json())), tmp_path)
    assert back == there
    assert back.member("c1").context == "c1"
    with pytest.raises(errors.UsageError, match=r"no cluster 'c9'; it has: m, c1\."):
        back.member("c9")


def test_the_state_directory_follows_xdg(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert fleet.state_directory() == tmp_path / "gitops-conformance" / "fleets"
    assert os.access(fleet.state_directory(), os.W_OK)
