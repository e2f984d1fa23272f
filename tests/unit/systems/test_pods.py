"""What a pod's status says about the controller in it."""

import pytest

from harness.model.objects import Object
from harness.systems import pods


def pod(
    state: Object | None = None, *, phase="Running", ready="True", last=None, message=""
) -> Object:
    container = {"name": "controller", "restartCount": 1 if last else 0, "state": state or {}}
    if last:
        container["lastState"] = last
    condition = {"type": "Ready", "status": ready, "message": message}
    return {
        "metadata": {"name": "a-1", "namespace": "n"},
        "status": {"phase": phase, "containerStatuses": [container], "conditions": [condition]},
    }


RUNS: Object = {"running": {"startedAt": "now"}}
ENDED: Object = {"terminated": {"exitCode": 3, "reason": "Error"}}


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (None, None),
        (pod(RUNS), None),
        (pod({"waiting": {"reason": "ContainerCreating"}}, phase="Pending", ready="False"), None),
        (
            pod({"waiting": {"reason": "ErrImageNeverPull", "message": "image x is not present"}}),
            "cannot start: ErrImageNeverPull: image x is not present",
        ),
        (pod(ENDED), "ended with exit status 3 (Error)"),
        (pod(RUNS, last=ENDED), "ended with exit status 3 (Error)"),
        (pod({}, phase="Failed"), "has failed"),
    ],
    ids=["none", "runs", "comes", "no image", "ended", "started again", "evicted"],
)
def test_why_a_pod_will_not_do(given, told):
    assert pods.trouble(given) == told


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (None, "there is no pod yet"),
        (pod(RUNS), None),
        (pod(RUNS, ready="False", message="no luck"), "its pod is not ready: no luck"),
        (pod(RUNS, ready="False"), "its pod is not ready"),
    ],
    ids=["none", "ready", "told", "silent"],
)
def test_what_a_pod_lacks(given, told):
    assert pods.missing(given) == told


@pytest.mark.parametrize(
    ("given", "has"),
    [(None, False), (pod(RUNS), True), (pod(ENDED), True), (pod({"waiting": {}}), False)],
)
def test_output_is_there_once_the_container_ran(given, has):
    assert pods.begun(given) is has
