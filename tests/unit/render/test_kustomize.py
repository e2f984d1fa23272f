from pathlib import Path

import pytest
import yaml

from harness.render import kustomize, tree

CONFIG = b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {a: b}\n"


def test_the_generated_file_lists_manifests_and_packaged_folders(tmp_path: Path) -> None:
    tree.write(
        {
            "b.yaml": CONFIG,
            "deep/er/a.yml": CONFIG,
            "packaged/kustomization.yaml": b"resources: [x.yaml]\n",
            "packaged/x.yaml": b"not: looked at\n",
            "notes.md": b"",
            "comment.yaml": b"# nothing\n",
        },
        tmp_path,
    )
    content = yaml.safe_load(kustomize.generate(tmp_path).read_text())
    assert content["resources"] == ["b.yaml", "comment.yaml", "deep/er/a.yml", "packaged"]
    assert "namespace" not in content


def test_a_kustomization_of_its_own_only_gets_the_namespace(tmp_path: Path) -> None:
    tree.write({"kustomization.yml": b"resources: [a.yaml]\n", "a.yaml": CONFIG}, tmp_path)
    made = kustomize.generate(tmp_path, target_namespace="proj")
    assert made.name == "kustomization.yml"
    assert yaml.safe_load(made.read_text()) == {"resources": ["a.yaml"], "namespace": "proj"}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"a: [\n", "failed to decode Kubernetes YAML from .*deep/bad.yaml"),
        (b"replicas: 2\n", "missing Resource metadata"),
        (b"kind: ConfigMap\napiVersion: v1\n", "missing metadata.name"),
        (b"- a\n", "missing Resource metadata"),
        (b"a: 1\na: 2\n", "twice"),
    ],
)
def test_one_bad_file_fails_the_whole_folder(tmp_path: Path, content: bytes, said: str) -> None:
    tree.write({"good.yaml": CONFIG, "deep/bad.yaml": content}, tmp_path)
    with pytest.raises(kustomize.BuildError, match=said):
        kustomize.generate(tmp_path)


def test_an_empty_folder_builds_to_nothing(tmp_path: Path, kubectl: Path) -> None:
    tree.write({".gitkeep": b""}, tmp_path)
    kustomize.generate(tmp_path)
    assert kustomize.build(kubectl, tmp_path) == []


def test_what_looks_like_a_date_or_a_number_stays_text(tmp_path: Path, kubectl: Path) -> None:
    data = '{date: "2024-02-29", yes: "yes", exponent: "1e3", time: "12:30:45", octal: "0644"}'
    text = CONFIG.decode().replace("{a: b}", data)
    tree.write({"a.yaml": text.encode()}, tmp_path)
    kustomize.generate(tmp_path)
    [built] = kustomize.build(kubectl, tmp_path)
    assert built["data"] == yaml.load(data, Loader=yaml.BaseLoader)


def test_the_same_object_twice_is_refused(tmp_path: Path, kubectl: Path) -> None:
    tree.write({"a.yaml": CONFIG, "b.yaml": CONFIG}, tmp_path)
    kustomize.generate(tmp_path)
    with pytest.raises(kustomize.BuildError, match="already registered id") as caught:
        kustomize.build(kubectl, tmp_path)
    assert str(tmp_path) not in str(caught.value)


@pytest.mark.parametrize(
    "reference",
    ["/etc/hostname", "../../secret.txt", "key=/etc/hostname"],
)
def test_nothing_outside_of_the_artifact_is_read(
    tmp_path: Path, kubectl: Path, reference: str
) -> None:
    generator = f"configMapGenerator: [{{name: a, files: ['{reference}']}}]\n"
    tree.write({"artifact/app/kustomization.yaml": generator.encode()}, tmp_path)
    (tmp_path / "secret.txt").write_text("outside")
    with pytest.raises(kustomize.BuildError, match="outside of the artifact"):
        kustomize.build(kubectl, tmp_path / "artifact/app", root=tmp_path / "artifact")


def test_remote_bases_are_off_and_urls_elsewhere_are_not_mistaken(
    tmp_path: Path, kubectl: Path
) -> None:
    remote = b"resources: ['https://example.com/base.yaml']\n"
    tree.write({"remote/kustomization.yaml": remote}, tmp_path)
    with pytest.raises(kustomize.BuildError, match="remote resources are off"):
        kustomize.build(kubectl, tmp_path / "remote")
    local = b"configMapGenerator: [{name: a, literals: ['home=https://example.com/../x']}]\n"
    tree.write({"local/kustomization.yaml": local}, tmp_path)
    assert len(kustomize.build(kubectl, tmp_path / "local")) == 1


def test_a_git_base_is_not_cloned(tmp_path: Path, kubectl: Path) -> None:
    tree.write({"kustomization.yaml": b"resources: ['github.com/org/repo?ref=main']\n"}, tmp_path)
    with pytest.raises(kustomize.BuildError):
        kustomize.build(kubectl, tmp_path)


def test_a_kubectl_that_is_not_there_is_told_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(kustomize.BuildError, match="could not be started"):
        kustomize.build(tmp_path / "nothing", tmp_path)
