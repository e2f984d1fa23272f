"""Fleets of real control planes: they start, are usable and safe, and leave nothing behind."""

import json
import ssl
import stat
import subprocess
import sys
import textwrap
import time
import urllib.request
from pathlib import Path

import pytest
import yaml

from harness import errors
from harness.cluster import binaries, controlplane, fleet
from harness.kit import certs, ports, process, wait

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def programs():
    return binaries.provide()


def kubectl(programs, member: fleet.Member, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [programs.path("kubectl"), f"--kubeconfig={member.kubeconfig}", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def port_of(member: fleet.Member) -> int:
    config = yaml.safe_load(member.kubeconfig.read_text())
    return int(config["clusters"][0]["cluster"]["server"].rpartition(":")[2])


def until(condition, seconds: float = 20.0) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.1)
    return bool(condition())


def test_a_fleet_is_usable_and_leaves_nothing(programs, tmp_path):
    said: list[str] = []
    with (
        fleet.hold(state=tmp_path / "state", logs=tmp_path / "logs") as lease,
        controlplane.local(programs, lease, attached=1, on_progress=said.append) as made,
    ):
        assert [member.context for member in made.members] == ["management", "c1"]
        assert {member.version for member in made.members} == {
            programs.found["kube-apiserver"].version
        }
        processes = [who for _, who in lease.survivors()]
        assert len(processes) == 5
        listening = [port_of(member) for member in made.members]
        for member in made.members:
            check_namespaces(programs, member)
            check_roles(programs, member)
        check_clusters_differ(programs, made)
        check_tls(made)
        check_secrecy(made)
        assert any("2 of 2" in text for text in said)
    assert not any(who.alive for who in processes)
    assert not any(ports.accepts(port) for port in listening)
    assert list((tmp_path / "state").iterdir()) == []
    assert {path.name for path in (tmp_path / "logs").iterdir()} == {
        "etcd.log",
        "management-kube-apiserver.log",
        "management-kube-controller-manager.log",
        "c1-kube-apiserver.log",
        "c1-kube-controller-manager.log",
    }


def check_namespaces(programs, member):
    """A namespace gets its account, and is really gone after its deletion."""
    assert kubectl(programs, member, "create", "namespace", "demo").returncode == 0
    account = ("-n", "demo", "get", "serviceaccount", "default")
    assert until(lambda: kubectl(programs, member, *account).returncode == 0)
    made = kubectl(programs, member, "-n", "demo", "create", "configmap", "x")
    assert made.returncode == 0, made.stderr
    gone = kubectl(programs, member, "delete", "namespace", "demo", "--timeout=40s")
    assert gone.returncode == 0, gone.stderr
    assert "NotFound" in kubectl(programs, member, "get", "namespace", "demo").stderr


def check_roles(programs, member):
    """RBAC is on, and the aggregated roles are filled."""
    may = ("auth", "can-i", "get", "pods", "--as=somebody")
    assert kubectl(programs, member, *may).stdout.strip() == "no"

    def rules() -> list[object]:
        said = kubectl(programs, member, "get", "clusterrole", "admin", "-o", "json").stdout
        return json.loads(said).get("rules") or []

    assert until(lambda: len(rules()) > 5)


def check_clusters_differ(programs, made):
    """They share etcd, but not their data, and neither trusts the other's authority."""
    first, second = made.members
    assert kubectl(programs, first, "create", "namespace", "only-here").returncode == 0
    assert "NotFound" in kubectl(programs, second, "get", "namespace", "only-here").stderr
    merged = [programs.path("kubectl"), f"--kubeconfig={made.kubeconfig}"]
    for member in made.members:
        subprocess.run(
            [*merged, f"--context={member.context}", "get", "namespaces"],
            check=True,
            capture_output=True,
        )


def check_tls(made):
    """Whoever trusts another authority refuses the server; who shows no certificate is refused."""
    address = f"https://127.0.0.1:{port_of(made.management)}/version"
    wrong = ssl.create_default_context(cadata=certs.Authority("wrong").pem.decode())
    with pytest.raises(OSError, match="CERTIFICATE_VERIFY_FAILED"):
        urllib.request.urlopen(address, context=wrong, timeout=10)
    right = ssl.create_default_context(cafile=made.directory / "management" / "ca.crt")
    with pytest.raises(OSError, match="401"):
        urllib.request.urlopen(address, context=right, timeout=10)


def check_secrecy(made):
    assert stat.S_IMODE(made.directory.stat().st_mode) == 0o700
    kubeconfigs = [made.kubeconfig, *(member.kubeconfig for member in made.members)]
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in kubeconfigs)


OWNER = """
    import time
    from pathlib import Path
    from harness.cluster import binaries, controlplane, fleet
    with (
        fleet.hold({mode!r}, state=Path({state!r})) as lease,
        controlplane.local(binaries.provide(), lease, attached=1) as made,
    ):
        if {mode!r} == "up":
            lease.leave_running()
        print(lease.directory, flush=True)
        if {mode!r} == "run":
            time.sleep(300)
"""


def owner(state: Path, mode: str) -> tuple[subprocess.Popen[str], fleet.Lease]:
    code = textwrap.dedent(OWNER.format(mode=mode, state=str(state)))
    run = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert run.stdout is not None
    return run, fleet.Lease(Path(run.stdout.readline().strip()))


def test_a_killed_run_leaves_nothing_after_the_next_start(tmp_path):
    state = tmp_path / "state"
    run, lease = owner(state, "run")
    processes = [who for _, who in lease.survivors()]
    listening = [port_of(member) for member in lease.fleet().members]
    assert len(processes) == 5
    run.kill()
    run.wait()
    assert run.stdout is not None
    run.stdout.close()
    fleet.reap_stale(state=state)
    assert not any(who.alive for who in processes)
    assert not any(ports.accepts(port) for port in listening)
    assert list(state.iterdir()) == []


def test_up_stays_and_is_used_until_down(programs, tmp_path):
    state = tmp_path / "state"
    run, lease = owner(state, "up")
    try:
        assert run.wait(30) == 0
        assert run.stdout is not None
        run.stdout.close()
        assert fleet.reap_stale(state=state) == []
        made = fleet.load(state=state)
        assert made is not None
        assert kubectl(programs, made.member("c1"), "get", "namespaces").returncode == 0
        processes = [who for _, who in lease.survivors()]
    finally:
        assert fleet.down(state=state)
    assert not any(who.alive for who in processes)


def test_a_control_plane_that_dies_at_its_start_says_why(programs, tmp_path):
    class Wrong:
        def path(self, name: str) -> Path:
            return programs.path("etcd" if name == "kube-apiserver" else name)

    with (
        pytest.raises(errors.SetupError) as caught,
        fleet.hold(state=tmp_path / "state") as lease,
        controlplane.local(Wrong(), lease, attached=0),
    ):
        pass
    message = str(caught.value)
    assert "management-kube-apiserver ended with exit status" in message
    assert "Its last lines:\nUsage:" in message
    log = Path(message.rpartition("All of its output: ")[2].strip())
    assert log.exists()
    assert lease.survivors() == []


def test_a_fleet_that_does_not_get_ready_in_time_says_what_was_missing(programs, tmp_path):
    impatient = wait.Patience(cluster_ready=0.2)
    with (
        pytest.raises(errors.SetupError, match=r"not within 0\.2 s\. Seen last: management: https"),
        fleet.hold(state=tmp_path / "state") as lease,
        controlplane.local(programs, lease, attached=0, patience=impatient),
    ):
        pass
    assert process.with_environment(fleet.MARKER, str(lease.directory)) == []
