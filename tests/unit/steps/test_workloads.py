"""When an application counts as running: a verdict for each way in which it does not."""

import pytest

from harness.steps import workloads

IMAGE = "application:1"
DEPLOYMENT = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "a", "namespace": "demo", "generation": 2},
    "spec": {"replicas": 2, "selector": {"matchLabels": {"app": "a"}}},
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
