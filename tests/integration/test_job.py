"""
The suite as a Job, for real: one kind cluster runs it against two others.

Only where a Docker engine runs and the images can be had; skipped with the reason elsewhere.
"""

import io
import subprocess
import sys
import tarfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from harness.cluster import binaries, client, docker, fleet, kind, programs, providing
from harness.cluster.client import Cluster
from harness.cluster.reflector import Change, Reflector
from harness.model import installed, objects
from harness.model.objects import Object
from tests.integration.engine import NODE_IMAGE, require_image, require_nodes

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

_ROOT = Path(__file__).resolve().parents[2]
_SYNC = "sync/sync::a_new_source_is_synced_without_further_action"
_SUSPEND = "suspension/suspend::suspending_removes_nothing"
_SECRET = "clusters"


@pytest.fixture(scope="module")
def image() -> str:
    """The image of the harness, or the reason why there is none."""
    require_nodes(attached=2)
    return require_image()


@dataclass
class Place:
    """The cluster that runs the Job, the clusters under test, and how pods reach these."""

    image: str
    kubectl: Path
    member: fleet.Member
    api: Cluster
    tested: list[Cluster]
    kubeconfigs: dict[str, str]
    node: str

    def run(self, *arguments: str, given: bytes = b"") -> bytes:
        done = subprocess.run(
            [self.kubectl, f"--kubeconfig={self.member.kubeconfig}", *arguments],
            input=given, capture_output=True, timeout=120, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout

    def start(self, namespace: str, kubeconfigs: dict[str, str], *options: str) -> None:
        """Namespace, Secret and Job, as docs/in-a-cluster-job.md says."""
        self.api.create(
            {
                "apiVersion": "v1",
                "kind": "Namespace",
                "metadata": {
                    "name": namespace,
                    "labels": {"pod-security.kubernetes.io/enforce": "restricted"},
                },
            }
        )
        self.api.create(
            {
                "apiVersion": "v1",
                "kind": "Secret",
                "metadata": {"name": _SECRET, "namespace": namespace},
                "stringData": {f"{n}.kubeconfig": text for n, text in kubeconfigs.items()},
            }
        )
        self.api.create(self._volume(namespace))
        self.apply(namespace, "--shards", "2", "--secret", _SECRET, "--", *options)

    def _volume(self, namespace: str) -> Object:
        """A volume that its user may write, as storage that heeds `fsGroup` gives it."""
        folder = f"/var/reports-of-{namespace}"
        docker.run("exec", self.node, "mkdir", "-m", "0777", folder)
        return {
            "apiVersion": "v1",
            "kind": "PersistentVolume",
            "metadata": {"name": f"reports-of-{namespace}"},
            "spec": {
                "accessModes": ["ReadWriteOnce"],
                "capacity": {"storage": "1Gi"},
                "storageClassName": "standard",
                "claimRef": {"namespace": namespace, "name": "gitops-conformance"},
                "hostPath": {"path": folder},
            },
        }

    def apply(self, namespace: str, *arguments: str) -> None:
        made = harness("job", "--image", self.image, *arguments)
        assert made.returncode == 0, made.stderr
        self.run("apply", "-n", namespace, "-f", "-", given=made.stdout.encode())

    def ended(self, namespace: str) -> tuple[str, str]:
        """How the Job ended, and why, once none of its pods runs."""
        found = self.await_("batch/v1", "Job", namespace, _conclusion, within=600)
        assert found is not None
        return found

    def await_(self, api_version, kind_, namespace, answer, *, within):
        """What `answer` makes of the first object of which it makes anything."""
        seen: list[tuple[str, str]] = []
        told = threading.Event()

        def look(change: Change) -> None:
            if (found := answer(change.object)) and change.type != "DELETED":
                seen.append(found)
                told.set()

        watched = Reflector(self.api, api_version, kind_, namespace, on_change=look).start()
        try:
            assert told.wait(within), self.explain(namespace)
        finally:
            watched.stop()
        return seen[0]

    def explain(self, namespace: str) -> str:
        return self.run("describe", "jobs,pods", "-n", namespace).decode() + self.logs(namespace)

    def logs(self, namespace: str) -> str:
        return self.run(
            "logs", "-n", namespace, "--prefix", "--tail=-1", "-l",
            "app.kubernetes.io/name=gitops-conformance,batch.kubernetes.io/job-name",
        ).decode()  # fmt: skip

    def reports(self, namespace: str, target: Path) -> list[Path]:
        """Copied out of the volume as docs/in-a-cluster-job.md says."""
        self.apply(namespace, "--collect")
        self.await_("v1", "Pod", namespace, _ready, within=120)
        packed = self.run(
            "exec", "-n", namespace, "gitops-conformance-reports", "--", "tar", "-C", "/reports",
            "-c", ".",
        )  # fmt: skip
        with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
            archive.extractall(target, filter="data")
        return sorted(target.glob("index-*"))

    def listed(self) -> set[str]:
        """Every namespace, kind, cluster role and binding of the clusters under test."""
        return {
            f"{api.name}: {kind_[1]} {objects.name(obj)} {objects.uid(obj)}"
            for api in self.tested
            for kind_ in installed.KINDS
            for obj in api.list(*kind_).items
        }


def _conclusion(job: Object) -> tuple[str, str] | None:
    for each in objects.status(job).get("conditions") or []:
        if each["type"] in ("Complete", "Failed") and each["status"] == "True":
            return each["type"], each.get("reason", "")
    return None


def _ready(pod: Object) -> tuple[str, str] | None:
    if objects.name(pod) != "gitops-conformance-reports":
        return None
    conditions = objects.status(pod).get("conditions") or []
    there = any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)
    return ("Ready", "") if there else None


def harness(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "harness", *arguments],
        cwd=_ROOT, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def place(image, tmp_path_factory) -> Iterator[Place]:
    """Three kind clusters: `c2` runs the Job, the others are tested."""
    home = tmp_path_factory.mktemp("job")
    found = binaries.provide(programs.KIND)
    request = providing.Request(attached=2, image=NODE_IMAGE)
    with (
        fleet.hold(state=home / "state", logs=home / "logs") as lease,
        kind.lend(found, lease, request) as made,
    ):
        kind.load(found, lease, ["c2"], [image], within=300)
        *tested, runner = made.members
        held = lease.directory.joinpath("holdings.json").read_text()
        prefix = yaml.safe_load(held)["id"]
        apis = [client.connect(member.kubeconfig, name=member.name) for member in tested]
        api = client.connect(runner.kubeconfig, name=runner.name)
        yield Place(
            image, found.path("kubectl"), runner, api, apis,
            {member.name: _for_pods(member, prefix) for member in tested},
            f"{prefix}-{runner.name}-control-plane",
        )  # fmt: skip
        for each in (*apis, api):
            each.close()


def _for_pods(member: fleet.Member, prefix: str) -> str:
    """Pods reach another cluster under the name of its node."""
    content = yaml.safe_load(member.kubeconfig.read_text())
    server = f"https://{prefix}-{member.name}-control-plane:6443"
    content["clusters"][0]["cluster"]["server"] = server
    return yaml.safe_dump(content)


@pytest.fixture
def before(place) -> Iterator[set[str]]:
    """What the clusters under test had before, which they must have afterwards."""
    found = place.listed()
    yield found
    assert place.listed() == found


def merged(folders: list[Path], target: Path) -> tuple[int, Object]:
    done = harness("merge", *folders, "--out", target)
    assert "Traceback" not in done.stderr
    assert (target / "report.yaml").exists(), done.stderr
    return done.returncode, yaml.safe_load((target / "report.yaml").read_text())


def test_two_shards_are_judged_in_the_cluster_and_merged_here(before, place, tmp_path):
    place.start("good", place.kubeconfigs, "--scenario", _SYNC, "--scenario", _SUSPEND, "-n", "2")
    assert place.ended("good")[0] == "Complete", place.explain("good")
    folders = place.reports("good", tmp_path / "reports")
    assert [folder.name for folder in folders] == ["index-0", "index-1"]

    status, report = merged(folders, tmp_path / "whole")

    assert status == 0
    assert report["word"].startswith("partial")
    assert {s["id"]: s["verdict"] for s in report["scenarios"]} == {
        _SYNC: "passed",
        _SUSPEND: "passed",
    }
    assert report["environment"]["provider"] == "given"
    assert [c["name"] for c in report["environment"]["clusters"]] == ["management", "c1"]
    assert len(report["mergedFrom"]) == 2


def test_a_shard_whose_scenario_fails_fails_the_job_and_the_merge(before, place, tmp_path):
    # Nobody syncs within a millisecond; the other shard is run all the same.
    place.start(
        "bad", place.kubeconfigs, "--scenario", _SYNC, "--scenario", _SUSPEND, "-n", "1",
        "--deadline", "sync=1ms",
    )  # fmt: skip
    assert place.ended("bad") == ("Failed", "FailedIndexes"), place.explain("bad")
    pods = place.api.list("v1", "Pod", "bad").items
    assert len(pods) == 2, "a verdict is no reason to try again"
    folders = place.reports("bad", tmp_path / "reports")

    status, report = merged(folders, tmp_path / "whole")

    assert status == 1
    assert report["word"] == "not conformant"
    verdicts = {s["id"]: s["verdict"] for s in report["scenarios"]}
    assert verdicts[_SYNC] == "failed"


def test_a_cluster_that_cannot_be_reached_is_named_in_the_log(before, place, tmp_path):
    wrong = yaml.safe_load(place.kubeconfigs["c1"])
    wrong["clusters"][0]["cluster"]["server"] = "https://nowhere.invalid:6443"
    place.start("ugly", {**place.kubeconfigs, "c1": yaml.safe_dump(wrong)}, "--scenario", _SYNC,
                "--scenario", _SUSPEND)  # fmt: skip
    assert place.ended("ugly") == ("Failed", "FailedIndexes"), place.explain("ugly")
    told = [line for line in place.logs("ugly").splitlines() if "gitops-conformance: " in line]
    assert told
    assert all("c1: no answer from https://nowhere.invalid:6443" in line for line in told)
    codes = {
        state["exitCode"]
        for pod in place.api.list("v1", "Pod", "ugly").items
        for status in objects.status(pod)["containerStatuses"]
        if (state := status["state"].get("terminated"))
    }
    assert codes == {3}
    folders = place.reports("ugly", tmp_path / "reports")
    refused = harness("merge", *folders, "--out", tmp_path / "whole")
    assert refused.returncode == 2
    assert "cannot be read" in refused.stderr
