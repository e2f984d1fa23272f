"""A project's namespace, its objects on a cluster, and the stages of its deletion."""

import re
from typing import Any

import pytest

from harness.controllers import project_objects, project_removal
from harness.controllers.attachment_flux import Upstream, follower


def project(name: str = "shop", uid: str = "u1", **spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": "ws", "uid": uid}, "spec": spec}


def test_a_given_namespace_name_is_taken() -> None:
    assert project_objects.namespace_name(project(namespaceName="mine")) == "mine"


def test_a_default_namespace_name_is_the_name_and_five_more() -> None:
    assert re.fullmatch(r"shop-[a-z0-9]{5}", project_objects.namespace_name(project()))


def test_a_long_name_is_cut_to_57_characters() -> None:
    name = project_objects.namespace_name(project("x" * 70))
    assert re.fullmatch(r"x{57}-[a-z0-9]{5}", name)
    assert len(name) == 63


def test_the_name_is_stable_and_differs_between_projects_of_one_name() -> None:
    first = project_objects.namespace_name(project(uid="u1"))
    assert first == project_objects.namespace_name(project(uid="u1"))
    assert first != project_objects.namespace_name(project(uid="u2"))


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        ({}, "taken"),
        ({"annotations": {project_objects.OWNER: "ws/other"}}, "taken"),
        ({"annotations": {project_objects.OWNER: "ws/shop"}}, "ours"),
        (
            {"annotations": {project_objects.OWNER: "ws/shop"}, "deletionTimestamp": "now"},
            "leaving",
        ),
    ],
)
def test_a_namespace_of_somebody_else_is_not_taken_over(
    metadata: dict[str, Any], expected: str
) -> None:
    assert project_objects.standing(project(), {"metadata": metadata}) == expected


def test_a_cluster_gets_account_role_and_binding() -> None:
    made = project_objects.account("ns", ["", "apps"])
    assert [each["kind"] for each in made] == ["ServiceAccount", "Role", "RoleBinding"]


def test_kustomization_project_applies_the_directory_as_the_projects_account() -> None:
    spec = project_objects.applier("ns", "c1", interval="2s")["spec"]
    assert spec["path"] == "./clusters/c1/ns"
    assert spec["prune"] is True
    assert spec["serviceAccountName"] == "ns"
    assert spec["sourceRef"] == {
        "kind": "GitRepository",
        "name": "ns",
        "namespace": "kommander-flux",
    }


def test_what_a_projects_kustomization_reads_follows_the_projects_branch_alone() -> None:
    upstream = Upstream("https://git/k.git", "main", "CA", {}, "10s")
    namespace = {"kind": "Namespace", "metadata": {"name": "ns", "uid": "u-1"}}
    made = follower(upstream, namespace)
    assert (made["metadata"]["namespace"], made["metadata"]["name"]) == ("kommander-flux", "ns")
    assert made["spec"]["ref"] == {"branch": "projects/ns"}
    assert made["spec"]["secretRef"] == {"name": "kommander-git-credentials"}
    [owner] = made["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["name"], owner["uid"]) == ("Namespace", "ns", "u-1")


def test_the_role_allows_everything_but_namespaces() -> None:
    core, others = project_objects.rules(["", "apps", "batch"])
    assert "namespaces" not in core["resources"]
    assert "*" not in core["resources"]
    assert not [name for name in core["resources"] if name.startswith(("namespace", "node"))]
    assert others == {"apiGroups": ["apps", "batch"], "resources": ["*"], "verbs": ["*"]}


THING: dict[str, Any] = {}


@pytest.mark.parametrize(
    ("sources", "contents", "federated", "namespace", "expected"),
    [
        ([THING], [THING], THING, THING, "sources"),
        ([], [THING], THING, THING, "contents"),
        ([], [], THING, THING, "clusters"),
        ([], [], None, THING, "namespace"),
        ([], [], None, None, "done"),
    ],
)
def test_deletion_goes_stage_by_stage(
    sources: Any, contents: Any, federated: Any, namespace: Any, expected: str
) -> None:
    assert project_removal.stage(sources, contents, federated, namespace) == expected
