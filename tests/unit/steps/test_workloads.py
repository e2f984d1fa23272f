"""When an application counts as running: a verdict for each way in which it does not."""

from types import SimpleNamespace

import pytest

from harness.errors import HarnessBug, Inconclusive, Nonconformance, NotYet
from harness.kit.wait import Patience
from harness.steps import workloads

IMAGE = "application:1"
SELECTOR = {"matchLabels": {"app": "a"}}
DEPLOYMENT = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "a", "namespace": "demo", "generation": 2},
    "spec": {"replicas": 2, "selector": SELECTOR},
    "status": {
        "observedGeneration": 2,
        "availableReplicas": 2,
        "conditions": [{"type": "Available", "status": "True"}],
    },
}


def pod(name="a-1", *, image=IMAGE, ready="True", waiting=None, **metadata):
    return {
        "metadata": {"name": name, "labels": {"app": "a"}, **metadata},
        "spec": {"containers": [{"image": image}]},
        "status": {
            "phase": "Running",
            "conditions": [{"type": "Ready", "status": ready}],
            "containerStatuses": [{"state": {"waiting": waiting} if waiting else {"running": {}}}],
        },
    }


def missing(*pods, deployment=DEPLOYMENT, **status):
    wanted = workloads.Wanted(DEPLOYMENT, 2, IMAGE)
    if deployment:
        deployment = {**deployment, "status": {**deployment["status"], **status}}
    return workloads.not_running(wanted, deployment, list(pods))


def test_as_many_ready_pods_as_wanted_of_the_image_run():
    assert missing(pod("a-1"), pod("a-2")) is None


@pytest.mark.parametrize(
    ("pods", "told"),
    [
        ([], "has 0 pods, not 2"),
        ([pod("a-1")], "has 1 pods, not 2"),
        ([pod("a-1"), pod("a-2"), pod("a-3")], "has 3 pods, not 2"),
        ([pod("a-1"), pod("a-2", image="x:2")], "pod a-2 has the image x:2, not application:1"),
        ([pod("a-1"), pod("a-2", deletionTimestamp="now")], "pod a-2 is on its way out"),
        (
            [
                pod("a-1"),
                pod(
                    "a-2",
                    ready="False",
                    waiting={"reason": "ErrImageNeverPull", "message": "not present"},
                ),
            ],
            "pod a-2 is Running, not ready ErrImageNeverPull: not present",
        ),
    ],
    ids=["none", "too few", "too many", "another image", "leaving", "no image"],
)
def test_pods_that_do_not_run_are_told(pods, told):
    assert told in missing(*pods)


@pytest.mark.parametrize(
    ("status", "told"),
    [
        ({"observedGeneration": 1}, "not seen yet"),
        ({"availableReplicas": 1}, "has 1 available pods"),
        (
            {"conditions": [{"type": "Available", "status": "False", "reason": "Minimum"}]},
            "Available=False, reason Minimum",
        ),
    ],
)
def test_a_deployment_that_is_not_available_is_told(status, told):
    assert told in missing(pod("a-1"), pod("a-2"), **status)


def test_without_a_deployment_nothing_runs():
    assert missing(pod("a-1"), pod("a-2"), deployment=None) == "there is no Deployment demo/a"


class Scope:
    """One namespace of one cluster that never changes."""

    def __init__(self, deployment, *pods):
        self.deployment, self.pods = deployment, pods

    def lookup(self, cluster, ref):
        return self.deployment

    def all(self, cluster, api_version, kind):
        return list(self.pods) if kind == "Pod" else []

    def until(self, probe, *, within, budget):
        if missing := probe():
            raise NotYet(missing)


KUBECTL = """#!/bin/sh
case "$*" in *" logs "*) echo "version {logs} serves" ;; *) echo "version {told}" ;; esac
"""


@pytest.fixture
def world(monkeypatch, tmp_path):
    """A scenario whose application runs at version 1, and was seen so."""
    deployment = {**DEPLOYMENT, "spec": {"replicas": 2, "template": pod(), "selector": SELECTOR}}
    wanted = workloads.Wanted(deployment, 2, IMAGE)
    monkeypatch.setattr(workloads, "of_git", lambda *_: wanted)
    kubectl = tmp_path / "kubectl"
    kubectl.write_text(KUBECTL.format(logs=1, told=1))
    kubectl.chmod(0o755)
    return SimpleNamespace(
        bench=SimpleNamespace(
            workload_images=(IMAGE, "application:2"),
            patience=Patience(),
            kubectl=kubectl,
            kubeconfigs={"c1": tmp_path / "kubeconfig"},
            scratch=tmp_path,
        ),
        clusters=("c1",),
        namespace="demo",
        scope=Scope(deployment, pod("a-1", uid="1"), pod("a-2", uid="2")),
        source=lambda alias: None,
        pods={"a": {("c1", "1"), ("c1", "2")}},
    )


def test_without_pods_nothing_is_said_about_a_system(world):
    workloads.pods_run(world)
    world.bench.workload_images = ()

    with pytest.raises(Inconclusive, match="run no pods"):
        workloads.pods_run(world)


def test_what_logs_and_a_command_tell_is_compared_with_the_image(world):
    workloads.tells_version(world, "a")
    for logs, told, part in ((2, 1, "the logs of"), (1, 2, "answers 'version 2")):
        world.bench.kubectl.write_text(KUBECTL.format(logs=logs, told=told))
        with pytest.raises(Nonconformance, match=part):
            workloads.tells_version(world, "a")


def test_a_pod_that_was_replaced_is_told(world):
    workloads.same_pods(world, "a")
    world.scope.pods = (pod("a-1", uid="1"), pod("a-3", uid="3"))

    with pytest.raises(Nonconformance, match="1 are gone and 1 are new"):
        workloads.same_pods(world, "a")


def test_a_pod_that_stays_after_the_deletion_is_told(world):
    with pytest.raises(NotYet, match="still there: pods a-1, a-2"):
        workloads.no_pods(world, "a")
    world.scope.pods = ()
    workloads.no_pods(world, "a")
    assert world.pods.pop("a"), "they were there before"

    with pytest.raises(HarnessBug, match="nothing is shown"):
        workloads.no_pods(world, "a")
