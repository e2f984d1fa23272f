"""Whether pods run: asked of the provider, and told where the application cannot be had."""

import threading
from pathlib import Path

import pytest

from harness.cli import session, workloads
from harness.cluster import client, fleet, holdings
from harness.containers import images, workload_image
from harness.errors import SetupError
from harness.gitserver import launch
from harness.kit.wait import Patience
from harness.model import taints
from harness.model.objects import Object, Ref
from harness.model.profile import PAGE, Profile
from harness.systems import Running
from tests.fakes import FakeCluster
from tests.unit.cluster.fake_docker import FakeDocker

NAMES = ("application:1", "application:2")


@pytest.fixture
def engine(tmp_path, monkeypatch) -> FakeDocker:
    made = FakeDocker(tmp_path / "docker")
    monkeypatch.setenv("PATH", f"{made.programs}:/usr/bin:/bin")
    return made


@pytest.fixture
def lease(tmp_path):
    with fleet.hold(state=tmp_path / "leases", logs=tmp_path / "logs") as made:
        yield made


def members(lease) -> fleet.Fleet:
    management, *attached = (
        fleet.Member(name, Path(name), name, "v1.34.4") for name in ("management", "c1", "c2")
    )
    return fleet.Fleet(management, tuple(attached), lease.directory)


def load(engine, lease) -> tuple[tuple[str, ...], list[str]]:
    told: list[str] = []
    with workloads.loading(
        NAMES, engine, lease, members(lease), Patience(cluster_ready=20), told.append
    ) as loaded:
        return loaded(), told


def test_on_local_clusters_nothing_is_built(engine):
    assert workloads.images("local", print) == ()
    assert engine.lines("asked") == []


def test_on_kind_there_are_two_versions(engine, monkeypatch, tmp_path):
    monkeypatch.setattr(workload_image, "_folders", lambda *_: {"program": tmp_path})

    one, two = workloads.images("kind", print)

    assert one != two
    assert workloads.images("kind", print) == (one, two)
    built = [line for line in engine.lines("asked") if line.startswith("build")]
    assert any(f"{images.LABEL}=workload" in line for line in built)
    assert ["--build-arg=VERSION=1" in line for line in built][:2] == [True, False]


def test_why_it_cannot_be_built_is_told(engine, monkeypatch):
    def fail(*_):
        raise SetupError("There is no Go.")

    monkeypatch.setattr(workload_image, "_folders", fail)
    told: list[str] = []

    assert workloads.images("kind", told.append) == ()
    assert told == ["no scenario with pods is judged: There is no Go."]


def test_the_images_go_to_the_attached_clusters(engine, lease):
    held = holdings.record(lease.directory, ["management", "c1", "c2"])

    assert load(engine, lease)[0] == NAMES
    loads = sorted(engine.lines("loaded"))
    assert loads == [f"application:1 application:2 --name={held.id}-{c}" for c in ("c1", "c2")]
    assert not list(lease.directory.glob("*.tar"))
    (lease.directory / "holdings.json").unlink()


@pytest.mark.parametrize(
    ("where", "why"),
    [("fail-save", "Docker is out of space"), ("fail-load", "no space left on device")],
)
def test_why_they_cannot_be_loaded_is_told(engine, lease, where, why):
    holdings.record(lease.directory, ["management", "c1", "c2"])
    engine.put(where, "ERROR: no space left on device\n")

    had, told = load(engine, lease)

    assert had == ()
    assert "no scenario with pods is judged" in told[-1]
    assert why in told[-1]
    (lease.directory / "holdings.json").unlink()


@pytest.mark.parametrize(("names", "claimed"), [(NAMES, True), ((), False)])
def test_pods_are_claimed_where_the_nodes_hold_the_application(engine, lease, names, claimed):
    running = Running(Profile("x", frozenset({"sync"}), PAGE, may_poke=True), (), ())

    class Git(launch.Launched):
        control_url = "http://127.0.0.1:1"
        token = "t"

        def __init__(self) -> None:
            """Nothing runs."""

    made = session.session_of(
        session.Wanted(clusters="kind"), lease, members(lease), engine, running, Git(),
        Path("evidence"), names,
    )  # fmt: skip

    assert ("workloads" in made.capabilities) is claimed
    assert made.workload_images == names


def test_scenarios_with_pods_are_no_part_of_a_whole_run_without_nodes() -> None:
    assert workloads.part("", "", "local") == "not @workloads"
    assert workloads.part("", "", "kind") == ""
    assert workloads.part("--tags '@workloads'", "@workloads", "local") == "@workloads"
    assert workloads.part("--scenario 'a::b'", "", "local") == "", "who asks for one gets it"


class Tainted(FakeCluster):
    """Notes which pods had a node when the node was tainted."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.placed: set[str] | None = None
        self.put({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "node"}})
        self.put(deployment(made=0))

    def patch(self, ref: Ref, patch: Object) -> None:
        assert (ref.kind, ref.name) == ("Node", "node")
        assert [each["key"] for each in patch["spec"]["taints"]] == [taints.KEY]
        pods = self.list("v1", "Pod").items
        self.placed = {pod["metadata"]["name"] for pod in pods if pod["spec"].get("nodeName")}

    def close(self) -> None:
        """There is no connection."""


def deployment(*, made: int) -> Object:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "coredns", "namespace": "kube-system"},
        "spec": {"replicas": 2},
        "status": {"replicas": made} if made else {},
    }


def pod(name: str, node: str = "") -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "kube-system"},
        "spec": {"nodeName": node} if node else {},
    }


@pytest.fixture
def attached(monkeypatch) -> dict[str, Tainted]:
    made = {name: Tainted(name) for name in ("c1", "c2")}
    monkeypatch.setattr(client, "connect", lambda _, name: made[name])
    for each in made.values():
        each.put(deployment(made=2))
        each.put(pod("dns-1", "node"))
    return made


def test_nodes_are_reserved_once_the_pods_of_the_cluster_itself_have_one(attached, lease):
    """Else DNS may find no node that takes it, and nothing in the cluster finds anything."""
    attached["c1"].put(pod("dns-2", "node"))
    late = attached["c2"]
    late.put(deployment(made=1))

    def rest() -> None:
        late.put(pod("dns-2"))
        late.put(deployment(made=2))
        late.put(pod("dns-2", "node"))

    timer = threading.Timer(0.2, rest)
    timer.start()
    workloads.reserve(members(lease), Patience(cluster_ready=20))

    assert {name: each.placed for name, each in attached.items()} == {
        "c1": {"dns-1", "dns-2"},
        "c2": {"dns-1", "dns-2"},
    }


def test_a_pod_that_finds_no_node_is_named(attached, lease):
    attached["c1"].put(pod("dns-2"))

    with pytest.raises(SetupError, match=r"not placed: .* c1: Pod kube-system/dns-2 has"):
        workloads.reserve(members(lease), Patience(cluster_ready=0.2))
    assert [each.placed for each in attached.values()] == [None, None]
