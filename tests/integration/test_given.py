"""
The provider `given` for real: clusters that somebody else made are used, and are as before.

Bare control planes of this machine stand for them; `test_job` does the same with kind clusters.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from harness.cluster import (
    binaries,
    claims,
    client,
    controlplane,
    fleet,
    kubeconfig_file,
    removal,
)
from harness.cluster.client import Cluster
from harness.errors import SetupError
from harness.model import installed, objects
from harness.model.objects import Ref

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

_ROOT = Path(__file__).resolve().parents[2]
_SCENARIO = "sync/sync::a_new_source_is_synced_without_further_action"
_OTHER = "suspension/suspend::suspending_removes_nothing"


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Iterator[fleet.Fleet]:
    """Clusters that are there whatever we do."""
    home = tmp_path_factory.mktemp("clusters")
    with (
        fleet.hold(state=home / "state", logs=home / "logs") as lease,
        controlplane.local(binaries.provide(), lease, attached=1) as clusters,
    ):
        yield clusters


@pytest.fixture
def apis(made) -> Iterator[list[Cluster]]:
    connected = [client.connect(member.kubeconfig, name=member.name) for member in made.members]
    yield connected
    for api in connected:
        api.close()


@pytest.fixture
def folder(made, tmp_path) -> Path:
    """What a user hands over: a kubeconfig for each."""
    directory = tmp_path / "given"
    directory.mkdir()
    for member in made.members:
        (directory / f"{member.name}.kubeconfig").write_text(member.kubeconfig.read_text())
    return directory


def listed(apis: list[Cluster]) -> set[str]:
    """Every namespace, kind, cluster role and binding, by identity."""
    return {
        f"{api.name}: {kind[1]} {objects.name(obj)} {objects.uid(obj)}"
        for api in apis
        for kind in installed.KINDS
        for obj in api.list(*kind).items
    }


@pytest.fixture
def before(apis) -> Iterator[set[str]]:
    """What was there before the test, which must leave exactly that."""
    found = listed(apis)
    yield found
    assert listed(apis) == found


def harness(tmp_path: Path, *arguments: str | Path, state: str = "state") -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "harness", *arguments],
        cwd=_ROOT,
        env={**os.environ, "XDG_STATE_HOME": str(tmp_path / state), "CI": "true"},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
    )  # fmt: skip


def run(tmp_path: Path, folder: Path, *arguments: str | Path, out: str = "out", state="state"):
    return harness(
        tmp_path, "run", "--clusters", "given", "--kubeconfigs", folder, "-n", "2",
        "--out", tmp_path / out, *arguments, state=state,
    )  # fmt: skip


def await_project(tmp_path: Path) -> None:
    """Until a scenario has noted that it makes a project."""
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        journals = (tmp_path / "state").glob("gitops-conformance/fleets/*/journal.jsonl")
        if any('"project"' in journal.read_text() for journal in journals):
            return
        time.sleep(0.05)
    raise AssertionError("no scenario made a project")


def test_scenarios_run_and_the_clusters_are_as_before(before, apis, folder, tmp_path):
    seen: set[str] = set()
    going = run(tmp_path, folder, "--scenario", _SCENARIO, "--scenario", _OTHER)
    assert going.stdout is not None
    output = ""
    with going.stdout:
        for line in going.stdout:
            output += line
            if "running the scenarios" in line:
                seen = listed(apis)
    going.wait()
    assert going.returncode == 0, output
    assert "2 passed, 0 failed, 0 skipped" in output
    assert len(seen - before) > len(apis) * 3, "the twin: what is installed is seen"
    environment = yaml.safe_load((tmp_path / "out" / "report.yaml").read_text())["environment"]
    assert environment["provider"] == "given"
    assert not environment["deskRun"]
    keys = [kubeconfig_file.credentials(path)[0] for path in folder.iterdir()]
    left = [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
    assert left
    assert not any(key in path.read_text(errors="replace") for path in left for key in keys)


def test_an_interrupted_run_leaves_the_clusters_as_before(before, folder, tmp_path):
    going = run(tmp_path, folder, "--scenario", _OTHER)
    await_project(tmp_path)
    os.kill(going.pid, signal.SIGINT)
    output = going.communicate()[0]
    assert going.returncode == 130, output
    assert "Traceback" not in output


def kill(tmp_path: Path, folder: Path) -> None:
    going = run(tmp_path, folder, "--scenario", _OTHER, out="killed")
    await_project(tmp_path)
    going.kill()
    going.communicate()


def test_what_a_killed_run_left_is_removed_by_down(before, apis, folder, tmp_path):
    kill(tmp_path, folder)
    assert listed(apis) != before, "the twin: what would be left is seen"
    told = harness(tmp_path, "down").communicate()[0]
    assert "namespace kommander-flux of c1" in told


def test_a_run_elsewhere_takes_over_from_a_killed_one(before, apis, folder, tmp_path):
    kill(tmp_path, folder)
    assert listed(apis) != before, "the twin: what would be left is seen"
    following = run(tmp_path, folder, "--scenario", _SCENARIO, state="another-machine")
    output = following.communicate()[0]
    assert following.returncode == 0, output
    assert "removed what a killed run had left on management" in output
    assert "removed what a killed run had left on c1" in output
    assert harness(tmp_path, "down").communicate()[0], "the first machine finds nothing of its own"


def test_clusters_in_use_are_refused_and_left_in_peace(before, folder, tmp_path):
    first = run(tmp_path, folder, "--scenario", _OTHER)
    await_project(tmp_path)
    second = run(tmp_path, folder, "--scenario", _SCENARIO, out="second", state="elsewhere")
    output = second.communicate()[0]
    assert second.returncode == 3, output
    assert "is in use by the run" in output
    output = first.communicate()[0]
    assert first.returncode == 0, output


def test_a_fleet_that_stays_keeps_its_claims(before, apis, folder, tmp_path):
    up = harness(tmp_path, "up", "--clusters", "given", "--kubeconfigs", folder)
    output = up.communicate()[0]
    try:
        assert up.returncode == 0, output
        lease = Ref("coordination.k8s.io/v1", "Lease", "run", claims.NAMESPACE)
        listing = apis[0].list(lease.api_version, lease.kind, claims.NAMESPACE)
        changes = apis[0].watch(
            lease.api_version, lease.kind, claims.NAMESPACE,
            resource_version=listing.resource_version, timeout=20,
        )  # fmt: skip
        assert next(iter(changes))[0] == "MODIFIED"
        again = harness(
            tmp_path, "run", "--reuse", "--scenario", _SCENARIO, "--out", tmp_path / "out"
        )
        output = again.communicate()[0]
        assert again.returncode == 0, output
    finally:
        said = harness(tmp_path, "down").communicate()[0]
    assert "The fleet is stopped" in said


def refused(tmp_path: Path, folder: Path) -> str:
    going = run(tmp_path, folder, "--scenario", _SCENARIO)
    output = str(going.communicate()[0])
    assert going.returncode == 3, output
    assert "Traceback" not in output
    return output


def namespace(name: str, **metadata: object) -> dict[str, object]:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, **metadata}}


def test_another_installation_is_refused_and_stays(apis, folder, tmp_path):
    [crd, *_] = [
        yaml.safe_load(path.read_text())
        for path in (_ROOT / "fixtures" / "crds" / "attached").glob("gitrep*.yaml")
    ]
    apis[1].create(crd)
    before = listed(apis)
    try:
        output = refused(tmp_path, folder)
        assert "c1 has customresourcedefinition gitrepositories.source.toolkit.fluxcd.io" in output
        assert "Take a cluster without Flux and Kommander" in output
        assert listed(apis) == before
    finally:
        removal.delete(apis[1], [Ref.of(crd)])


def test_a_namespace_of_the_past_stays(apis, folder, tmp_path):
    """It looks like one of a project, but was there first."""
    old = namespace("old-project", labels={"kubefed.io/managed": "true"})
    apis[1].create(old)
    try:
        before = listed(apis)
        going = run(tmp_path, folder, "--scenario", _SCENARIO)
        output = going.communicate()[0]
        assert going.returncode == 0, output
        assert listed(apis) == before
    finally:
        removal.delete(apis[1], [Ref("v1", "Namespace", "old-project")])


def test_a_namespace_that_only_bears_our_name_is_refused(apis, folder, tmp_path):
    apis[0].create(namespace(claims.NAMESPACE))
    try:
        assert "that is not of this suite" in refused(tmp_path, folder)
        assert apis[0].find(Ref("v1", "Namespace", claims.NAMESPACE)) is not None
    finally:
        removal.delete(apis[0], [Ref("v1", "Namespace", claims.NAMESPACE)])


def test_an_account_that_may_not_is_refused(before, apis, made, folder, tmp_path):
    token = apis[1].token(Ref("v1", "ServiceAccount", "default", "default"), seconds=3600)
    kubeconfig_file.for_token(
        made.attached[0].kubeconfig, folder / "c1.kubeconfig",
        context="c1", user="nobody", token=token,
    )  # fmt: skip
    output = refused(tmp_path, folder)
    assert "may not do all on c1" in output
    assert "give it the role cluster-admin" in output
    assert token not in output


def test_a_cluster_that_does_not_answer_is_named(before, folder, tmp_path):
    path = folder / "c1.kubeconfig"
    content = yaml.safe_load(path.read_text())
    content["clusters"][0]["cluster"]["server"] = "https://127.0.0.1:1"
    path.write_text(json.dumps(content))
    output = refused(tmp_path, folder)
    assert "c1: no answer from https://127.0.0.1:1" in output
    assert f"the address in {path} must be reachable" in output


def test_credentials_that_are_not_accepted_are_named(before, folder, tmp_path):
    path = folder / "c1.kubeconfig"
    content = yaml.safe_load(path.read_text())
    content["users"][0]["user"] = {"token": "a-token-of-nobody"}
    path.write_text(json.dumps(content))
    assert f"c1 does not accept the credentials in {path}" in refused(tmp_path, folder)


def test_one_cluster_given_twice_is_refused(before, folder, tmp_path):
    (folder / "c2.kubeconfig").write_text((folder / "c1.kubeconfig").read_text())
    assert "are the same cluster; each needs its own" in refused(tmp_path, folder)


def test_a_claim_that_another_is_just_making_is_left_to_it(apis, made, tmp_path):
    home = Ref("v1", "Namespace", claims.NAMESPACE)
    marks = {"gitops-conformance/holder": "another", "gitops-conformance/spared": "[]"}
    apis[0].create(installed.marked(namespace(home.name, annotations=marks)))
    try:
        claims.record(tmp_path, {"management": made.management.kubeconfig})
        assert claims.release(tmp_path) == []
        assert not objects.deleting(apis[0].get(home))
    finally:
        removal.delete(apis[0], [home])


def test_a_cluster_that_is_gone_is_told_and_tried_again(made, tmp_path):
    gone = tmp_path / "gone"
    content = yaml.safe_load(made.management.kubeconfig.read_text())
    content["clusters"][0]["cluster"]["server"] = "https://127.0.0.1:1"
    gone.write_text(json.dumps(content))
    claims.record(tmp_path, {"management": gone})
    with pytest.raises(SetupError, match=r"the next start tries again .* delete .*127\.0\.0\.1:1"):
        claims.release(tmp_path)
    assert claims.read(tmp_path) is not None


def test_what_keeps_a_namespace_is_told(apis, monkeypatch):
    stuck = Ref("v1", "Namespace", "stuck")
    held = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "held", "namespace": "stuck", "finalizers": ["example.org/held"]},
    }
    apis[1].create(namespace("stuck"))
    apis[1].create(held)
    with monkeypatch.context() as patched:
        patched.setattr(removal, "WITHIN", 6.0)
        with pytest.raises(SetupError, match=r"c1 does not let go of Namespace stuck \(.*held"):
            removal.delete(apis[1], [stuck])
    apis[1].patch(Ref.of(held), {"metadata": {"finalizers": None}})
    removal.delete(apis[1], [stuck])
