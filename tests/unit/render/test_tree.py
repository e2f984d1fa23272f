from pathlib import Path

import pytest

from harness.errors import HarnessBug
from harness.render import tree


def test_a_tree_is_read_and_written_unchanged(tmp_path: Path) -> None:
    files = {"a/b.yaml": b"x: 1\n", "c.bin": b"\xff\x00", "gitops/.gitkeep": b""}
    tree.write(files, tmp_path)
    assert tree.load(tmp_path) == files


def test_a_path_that_leaves_the_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(HarnessBug, match="leaves the folder"):
        tree.write({"../out.yaml": b""}, tmp_path)


def test_commits_are_in_order_and_have_no_gap(tmp_path: Path) -> None:
    for number in range(1, 12):
        tree.write({f"v{number}/x": b"1"}, tmp_path)
    assert list(tree.commits(tmp_path)) == [f"v{n}" for n in range(1, 12)]
    tree.write({"v14/x": b"1"}, tmp_path)
    with pytest.raises(HarnessBug, match="needs the folders v1, v2"):
        tree.commits(tmp_path)


def test_a_symbolic_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/")
    with pytest.raises(HarnessBug, match="symbolic link"):
        tree.load(tmp_path)
