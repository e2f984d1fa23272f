import yaml

from harness import data
from harness.model import taints


def test_taints_of_others_stay_and_ours_is_there_once() -> None:
    other = {"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"}
    once = taints.tainted({"spec": {"taints": [other]}})
    assert once["spec"]["taints"][0] == other
    assert [each["key"] for each in once["spec"]["taints"]] == [other["key"], taints.KEY]
    assert taints.tainted(once) == once
    assert len(taints.tainted({})["spec"]["taints"]) == 1


def test_the_application_that_is_to_run_tolerates_it_in_every_version() -> None:
    paths = sorted(data.path("fixtures", "repositories", "workload").glob("v*/gitops/*.yaml"))
    assert len(paths) == 2
    for path in paths:
        pod = yaml.safe_load(path.read_text())["spec"]["template"]["spec"]
        assert taints.TOLERATION in pod["tolerations"]
