"""
Controllers in pods for real: both systems carry scenarios with the rights that they are given, and
nothing of them stays.

Only where a Docker engine runs and the images can be had; skipped with the reason elsewhere.
"""

import base64
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import yaml

from harness import errors
from harness.cluster import binaries, client, fleet, kind, programs, providing
from harness.kit import wait
from harness.model.objects import Object, Ref
from harness.systems import pods as systems_pods
from harness.systems import reference_pods
from tests.integration.engine import NODE_IMAGE, listed, require_image, require_nodes

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

_ROOT = Path(__file__).resolve().parents[2]
_SCENARIOS = (
    "sync/sync::a_new_source_is_synced_without_further_action",
    "suspension/suspend::suspending_removes_nothing",
    "authentication/http::"
    "user_name_and_password_over_https_with_a_certificate_that_the_clusters_trust",
    "sources/declaring::an_ssh_url_with_a_port_and_a_deeper_path",
)


_ANOTHER = "authentication/self_signed::the_ca_certificate_in_the_secret_opens_the_repository"


@pytest.fixture(scope="module", autouse=True)
def engine():
    """Docker, the node image and the image of the harness, or the reason why there is none."""
    require_nodes(attached=1)
    require_image()


def harness(state: Path, *arguments: str | Path) -> str:
    """What the command says; it must succeed."""
    done = subprocess.run(
        [sys.executable, "-m", "harness", *arguments],
        cwd=_ROOT,
        env={**os.environ, "XDG_STATE_HOME": str(state), "CI": "true"},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    return done.stdout


def in_cluster(*arguments: str) -> list[str]:
    where = ("--clusters", "kind", "--kind-image", NODE_IMAGE, "--attached", "1")
    return [*arguments, *where, "--controllers", "in-cluster"]


@pytest.fixture(scope="module")
def up(tmp_path_factory) -> Iterator[tuple[Path, fleet.Fleet]]:
    """A fleet with the reference in its clusters, left running; it must go without a trace."""
    before = listed()
    state = tmp_path_factory.mktemp("state")
    try:
        harness(state, *in_cluster("up"))
        found = fleet.load(state=state / "gitops-conformance" / "fleets")
        assert found is not None
        yield state, found
    finally:
        said = harness(state, "down")
    assert "The fleet is stopped" in said
    assert listed() == before


def scenarios(*names: str) -> list[str]:
    return [part for name in names for part in ("--scenario", name)]


def pods(member: fleet.Member, namespace: str) -> list[Object]:
    with closing(client.connect(member.kubeconfig, name=member.name)) as cluster:
        return cluster.list("v1", "Pod", namespace).items


def refused(member: fleet.Member) -> int:
    """How many requests the API server has refused, to whomever, for want of a right."""
    kubectl = binaries.provide(programs.KIND).path("kubectl")
    metrics = subprocess.run(
        [kubectl, f"--kubeconfig={member.kubeconfig}", "get", "--raw", "/metrics"],
        capture_output=True, text=True, check=True, timeout=60,
    ).stdout  # fmt: skip
    counts = dict(
        re.findall(r'^authorization_attempts_total\{result="([^"]+)"\} (\d+)', metrics, re.M)
    )
    assert int(counts["allowed"]) > 0
    return sum(int(count) for result, count in counts.items() if result != "allowed")


def test_the_reference_does_its_work_in_pods_and_is_refused_nothing(up, tmp_path):
    state, made = up
    before = {member.name: refused(member) for member in made.members}
    harness(state, "run", "--reuse", *scenarios(*_SCENARIOS), "--out", tmp_path / "out")

    environment = yaml.safe_load((tmp_path / "out" / "report.yaml").read_text())["environment"]
    assert environment["controllers"] == "in-cluster"
    for member, namespace in ((made.management, "kommander"), (made.attached[0], "kommander-flux")):
        [pod] = pods(member, namespace)
        [container] = pod["status"]["containerStatuses"]
        assert container["ready"]
        assert container["restartCount"] == 0
        assert refused(member) == before[member.name]


def test_a_refusal_would_have_been_seen(up):
    _, made = up
    before = refused(made.management)
    with closing(client.connect(made.management.kubeconfig, name="management")) as cluster:
        nobody = cluster.impersonate("system:serviceaccount:kommander:nobody")
        with pytest.raises(errors.HarnessError):
            nobody.find(Ref("v1", "Secret", "any", "kommander"))

    assert refused(made.management) > before


def test_the_management_tier_gets_addresses_that_pods_see_and_no_administrator(up):
    _, made = up
    with closing(client.connect(made.management.kubeconfig, name="management")) as cluster:
        secret = cluster.get(Ref("v1", "Secret", "c1-kubeconfig", "default-workspace"))
    kubeconfig = yaml.safe_load(base64.b64decode(secret["data"]["kubeconfig"]))
    [entry] = kubeconfig["clusters"]
    assert re.fullmatch(r"https://gc-[0-9a-f]{8}-c1-control-plane:6443", entry["cluster"]["server"])
    [user] = kubeconfig["users"]
    assert set(user["user"]) == {"token"}


def test_a_controller_that_is_killed_comes_back_and_carries_on(up, tmp_path):
    state, made = up
    [before] = pods(made.attached[0], "kommander-flux")
    ref = Ref.of({"apiVersion": "v1", "kind": "Pod", **before})
    with closing(client.connect(made.attached[0].kubeconfig, name="c1")) as cluster:
        cluster.delete(ref)
    wait.eventually(
        lambda: _back(made.attached[0], before["metadata"]["uid"]),
        within=120, what="another pod is ready", every=0.5,
    )  # fmt: skip
    # Another one than before: on a fleet that stays the names of a scenario are taken.
    harness(state, "run", "--reuse", *scenarios(_ANOTHER), "--out", tmp_path / "out")


def _back(member: fleet.Member, before: str) -> str | None:
    there = [pod for pod in pods(member, "kommander-flux") if pod["metadata"]["uid"] != before]
    ready = [
        status["ready"] for pod in there for status in pod["status"].get("containerStatuses") or []
    ]
    return None if ready == [True] else f"{len(there)} pods, ready: {ready}"


def test_flux_does_its_work_in_pods(tmp_path):
    before = listed()
    out = tmp_path / "out"
    said = harness(
        tmp_path / "state",
        *in_cluster("run", "--system", "flux"),
        *scenarios(*_SCENARIOS),
        "--out",
        str(out),
    )

    assert f"{len(_SCENARIOS)} passed, 0 failed, 0 skipped" in said
    report = yaml.safe_load((out / "report.yaml").read_text())
    assert report["environment"]["controllers"] == "in-cluster"
    judged = {each["name"] for each in report["environment"]["programs"] if each["underTest"]}
    assert judged == {"source-controller", "kustomize-controller"}
    for name in ("source-controller-c1", "kustomize-controller-c1", "controllers-management"):
        text = (out / "logs" / f"{name}.log").read_text()
        assert text, "the pod's output is in the report"
        assert "is forbidden" not in text
    assert listed() == before


def test_an_image_that_no_node_has_is_told_at_once(tmp_path):
    """The twin of all that is waited for: a pod that cannot start ends the wait with the reason."""
    found = binaries.provide(programs.KIND)
    request = providing.Request(attached=0, image=NODE_IMAGE)
    with (
        fleet.hold(state=tmp_path / "state", logs=tmp_path / "logs") as lease,
        kind.lend(found, lease, request) as made,
        closing(systems_pods.Pods("nobody/has:1", found.path("kubectl"), "")) as where,
    ):
        wanted = reference_pods.attached("nobody/has:1", "management", "page", "", log="absent")
        deployed = where.deploy(made.management, wanted)
        with pytest.raises(errors.SetupError, match="cannot start: ErrImageNeverPull"):
            deployed.follow(lease, within=120)
