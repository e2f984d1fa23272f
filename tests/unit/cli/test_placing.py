"""Where the Git servers stand: what is asked for, and what is had."""

import os

import pytest

from harness.cli import placing
from harness.containers import git
from harness.errors import SetupError, UsageError
from harness.kit.wait import Patience
from tests.unit.cluster.fake_docker import FakeDocker


@pytest.fixture
def engine(tmp_path, monkeypatch) -> FakeDocker:
    made = FakeDocker(tmp_path / "docker")
    made.put("gateway", "127.0.0.0/8 127.0.0.1")
    monkeypatch.setenv("PATH", f"{made.programs}:{os.environ['PATH']}")
    return made


def place(choice: str, clusters: str, told: list[str] | None = None) -> str | None:
    said = [] if told is None else told
    return placing.image(choice, clusters, "base:1", patience=Patience(), tell=said.append)


@pytest.mark.parametrize(
    ("choice", "clusters"), [("auto", "local"), ("host", "local"), ("host", "kind")]
)
def test_a_process_needs_no_docker(engine, choice, clusters):
    assert place(choice, clusters) is None
    assert engine.lines("asked") == []


def test_a_container_needs_a_network(engine):
    with pytest.raises(UsageError, match="add `--clusters kind`"):
        place("container", "local")
    assert engine.lines("asked") == []


@pytest.mark.parametrize(
    ("file", "content", "reason"),
    [
        ("fail-pull", "dial tcp: no such host\n", "base:1 could not be pulled"),
        ("gateway", "192.0.2.0/24 192.0.2.1", git.UNREACHABLE),
    ],
)
def test_on_kind_it_is_a_process_where_no_container_can_be_had(engine, file, content, reason):
    engine.put(file, content)
    told: list[str] = []
    assert place("auto", "kind", told) is None
    assert f"the Git server is a process of this machine: {reason}" in told[-1]
    with pytest.raises(SetupError) as caught:
        place("container", "kind")
    assert str(caught.value).startswith(reason)


@pytest.mark.parametrize("choice", ["auto", "container"])
def test_on_kind_it_is_a_container_of_the_image(engine, monkeypatch, choice):
    monkeypatch.setattr("harness.containers.harness_image.images.provide", lambda *_: "made:1")
    engine.image("base:1")
    assert place(choice, "kind") == "made:1"
