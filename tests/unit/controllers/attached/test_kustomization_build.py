"""From an archive to the objects that the cluster shall have."""

import threading
from pathlib import Path

import pytest

from harness.controllers import kustomization_build, kustomization_substitute
from harness.controllers.artifact import Tree
from harness.controllers.attached_fields import Failure
from harness.controllers.kustomization_build import Builder, clamped
from harness.controllers.kustomization_shelf import Shelf
from harness.model.objects import Object
from harness.render import kustomize

CONFIG = b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: one}\ndata: {k: v}\n"


GROUP = "kustomize.toolkit.fluxcd.io"


def made(**spec: object) -> Object:
    return {"metadata": {"name": "app", "namespace": "team", "uid": "u"}, "spec": spec}


def tree(**files: bytes) -> Tree:
    named = {name.replace("__", "/"): content for name, content in files.items()}
    directories = {name.rpartition("/")[0] for name in named if "/" in name}
    return Tree(frozenset(directories), named)


@pytest.fixture
def builds(monkeypatch: pytest.MonkeyPatch) -> list[set[str]]:
    """The files of each build that kustomize was asked for."""
    asked: list[set[str]] = []

    def build(kubectl: Path, directory: Path, *, root: Path | None = None) -> list[Object]:
        del kubectl
        assert root
        asked.append({f.relative_to(root).as_posix() for f in root.rglob("*") if f.is_file()})
        name = directory.name
        if name == "broken":
            raise kustomize.BuildError(f"kustomize build failed: {root}/broken/x.yaml")
        return [{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "one"}}]

    monkeypatch.setattr(kustomize, "build", build)
    return asked


@pytest.fixture
def builder(tmp_path: Path) -> Builder:
    return Builder(Path("kubectl"), tmp_path)


@pytest.mark.parametrize(
    ("path", "inside"),
    [
        (None, ""),
        ("", ""),
        ("./", ""),
        ("./a/b/", "a/b"),
        ("/a", "a"),
        ("a/../b", "b"),
        ("./../../etc", "etc"),
    ],
)
def test_a_path_cannot_leave_the_archive(path: str | None, inside: str) -> None:
    assert clamped(path) == inside


def test_a_missing_path_is_reported_always_in_the_same_words() -> None:
    with pytest.raises(Failure) as failed:
        kustomization_build.check_path(tree(a__b=b""), made(path="./nope"))
    assert failed.value.reason == "ArtifactFailed"
    where = kustomization_build.shown_root(made())
    assert failed.value.message == (
        f"kustomization path not found: stat {where}/nope: no such file or directory"
    )


def test_a_file_as_the_path_does_not_build() -> None:
    with pytest.raises(Failure) as failed:
        kustomization_build.check_directory(tree(a__b=b""), made(path="a/b"))
    assert failed.value.reason == "BuildFailed"


def test_an_empty_directory_builds_to_nothing(builder: Builder, builds: list[set[str]]) -> None:
    assert builder.build(tree(**{"a__.gitkeep": b""}), made(path="a")) == []
    assert builds == []


def test_the_same_content_is_built_once(builder: Builder, builds: list[set[str]]) -> None:
    builder.build(tree(a__c=b"", **{"a__one.yaml": CONFIG, "b__x.yaml": b"1"}), made(path="a"))
    builder.build(tree(a__c=b"", **{"a__one.yaml": CONFIG, "b__x.yaml": b"2"}), made(path="a"))
    assert len(builds) == 1, "what lies elsewhere does not matter to plain files"
    assert not any(name.startswith("b/") for name in builds[0])
    builder.build(tree(**{"a__one.yaml": CONFIG + b"#"}), made(path="a"))
    builder.build(tree(**{"a__one.yaml": CONFIG + b"#"}), made(path="a", targetNamespace="x"))
    assert len(builds) == 3


def test_clusters_share_what_is_built(tmp_path: Path, builds: list[set[str]]) -> None:
    one, other = (
        Builder(Path("kubectl"), tmp_path / "scratch", Shelf(tmp_path / "builds")) for _ in range(2)
    )
    (tmp_path / "scratch").mkdir()
    files = tree(**{"a__one.yaml": CONFIG})
    assert one.build(files, made(path="a")) == other.build(files, made(path="a")) != []
    assert len(builds) == 1
    other.build(files, made(path="a", targetNamespace="x"))
    assert len(builds) == 2, "other settings, another build"
    for _ in range(2):
        with pytest.raises(Failure):
            one.build(tree(**{"broken__one.yaml": CONFIG}), made(path="broken"))
    assert len(builds) == 4, "a failure is nobody's to keep"


def test_who_comes_second_waits_for_the_first(tmp_path: Path) -> None:
    shelf, inside, go_on = Shelf(tmp_path), threading.Event(), threading.Event()

    def slow() -> list[Object]:
        inside.set()
        assert go_on.wait(20)
        return [{"kind": "slow"}]

    first = threading.Thread(target=shelf.take, args=("key", slow))
    first.start()
    assert inside.wait(20)
    seen: list[list[Object]] = []
    second = threading.Thread(
        target=lambda: seen.append(Shelf(tmp_path).take("key", lambda: [{"kind": "twice"}]))
    )
    second.start()
    go_on.set()
    for each in (first, second):
        each.join(timeout=20)
    assert seen == [[{"kind": "slow"}]]


def test_half_a_build_is_built_anew(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    (tmp_path / "key.json").write_text('[{"kind": "Con')
    assert shelf.take("key", lambda: [{"kind": "whole"}]) == [{"kind": "whole"}]
    assert shelf.take("key", list) == [{"kind": "whole"}]


def test_a_kustomization_file_may_look_around(builder: Builder, builds: list[set[str]]) -> None:
    overlay = b"resources: [../b/x.yaml]\n"
    for content in (b"1", b"2"):
        builder.build(
            tree(**{"a__kustomization.yaml": overlay, "b__x.yaml": content}), made(path="a")
        )
    assert len(builds) == 2
    assert "b/x.yaml" in builds[0]


def test_a_failed_build_names_no_temporary_directory(
    builder: Builder, builds: list[set[str]]
) -> None:
    with pytest.raises(Failure) as failed:
        builder.build(tree(**{"broken__x.yaml": CONFIG}), made(path="broken"))
    where = kustomization_build.shown_root(made())
    assert failed.value.reason == "BuildFailed"
    assert failed.value.message == f"kustomize build failed: {where}/broken/x.yaml"


def test_objects_are_marked_encoded_and_in_order() -> None:
    built: list[Object] = [
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "s", "labels": {"own": "1"}},
            "stringData": {"k": "v"},
            "status": {"x": 1},
        },
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "n"}},
    ]
    common = {"labels": {"team": "t"}, "annotations": {"a": "b"}}
    namespace, secret = kustomization_build.desired(built, made(commonMetadata=common), {})
    assert namespace.ref.kind == "Namespace"
    assert secret.object["data"] == {"k": "dg=="}
    assert "stringData" not in secret.object
    assert "status" not in secret.object
    assert secret.object["metadata"] == {
        "name": "s",
        "labels": {
            "own": "1",
            "team": "t",
            "kustomize.toolkit.fluxcd.io/name": "app",
            "kustomize.toolkit.fluxcd.io/namespace": "team",
        },
        "annotations": {"a": "b"},
    }
    again = kustomization_build.desired(built, made(commonMetadata=common), {})
    assert again[1].digest == secret.digest
    assert kustomization_build.desired(built, made(), {})[1].digest != secret.digest


def test_variables_are_filled_in() -> None:
    obj = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "${name}"},
        "data": {"a": "${x:-one}", "b": "$${kept}", "c": "${none}end", "n": "${count:=3}"},
    }
    filled = kustomization_substitute.substitute(obj, {"name": "n"})
    assert filled["metadata"]["name"] == "n"
    assert filled["data"] == {"a": "one", "b": "${kept}", "c": "end", "n": 3}
    marked = {**obj, "metadata": {"name": "x", "labels": {f"{GROUP}/substitute": "disabled"}}}
    assert kustomization_substitute.substitute(marked, {}) == marked


def test_a_variable_that_is_not_understood_is_refused() -> None:
    obj = {"apiVersion": "v1", "kind": "X", "metadata": {"name": "n"}, "a": "${a%b}"}
    with pytest.raises(ValueError, match="not understood"):
        kustomization_substitute.substitute(obj, {})
