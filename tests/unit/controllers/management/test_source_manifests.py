"""The CD manifests of a source, and what decides about writing them."""

from typing import Any

import pytest

from harness.controllers import gitops_repository_decision as decision
from harness.controllers import gitops_repository_manifests as manifests
from harness.controllers.bootstrap import Outcome
from harness.controllers.gitops_repository_decision import Facts
from harness.controllers.gitops_repository_manifests import NO_REMEDIES, Pace

PACE = Pace("1s", "2s", "20s")
NONE: frozenset[str] = frozenset()


def source(template: Any = None, status: Any = None, **spec: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": "apps", "namespace": "shop", "generation": 3},
        "spec": {"cloneUrl": "https://h/o/r", "template": template or {}, **spec},
        "status": status or {},
    }


def facts(*placed: str, known: tuple[str, ...] = (), **keys: frozenset[str]) -> Facts:
    return Facts(frozenset(placed), frozenset(placed) | frozenset(known), keys)


def test_the_git_repository_says_what_to_fetch() -> None:
    made = manifests.git_repository(source(secret="token"), frozenset(("password",)), PACE)
    assert made["metadata"] == {"name": "apps", "namespace": "shop"}
    assert made["spec"] == {
        "url": "https://git@h/o/r",
        "ref": {"branch": "master"},
        "interval": "1s",
        "timeout": "20s",
        "suspend": False,
        "secretRef": {"name": "token"},
    }


def test_the_kustomization_applies_as_the_project_account() -> None:
    made = manifests.kustomization(source({"path": "./apps"}), PACE)
    assert made["spec"] == {
        "path": "./apps",
        "prune": True,
        "sourceRef": {"kind": "GitRepository", "name": "apps"},
        "targetNamespace": "shop",
        "serviceAccountName": "shop",
        "interval": "2s",
        "suspend": False,
    }


def test_a_plain_front_makes_up_for_nothing() -> None:
    token = source(secret="token")
    made = manifests.manifests(token, frozenset(("password",)), PACE, NO_REMEDIES)
    assert made[0]["spec"]["url"] == "https://h/o/r"
    assert "serviceAccountName" not in made[1]["spec"]
    decided = decision.decide(token, facts("c1"), PACE, NO_REMEDIES)
    assert "serviceAccountName" not in str((decided.files or {})["c1"])


def test_suspend_is_on_both_objects() -> None:
    made = manifests.manifests(source({"suspend": True}), NONE, PACE)
    assert [each["spec"]["suspend"] for each in made] == [True, True]


@pytest.mark.parametrize(
    "ref", [{"branch": "dev"}, {"tag": "v1"}, {"semver": ">=1"}, {"branch": "main", "commit": "a"}]
)
def test_a_given_ref_is_taken_as_it_is(ref: dict[str, str]) -> None:
    assert manifests.ref(source({"ref": ref})) == ref


def test_an_empty_ref_is_the_branch_master() -> None:
    assert manifests.ref(source({"ref": {"branch": ""}})) == {"branch": "master"}


def test_a_file_gives_back_its_manifests() -> None:
    made = manifests.manifests(source(), NONE, PACE)
    assert manifests.parsed(manifests.text(made)) == made


def test_a_source_is_written_for_placed_clusters_and_removed_from_others() -> None:
    decided = decision.decide(source(), facts("c1", known=("c2",)), PACE)
    assert decided.action == "publish"
    assert decided.files is not None
    assert decided.files["c1"]
    assert decided.files["c2"] is None


def test_each_cluster_gets_the_url_that_its_secret_needs() -> None:
    decided = decision.decide(
        source(secret="token"),
        facts("c1", "c2", c1=frozenset(("password",)), c2=frozenset(("username", "password"))),
        PACE,
    )
    assert decided.files is not None
    assert "https://git@h/o/r" in (decided.files["c1"] or "")
    assert "https://h/o/r" in (decided.files["c2"] or "")


def test_a_faulty_url_writes_nothing() -> None:
    decided = decision.decide(source(cloneUrl="git@h:o/r"), facts("c1"), PACE)
    assert (decided.action, decided.reason, decided.files) == ("refuse", "InvalidURL", None)


def test_an_ssh_secret_with_an_https_url_is_refused() -> None:
    keys = frozenset(("identity", "identity.pub", "known_hosts"))
    decided = decision.decide(source(secret="ssh"), facts("c1", c1=keys), PACE)
    assert (decided.action, decided.reason) == ("refuse", "InvalidURL")


def test_outside_of_a_project_a_source_is_left_alone() -> None:
    assert decision.decide(source(), Facts(None, NONE, {}), PACE).action == "leave"


def test_success_is_told_once_for_a_generation_unless_something_was_pushed() -> None:
    told = source(
        status={"conditions": [{"type": "ManifestSync", "status": "True", "observedGeneration": 3}]}
    )
    assert decision.may_announce(source(), Outcome("abc", False))
    assert not decision.may_announce(told, Outcome("abc", False))
    assert decision.may_announce(told, Outcome("abc", True))
