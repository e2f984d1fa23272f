"""The oracle on small trees; on whole fixtures it is tested in tests/unit/render."""

from collections.abc import Mapping

import pytest

from harness.model import oracle
from harness.model.objects import Object, Ref

OWNER = oracle.Owner("apps", "proj")


def config(name: str, **data: str) -> bytes:
    lines = "".join(f"  {key}: '{value}'\n" for key, value in data.items())
    return f"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\ndata:\n{lines}".encode()


def no_kustomize(files: Mapping[str, bytes], directory: str) -> list[Object]:
    raise AssertionError(f"{directory} has no kustomization file")


def expect(files: dict[str, bytes], path: str = "./gitops") -> oracle.Expectation:
    return oracle.expect(files, path, owner=OWNER, render=no_kustomize)


FILES = {"gitops/a.yaml": config("a", x="1"), "gitops/deep/b.yml": config("b"), "out/c.yaml": b"["}


def test_plain_yaml_is_found_recursively_owned_and_placed() -> None:
    made = expect(FILES)
    assert [str(ref) for ref in made.refs] == ["ConfigMap proj/a", "ConfigMap proj/b"]
    assert made.inventory == {"proj_a__ConfigMap", "proj_b__ConfigMap"}
    assert made.objects[0]["metadata"]["labels"] == {
        "kustomize.toolkit.fluxcd.io/name": "apps",
        "kustomize.toolkit.fluxcd.io/namespace": "proj",
    }


@pytest.mark.parametrize("path", ["gitops", "./gitops/", "/gitops", "./x/../gitops", "../gitops"])
def test_a_path_may_be_written_in_many_ways(path: str) -> None:
    assert expect(FILES, path) == expect(FILES)


def test_a_directory_with_its_own_file_is_rendered_and_not_walked() -> None:
    asked = []

    def render(files: Mapping[str, bytes], directory: str) -> list[Object]:
        asked.append(directory)
        return [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "n"}}]

    files = {**FILES, "gitops/pack/kustomization.yml": b"", "gitops/pack/bad.yaml": b"["}
    made = oracle.expect(files, "gitops", owner=OWNER, render=render)
    assert asked == ["gitops/pack"]
    assert "_n__Namespace" in made.inventory


def test_what_no_artifact_holds_is_not_expected() -> None:
    files = {**FILES, "gitops/.github/x.yaml": b"[", "gitops/.sops.yaml": b"["}
    assert expect(files) == expect(FILES)


def test_an_empty_directory_expects_nothing_and_a_missing_one_is_no_commit_to_deploy() -> None:
    assert expect({"gitops/.gitkeep": b""}).objects == ()
    with pytest.raises(oracle.PathMissing):
        expect({"README.md": b""})
    assert expect({"a.yaml": config("a")}, ".").inventory == {"proj_a__ConfigMap"}


@pytest.mark.parametrize("content", [b"[", b"replicas: 1", config("a")])
def test_a_commit_that_cannot_be_built_is_told_so(content: bytes) -> None:
    with pytest.raises(oracle.Unbuildable):
        expect({**FILES, "gitops/z.yaml": content})


def test_inventory_ids_have_the_form_of_flux() -> None:
    crd = Ref("apiextensions.k8s.io/v1", "CustomResourceDefinition", "foos.ex.io")
    role = Ref("rbac.authorization.k8s.io/v1", "Role", "system:reader", "proj")
    made = [oracle.inventory_id(ref) for ref in (crd, role)]
    assert made == [
        "_foos.ex.io_apiextensions.k8s.io_CustomResourceDefinition",
        "proj_system__reader_rbac.authorization.k8s.io_Role",
    ]


def cluster(*objects: Object) -> oracle.Lookup:
    return {Ref.of(obj): obj for obj in objects}.get


def test_a_cluster_that_holds_the_commit_has_no_findings() -> None:
    made = expect(FILES)
    extra = [{**obj, "status": {}, "extra": 1} for obj in made.objects]
    assert oracle.judge(made, cluster(*extra), inventory=made.inventory) == []


def test_whatever_is_wrong_is_found() -> None:
    old = expect(
        {**FILES, "gitops/old.yaml": config("old"), "gitops/a.yaml": config("a", x="1", y="2")}
    )
    new = expect(FILES)
    stale, _, gone = (old.objects[n] for n in (0, 2, 1))
    wrong = {**stale, "metadata": {**stale["metadata"], "labels": {}}}
    found = oracle.judge(
        new, cluster(wrong, gone), inventory=["proj_a__ConfigMap", "x_y__Pod"], previous=old
    )
    assert [(f.kind, f.subject) for f in found] == [
        ("differs", "ConfigMap proj/a"),
        ("left", "ConfigMap proj/a"),
        ("missing", "ConfigMap proj/b"),
        ("left", "ConfigMap proj/old"),
        ("inventory-missing", "proj_b__ConfigMap"),
        ("inventory-extra", "x_y__Pod"),
    ]
    assert len(found[0].differences) == 2
    assert "kustomize.toolkit.fluxcd.io/namespace" in str(found[0])
    assert ".data.y" in str(found[1])


def test_what_still_exists_after_a_deletion_is_found() -> None:
    made = expect(FILES)
    assert oracle.gone(made.refs, cluster()) == []
    [left] = oracle.gone(made.refs, cluster(made.objects[0]))
    assert str(left) == "ConfigMap proj/a still exists"


def test_a_namespace_that_git_names_is_kept_and_cluster_scoped_kinds_have_none() -> None:
    files = {
        "gitops/a.yaml": b"apiVersion: v1\nkind: Pod\nmetadata: {name: a, namespace: other}\n",
        "gitops/b.yaml": b"apiVersion: ex.io/v1\nkind: Zone\nmetadata: {name: b, namespace: x}\n",
    }
    made = oracle.expect(
        files, "gitops", owner=OWNER, render=no_kustomize, cluster_scoped=[("ex.io", "Zone")]
    )
    assert made.inventory == {"other_a__Pod", "_b_ex.io_Zone"}
