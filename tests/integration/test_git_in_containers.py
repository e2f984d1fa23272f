"""
The Git server in a container, for real: pods and this machine reach it under one URL, and it goes.

Only where a Docker engine runs and the images can be had; skipped with the reason elsewhere.
"""

import contextlib
import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator

import pytest

from harness import errors
from harness.cluster import binaries, client, docker, fleet, holdings, kind, programs, providing
from harness.containers.git import InContainers
from harness.gitserver.access import Access, Account
from harness.gitserver.client import GitServer
from harness.gitserver.endpoints import Transport
from harness.kit import wait
from harness.model.objects import Object, Ref
from tests.integration.engine import NODE_IMAGE, listed, require_image, require_nodes

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def image() -> str:
    """The image of the harness, or the reason why there is none."""
    return require_image()


OWNER = """
    import time
    from pathlib import Path
    from harness.cluster import docker, fleet, holdings
    from harness.containers.git import InContainers
    with fleet.hold("run", state=Path({state!r})) as lease:
        held = holdings.record(lease.directory, [])
        docker.create_network(held.network, held.label)
        InContainers(lease, {image!r})("git-server").await_ready(within=60)
        print("ready", flush=True)
        time.sleep(300)
"""


def test_a_killed_run_leaves_no_container_after_the_next_start(image, tmp_path):
    before = listed()
    code = textwrap.dedent(OWNER.format(state=str(tmp_path / "state"), image=image))
    run = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert run.stdout is not None
    with run.stdout:
        assert run.stdout.readline() == "ready\n"
        run.kill()
        run.wait()
    assert len(listed() - before) == 2, "the twin: what would be left is seen"
    told = fleet.reap_stale(state=tmp_path / "state")
    assert any(line.startswith("containers gc-") for line in told)
    assert listed() == before


def test_a_server_that_does_not_start_is_explained(image, tmp_path):
    with fleet.hold(state=tmp_path / "state") as lease:
        held = holdings.record(lease.directory, [])
        docker.create_network(held.network, held.label)
        launched = InContainers(lease, image)("git-server", listeners=["ftp"])
        with pytest.raises(errors.SetupError, match="'ftp' is none of http"):
            launched.await_ready(within=30)


@pytest.fixture
def cluster(image, tmp_path) -> Iterator[tuple[GitServer, client.Cluster]]:
    """One kind cluster with the image of the harness on its node, and the Git server beside it."""
    request = providing.Request(attached=0, image=NODE_IMAGE)
    require_nodes(attached=0)
    found = binaries.provide(programs.KIND)
    with (
        fleet.hold(state=tmp_path / "state", logs=tmp_path / "logs") as lease,
        kind.lend(found, lease, request) as made,
    ):
        server = InContainers(lease, image)("git-server").await_ready(within=60)
        held = holdings.read(lease.directory)
        assert held is not None
        subprocess.run(
            [found.path("kind"), "load", "docker-image", image, f"--name={held.clusters[0]}"],
            check=True, capture_output=True, timeout=300,
        )  # fmt: skip
        api = client.connect(made.management.kubeconfig, name="management")
        with contextlib.closing(server), contextlib.closing(api):
            yield server, api


def test_pods_and_this_machine_reach_it_under_one_url(cluster, image, tmp_path):
    server, api = cluster
    access = Access("basic", (Account("pod", "password-of-pod"), Account("host", "of-host")))
    repository = server.create_repository("org/apps", access=access)
    sha = repository.commit({"a.yaml": "a: 1\n"})
    authority = server.endpoints.authorities["private"]

    def url(transport: Transport, user: str, password: str) -> str:
        return repository.url(transport, user=user).replace("@", f":{password}@", 1)

    commands = [
        f"git ls-remote {url('http', 'pod', 'password-of-pod')}",
        f"GIT_SSL_CAINFO=/ca/ca.pem git ls-remote {url('https-private', 'pod', 'password-of-pod')}",
    ]
    for obj in (_config_map(authority), _pod(image, " && ".join(commands))):
        api.apply(obj, field_manager="test")
    wait.eventually(lambda: _phase(api), within=120, what="the pod has ended", every=0.5)
    entries = [entry for entry in repository.log() if entry.outcome == "ok"]
    assert {entry.transport for entry in entries} == {"http", "https-private"}
    assert {entry.account for entry in entries} == {"pod"}

    (tmp_path / "ca.pem").write_text(authority)
    for transport, secret in (("http", "of-host"), ("https-private", "of-host")):
        told = subprocess.run(
            ["git", "ls-remote", url(transport, "host", secret)],  # type: ignore[arg-type]
            env={**os.environ, "GIT_SSL_CAINFO": str(tmp_path / "ca.pem")},
            capture_output=True, text=True, timeout=30, check=True,
        )  # fmt: skip
        assert sha in told.stdout


def _phase(api: client.Cluster) -> str | None:
    """None once the pod has succeeded; one that failed is told by its phase for ever."""
    pod = api.find(Ref("v1", "Pod", "git", "default"))
    phase = (pod or {}).get("status", {}).get("phase")
    return None if phase == "Succeeded" else f"its phase is {phase}"


def _config_map(authority: str) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "ca", "namespace": "default"},
        "data": {"ca.pem": authority},
    }


def _pod(image: str, script: str) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "git", "namespace": "default"},
        "spec": {
            "restartPolicy": "Never",
            "containers": [
                {
                    "name": "git",
                    "image": image,
                    "imagePullPolicy": "Never",
                    "command": ["sh", "-c", f"set -e; {script}"],
                    "volumeMounts": [{"name": "ca", "mountPath": "/ca"}],
                }
            ],
            "volumes": [{"name": "ca", "configMap": {"name": "ca"}}],
        },
    }
