"""What our controllers may do in a cluster: what they need, each rule for a reason."""

import pytest

from harness.systems import reference_pods as pods

ALL = {
    "management": pods.MANAGEMENT_RULES,
    "attachment": pods.ATTACHMENT_RULES,
    "attached": pods.ATTACHED_RULES,
}
WRITES = {"create", "update", "patch", "delete", "deletecollection"}


def granted(rules) -> set[tuple[str, str, str]]:
    return {
        (group, resource, verb)
        for rule in rules
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


@pytest.mark.parametrize("rules", ALL.values(), ids=ALL)
def test_nobody_may_do_everything(rules):
    assert "*" not in {verb for _, _, verb in granted(rules)}


@pytest.mark.parametrize("rules", ALL.values(), ids=ALL)
def test_nothing_is_written_on_all_kinds(rules):
    assert {verb for group, kind, verb in granted(rules) if "*" in (group, kind)} <= {
        "list",
        "watch",
    }


def test_only_the_attached_tier_sees_all_kinds_and_acts_in_the_name_of_others():
    for name, rules in ALL.items():
        everywhere = {verb for group, _, verb in granted(rules) if group == "*"}
        impersonates = {kind for _, kind, verb in granted(rules) if verb == "impersonate"}
        assert bool(everywhere) is (name == "attached")
        assert impersonates == ({"serviceaccounts"} if name == "attached" else set())


def test_the_attached_tier_writes_nothing_in_its_own_name_but_what_it_reports():
    written = {(kind, verb) for _, kind, verb in granted(pods.ATTACHED_RULES) if verb in WRITES}

    assert {kind for kind, _ in written} == {
        "gitrepositories",
        "gitrepositories/status",
        "kustomizations",
        "kustomizations/status",
        "events",
    }
    assert ("gitrepositories", "create") not in written
    assert ("kustomizations", "delete") not in written


def test_only_the_roles_of_projects_are_more_than_the_management_tier_has():
    raised = {
        (group, kind)
        for rules in ALL.values()
        for group, kind, verb in granted(rules)
        if verb in {"escalate", "bind"}
    }
    assert raised == {("rbac.authorization.k8s.io", "roles")}


def test_the_management_tier_only_reads_secrets_at_home():
    verbs = {verb for _, kind, verb in granted(pods.MANAGEMENT_RULES) if kind == "secrets"}
    assert verbs == {"get"}


def test_the_account_of_an_attachment_is_bound_to_its_role():
    made = {obj["kind"]: obj for obj in pods.attachment()}
    binding = made["ClusterRoleBinding"]
    assert binding["roleRef"]["name"] == made["ClusterRole"]["metadata"]["name"]
    assert binding["subjects"][0]["name"] == made["ServiceAccount"]["metadata"]["name"]
    assert made["ClusterRole"]["rules"] == [dict(rule) for rule in pods.ATTACHMENT_RULES]
