"""Which clusters a folder of kubeconfigs gives."""

import pytest

from harness.cluster import given
from harness.errors import UsageError


def folder(tmp_path, *names: str):
    for name in names:
        (tmp_path / name).touch()
    return tmp_path


def test_the_management_cluster_comes_first(tmp_path):
    made = folder(tmp_path, "c2.kubeconfig", "management.kubeconfig", "a.kubeconfig", "notes.txt")

    assert given.members(made) == ("management", "a", "c2")


def test_files_of_a_mounted_secret_are_links(tmp_path):
    (tmp_path / "..data").mkdir()
    for name in ("c1", "management"):
        (tmp_path / "..data" / f"{name}.kubeconfig").touch()
        (tmp_path / f"{name}.kubeconfig").symlink_to(f"..data/{name}.kubeconfig")

    assert given.members(tmp_path) == ("management", "c1")


@pytest.mark.parametrize(
    ("names", "told"),
    [
        ([], "holds nothing: it needs management.kubeconfig"),
        (["c1.kubeconfig"], "holds c1.kubeconfig: it needs management.kubeconfig"),
        (["management.kubeconfig"], "one file for each attached cluster"),
        (["management.kubeconfig", "C_1.kubeconfig"], "names a cluster 'C_1'"),
    ],
)
def test_what_is_missing_is_told(tmp_path, names, told):
    with pytest.raises(UsageError, match=told):
        given.members(folder(tmp_path, *names))
