"""The manifest of the Job: what each pod runs, may do, and what is tried again."""

import pytest
import yaml
from click.testing import CliRunner

from harness.cli import job
from harness.cli.commands import cli
from harness.model.objects import Object


def printed(*arguments: str) -> list[Object]:
    done = CliRunner().invoke(cli, ["job", "--image", "registry/harness:1", *arguments])
    assert done.exit_code == 0, done.output
    assert "&id" not in done.stdout
    return list(yaml.safe_load_all(done.stdout))


def the_job(*arguments: str) -> Object:
    return next(each for each in printed(*arguments) if each["kind"] == "Job")


def test_shards_and_completions_agree():
    spec = the_job("--shards", "3", "--", "--tags", "@sync and not @auth.ssh")["spec"]
    [container] = spec["template"]["spec"]["containers"]

    assert (spec["completionMode"], spec["completions"], spec["parallelism"]) == ("Indexed", 3, 1)
    told = container["args"]
    assert told[:4] == ["harness", "run", "--clusters", "given"]
    assert told[told.index("--shard") + 1] == "auto/3"
    assert told[told.index("--out") + 1] == "/reports/index-$(JOB_COMPLETION_INDEX)"
    assert told[-2:] == ["--tags", "@sync and not @auth.ssh"]


def test_shards_with_clusters_of_their_own_run_at_once():
    spec = the_job("--shards", "2", "--own-clusters", "--secret", "s")["spec"]
    pod = spec["template"]["spec"]

    assert spec["parallelism"] == 2
    secrets = [v["secret"]["secretName"] for v in pod["volumes"] if "secret" in v]
    assert secrets == ["s-0", "s-1"]
    [container] = pod["containers"]
    assert "/clusters/$(JOB_COMPLETION_INDEX)" in container["args"]
    places = [m["mountPath"] for m in container["volumeMounts"] if m.get("readOnly")]
    assert places == ["/clusters/0", "/clusters/1"]


@pytest.mark.parametrize("arguments", [[], ["--collect"]])
def test_pods_are_restricted_and_have_no_say_in_their_cluster(arguments):
    *_, last = printed(*arguments)
    pod = last["spec"]["template"]["spec"] if last["kind"] == "Job" else last["spec"]

    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    [container] = pod["containers"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
    }


def test_a_verdict_is_no_reason_to_try_again():
    spec = the_job()["spec"]
    rules = spec["podFailurePolicy"]["rules"]
    by_action = {rule["action"]: rule for rule in rules}

    assert rules[0] == {
        "action": "Ignore",
        "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}],
    }
    assert by_action["FailIndex"]["onExitCodes"]["values"] == [1, 4]
    assert by_action["FailJob"]["onExitCodes"]["values"] == [2]
    assert spec["backoffLimitPerIndex"] == 1
    assert spec["template"]["spec"]["restartPolicy"] == "Never"


def test_all_bear_one_name_and_the_account_has_no_rights():
    made = printed("--name", "mine")

    assert {each["metadata"]["name"] for each in made} == {"mine"}
    assert not any("Role" in each["kind"] for each in made)


def test_options_that_are_reserved_are_options_of_run():
    known = {parameter.name for parameter in cli.commands["run"].params}

    assert set(job.RESERVED) <= known
