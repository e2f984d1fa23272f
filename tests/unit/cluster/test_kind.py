"""The provider `kind` on an engine made of scripts: life cycle, failures, what is left."""

import os
import re
import shutil
import stat
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import pytest
import yaml

from harness import errors
from harness.cluster import client, docker, fleet, holdings, kind, providers, providing
from harness.kit import process, wait
from tests.unit.cluster.fake_docker import FakeDocker

NODE = {
    "metadata": {"name": "n"},
    "status": {"conditions": [{"type": "Ready", "status": "True"}]},
}


class Api:
    """A cluster that is usable when it is asked the second time."""

    asked = 0

    def ready(self):
        self.asked += 1
        return None if self.asked > 1 else "etcd is not ready"

    def find(self, ref):
        return {"metadata": {"name": ref.name}}

    def list(self, api_version, kind):
        return client.Listing([NODE], "1")

    def server_version(self):
        return "v1.34.4"


@pytest.fixture
def engine(tmp_path, monkeypatch):
    made = FakeDocker(tmp_path / "engine")
    made.image("node")
    monkeypatch.setenv("PATH", f"{made.programs}:{os.environ['PATH']}")
    monkeypatch.setattr(client, "connect", lambda *_, **__: Api())
    return made


@pytest.fixture
def state(tmp_path):
    yield tmp_path / "leases"
    for directory in (tmp_path / "leases").resolve().glob("*"):
        process.end_groups(process.with_environment(fleet.MARKER, str(directory)), grace=0)


def request(**options):
    return providing.Request(**{"attached": 2, "image": "node", **options})


def test_all_clusters_are_created_at_once_and_gone_with_the_lease(engine, state, tmp_path):
    engine.put("together", "3")
    said: list[str] = []
    with (
        fleet.hold(state=state, logs=tmp_path / "logs") as lease,
        kind.lend(engine, lease, request(on_progress=said.append)) as made,
    ):
        assert [member.name for member in made.members] == ["management", "c1", "c2"]
        assert [member.context for member in made.members] == ["management", "c1", "c2"]
        assert {member.version for member in made.members} == {"v1.34.4"}
        names = [line.split()[0] for line in engine.lines("created")]
        assert len(names) == 3
        assert all(re.fullmatch(r"gc-[0-9a-f]{8}-(management|c1|c2)", name) for name in names)
        [network] = engine.networks - {"kind"}
        assert {line.split()[1] for line in engine.lines("created")} == {network}
        assert lease.casualties() == []
        check_kubeconfigs(made)
    assert engine.only_others
    assert any("(3 of 3," in text for text in said)
    assert list(state.iterdir()) == []


@pytest.mark.parametrize(
    ("mode", "gateway", "server"),
    [
        ("run", "127.0.0.1", "https://192.0.2.7:6443"),
        ("run", "192.0.2.1", "https://127.0.0.1:1"),  # an engine elsewhere
        ("up", "127.0.0.1", "https://127.0.0.1:1"),  # a node may get another address
    ],
)
def test_a_node_is_reached_without_the_proxy_where_that_lasts(engine, state, mode, gateway, server):
    engine.put("gateway", f"{gateway}/32 {gateway}")
    with fleet.hold(mode, state=state) as lease, kind.lend(engine, lease, request()) as made:
        for path in (made.member("c1").kubeconfig, made.kubeconfig):
            clusters = yaml.safe_load(path.read_text())["clusters"]
            assert {each["cluster"]["server"] for each in clusters} == {server}


def test_a_cluster_knows_the_image_of_its_node(engine, state):
    with fleet.hold(state=state) as lease, kind.lend(engine, lease, request()) as made:
        kept = fleet.Fleet.from_json(made.to_json(), made.directory)
        assert {(m.image, m.image_digest) for m in kept.members} == {("node", "sha256:1d")}


@pytest.mark.parametrize(
    ("image", "digests", "told"),
    [
        ("kindest/node:v1.36.2", (), "sha256:1d"),
        ("kindest/node:v1.36.2", ("kindest/node@sha256:a",), "kindest/node@sha256:a"),
        ("kindest/node:v1", ("a/node@sha256:a", "kindest/node@sha256:b"), "kindest/node@sha256:b"),
        ("host:5000/node", ("host:5000/node@sha256:a", "a@sha256:b"), "host:5000/node@sha256:a"),
        ("b/node:v1@sha256:b", ("a/node@sha256:a", "b/node@sha256:b"), "b/node@sha256:b"),
        ("other", ("b@sha256:b", "a@sha256:a"), "a@sha256:a"),
    ],
)
def test_an_image_is_told_as_its_registry_has_it(engine, image, digests, told):
    engine.image(image, *digests)

    assert docker.image_digest(image) == told


def check_kubeconfigs(made):
    for member in made.members:
        assert stat.S_IMODE(member.kubeconfig.stat().st_mode) == 0o600
        assert member.kubeconfig.is_relative_to(made.directory)
    merged = yaml.safe_load(made.kubeconfig.read_text())
    assert [each["name"] for each in merged["contexts"]] == ["management", "c1", "c2"]
    assert merged["contexts"][1]["context"] == {"cluster": "c1", "user": "c1-admin"}
    assert stat.S_IMODE(made.kubeconfig.stat().st_mode) == 0o600


def test_the_kubeconfig_of_the_user_is_not_written(engine, state, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "mine"))
    with fleet.hold(state=state) as lease, kind.lend(engine, lease, request()):
        pass
    assert not (tmp_path / "home").exists()
    assert not (tmp_path / "mine").exists()


def test_the_failure_of_one_cluster_deletes_the_others(engine, state):
    engine.put("together", "3")
    engine.put("fail-c1", "ERROR: failed to create cluster: no space left on device\n")
    engine.put("hang-c2", "")
    with (
        pytest.raises(errors.SetupError, match=r"Docker is out of space.*seen on c1"),
        fleet.hold(state=state) as lease,
        kind.lend(engine, lease, request()),
    ):
        pass
    assert engine.only_others
    assert process.with_environment(fleet.MARKER, str(lease.directory)) == []


def test_a_failure_that_nobody_knows_is_told_in_kinds_own_words(engine, state):
    engine.put("fail-c2", "ERROR: the moon is full\n")
    with (
        pytest.raises(errors.SetupError) as caught,
        fleet.hold(state=state) as lease,
        kind.lend(engine, lease, request()),
    ):
        pass
    assert "ERROR: the moon is full" in str(caught.value)
    log = Path(str(caught.value).rpartition("All of its output: ")[2])
    assert log.exists(), "the logs stay after a failure"


def test_the_node_tells_what_kind_does_not(engine, state):
    """kubeadm only says that it waited; why is in the kubelet's journal."""
    engine.put("fail-c1", "ERROR: failed to init node with kubeadm\n")
    engine.put("node-says", "kubelet is configured to not run on a host using cgroup v1\n")
    with (
        pytest.raises(errors.SetupError, match="refuses this machine's cgroup v1"),
        fleet.hold(state=state) as lease,
        kind.lend(engine, lease, request()),
    ):
        pass
    assert (lease.directory / "logs" / "c1-node.log").exists()


def test_what_is_not_ready_in_time_is_named(engine, state):
    engine.put("hang-c2", "")
    with (
        pytest.raises(errors.SetupError, match=r"not within 2 s\. Seen last: c2: kind is at work"),
        fleet.hold(state=state) as lease,
        kind.lend(engine, lease, request(patience=wait.Patience(kind_ready=2))),
    ):
        pass
    assert engine.only_others


def test_the_end_of_what_is_lent_ends_it_also_after_an_exception(engine, state):
    with fleet.hold(state=state) as lease:
        with pytest.raises(KeyboardInterrupt), kind.lend(engine, lease, request()):
            raise KeyboardInterrupt
        assert engine.only_others


def test_an_image_that_is_missing_is_pulled_once(engine, state):
    wanted = request(image="other", attached=1)
    with fleet.hold(state=state) as lease, kind.lend(engine, lease, wanted):
        pass
    assert sum(line.startswith("pull") for line in engine.lines("asked")) == 1


def test_without_a_registry_it_says_what_to_do(engine, state):
    engine.put("fail-pull", "Error response from daemon: dial tcp: lookup x: no such host\n")
    with (
        pytest.raises(errors.SetupError) as caught,
        fleet.hold(state=state) as lease,
        kind.lend(engine, lease, request(image="other")),
    ):
        pass
    assert str(caught.value).startswith("other could not be pulled: its registry cannot be reached")
    assert "docker load" in str(caught.value)
    assert engine.lines("created") == []


@pytest.mark.parametrize(
    ("version", "told"),
    [
        ('{"Version": "19.3.15", "Os": "linux"}', "Docker 19.3.15 is too old"),
        ('{"Version": "27.0.0", "Os": "windows"}', "Windows containers"),
    ],
)
def test_an_engine_that_does_not_do_is_refused(engine, version, told):
    engine.put("version", version)
    with pytest.raises(errors.SetupError, match=told):
        kind.check(request())


def test_an_engine_that_does_is_accepted(engine):
    engine.put("version", '{"Version": "20.10.24+dfsg1", "Os": "linux"}')
    kind.check(request(attached=1))


def test_a_full_disk_is_told_before_anything_is_made(engine, monkeypatch):
    monkeypatch.setattr(kind, "ROOM", 10**18)
    with pytest.raises(errors.SetupError, match=r"nearly out of space: .* the clusters need about"):
        kind.check(request())


def test_without_docker_it_ends_at_once(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)
    with pytest.raises(errors.SetupError, match="Docker is not installed"):
        providers.named("kind").check(request())


def test_up_stays_is_loaded_and_goes_down(engine, state):
    with fleet.hold("up", state=state) as lease, kind.lend(engine, lease, request()):
        sleeper = lease.start("sleeper", ["sleep", "300"], tied=False)
        lease.leave_running()
    assert len(engine.containers) == 4
    loaded = fleet.load(state=state)
    assert loaded is not None
    assert [member.name for member in loaded.attached] == ["c1", "c2"]
    assert fleet.down(state=state)
    sleeper.stop()
    assert engine.only_others


def test_a_cluster_that_stopped_is_a_casualty(engine, state):
    with fleet.hold("up", state=state) as lease, kind.lend(engine, lease, request()):
        sleeper = lease.start("sleeper", ["sleep", "300"], tied=False)
        lease.leave_running()
    [path] = (engine.state / "containers").glob("*-c2")
    path.write_text(path.read_text().replace("running", "exited"))
    with pytest.raises(errors.SetupError, match=r"these ended: kind cluster gc-\w+-c2\."):
        fleet.load(state=state)
    assert fleet.down(state=state)
    sleeper.stop()
    assert engine.only_others


def test_after_the_machine_was_started_anew_the_containers_go_too(engine, state):
    with fleet.hold("up", state=state) as lease, kind.lend(engine, lease, request()):
        lease.leave_running()
    assert fleet.load(state=state) is None, "no process of it runs"
    assert engine.only_others


OWNER = """
    import sys, time
    from pathlib import Path
    from harness.cluster import client, fleet, kind, providing
    from tests.unit.cluster.fake_docker import FakeDocker
    from tests.unit.cluster.test_kind import Api

    class Programs:
        def path(self, name): return Path({programs!r}) / name

    client.connect = lambda *_, **__: Api()
    request = providing.Request(2, image="node")
    with fleet.hold(state=Path({state!r})) as lease:
        with kind.lend(Programs(), lease, request):
            time.sleep(300)
"""


def killed_owner(engine: FakeDocker, state: Path, *, when: int) -> None:
    """A run that is killed when as many clusters were begun."""
    code = textwrap.dedent(OWNER.format(programs=str(engine.programs), state=str(state)))
    run = subprocess.Popen([sys.executable, "-c", code], env={**os.environ, "CI": "true"})
    try:
        # Only decides when to give up; a busy machine takes long to start a program.
        wait.eventually(
            lambda: None if len(engine.lines("created")) >= when else "not yet",
            within=120,
            what="the clusters",
        )
    finally:
        run.kill()
        run.wait()


@pytest.mark.parametrize("hanging", [True, False])
def test_what_a_killed_run_left_is_removed_by_the_next_start(engine, state, hanging):
    if hanging:
        engine.put("hang-c2", "")
    killed_owner(engine, state, when=3)
    assert len(engine.containers) > 1
    told = fleet.reap_stale(state=state)
    assert sum("kind cluster gc-" in line for line in told) == 3
    assert sum("Docker network gc-" in line for line in told) == 1
    assert engine.only_others
    assert list(state.iterdir()) == []


def test_what_docker_does_not_let_go_is_tried_again(engine, state, caplog):
    killed_owner(engine, state, when=3)
    engine.put("fail-ps", "Cannot connect to the Docker daemon at unix:///x. Is it running?\n")
    assert fleet.reap_stale(state=state) == []
    assert "could not be removed" in caplog.text
    assert "its engine does not run" in caplog.text
    (engine.state / "fail-ps").unlink()
    assert len(fleet.reap_stale(state=state)) >= 4
    assert engine.only_others


def test_a_container_on_the_network_goes_with_the_fleet(engine, tmp_path):
    held = holdings.record(tmp_path, ["c1"])
    docker.create_network(held.network, held.label)
    (engine.state / "labelled" / "id-git").write_text(f"{held.label}\n")
    (engine.state / "labelled" / "id-other").write_text(f"{holdings.LABEL}=gc-00000000\n")
    told = holdings.release(tmp_path)
    assert told == [f"containers {held.id}-*", f"Docker network {held.id}"]
    assert os.listdir(engine.state / "labelled") == ["id-other"]


def test_what_the_engine_is_still_making_is_waited_for(engine, tmp_path):
    """Whoever asked for the container is dead; the network is in use before it can be seen."""
    held = holdings.record(tmp_path, ["c1"])
    docker.create_network(held.network, held.label)
    engine.put("busy", "")
    told: list[str] = []
    releasing = threading.Thread(target=lambda: told.extend(holdings.release(tmp_path)))
    releasing.start()
    wait.eventually(
        lambda: None if (engine.state / "events").exists() else "nobody listens",
        within=20,
        what="the event stream",
    )
    [name] = held.clusters
    (engine.state / "containers" / name).write_text(f"{name}\t{name}\trunning\t{name}\n")
    (engine.state / "busy").unlink()
    with (engine.state / "events").open("a") as events:
        events.write("create\n")
    releasing.join(timeout=20)
    assert f"kind cluster {name}" in told
    assert f"Docker network {held.id}" in told
    assert engine.only_others


def test_a_network_that_stays_in_use_is_told(engine, tmp_path, monkeypatch):
    monkeypatch.setattr(holdings, "WITHIN", 0.5)
    held = holdings.record(tmp_path, ["c1"])
    docker.create_network(held.network, held.label)
    engine.put("busy", "")
    with pytest.raises(errors.SetupError, match=f"keeps the network {held.id} in use"):
        holdings.release(tmp_path)
    (engine.state / "busy").unlink()
    assert holdings.release(tmp_path) == [f"Docker network {held.id}"]


def test_an_engine_that_falls_silent_is_told(engine, tmp_path):
    held = holdings.record(tmp_path, ["c1"])
    docker.create_network(held.network, held.label)
    engine.put("busy", "")
    engine.put("fail-events", "")
    with pytest.raises(errors.SetupError, match=r"could not be removed.*tells of nothing any more"):
        holdings.release(tmp_path)


def test_a_fleet_without_containers_never_asks_docker(engine, state):
    with fleet.hold(state=state) as lease:
        assert lease.casualties() == []
    fleet.reap_stale(state=state)
    assert engine.lines("asked") == []


def test_a_cluster_is_recognised_by_its_whole_name(engine, tmp_path):
    held = holdings.record(tmp_path, ["c1"])
    [name] = held.clusters
    for other in (f"{name}0", f"x{name}", held.id):
        (engine.state / "containers" / other).write_text(f"{other}\t{other}\trunning\t{other}\n")
    before = engine.containers
    assert docker.nodes(held.clusters) == []
    assert holdings.release(tmp_path) == []
    assert engine.containers == before
