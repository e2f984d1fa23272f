"""Archives: the same bytes for the same content, without what does not belong into them."""

import io
import subprocess
import tarfile
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from harness.controllers import artifact, artifact_ignore
from harness.controllers.artifact_storage import Storage
from harness.controllers.runtime import Key


def checkout(
    files: dict[str, str], *, mtime: int = 0, links: dict[str, str] | None = None
) -> list[artifact.Entry]:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for directory in sorted({name.rpartition("/")[0] for name in files} - {""}):
            entry = tarfile.TarInfo(directory)
            entry.type = tarfile.DIRTYPE
            tar.addfile(entry)
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mtime = len(content), mtime
            tar.addfile(entry, io.BytesIO(content.encode()))
        for name, target in (links or {}).items():
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = tarfile.SYMTYPE, target
            tar.addfile(entry)
    return artifact.entries(buffer.getvalue())


def packed(files: dict[str, str], ignore: str | None = None) -> artifact.Tree:
    return artifact.unpack(artifact.pack(checkout(files), ignore=ignore))


def test_equal_content_gives_equal_bytes() -> None:
    files = {"a.yaml": "a", "dir/b.yaml": "b"}
    one = artifact.pack(checkout(files, mtime=1), ignore=None)
    other = artifact.pack(checkout(dict(reversed(files.items())), mtime=2), ignore=None)
    assert one == other
    assert artifact.digest(one) == artifact.digest(other)


def test_the_content_comes_back_with_its_directories() -> None:
    tree = packed({"a.yaml": "a", "dir/deep/b.yaml": "b", "img/logo.png": "x"})
    assert tree.files == {"a.yaml": b"a", "dir/deep/b.yaml": b"b"}
    assert tree.has_directory("")
    assert tree.has_directory("dir")
    assert tree.has_directory("img"), "a directory stays when all its files are left out"
    assert not tree.has_directory("a.yaml")
    assert set(tree.below("dir")) == {"dir/deep/b.yaml"}


def test_symbolic_links_are_left_out() -> None:
    tree = artifact.unpack(artifact.pack(checkout({"a": "a"}, links={"l": "a"}), ignore=None))
    assert set(tree.files) == {"a"}


def test_patterns_add_up_and_the_last_one_decides() -> None:
    files = {
        ".sourceignore": "*.md\n",
        "sub/.sourceignore": "/only-here\n",
        "readme.md": "",
        "keep.md": "",
        "logo.png": "",
        "only-here": "",
        "sub/only-here": "",
        ".github/x.yaml": "",
        ".gitignore": "",
        ".gitkeep": "",
    }
    tree = packed(files, ignore="!keep.md\n!logo.png\n")
    assert set(tree.files) == {
        ".sourceignore",
        "sub/.sourceignore",
        "keep.md",
        "logo.png",
        "only-here",
        ".gitkeep",
    }


def test_what_is_no_archive_is_refused() -> None:
    with pytest.raises(ValueError, match=r"not a tar\.gz"):
        artifact.unpack(b"hello")


PATTERNS = """\
*.log
!keep.log
/root.txt
docs/
a/b
**/deep.txt
left/**
x/**/y
[ab].txt
[!a-c].bin
q?.txt
\\!bang
# comment
"""
PATHS = [
    "x.log", "sub/x.log", "keep.log", "sub/keep.log", "root.txt", "sub/root.txt", "docs/a",
    "sub/docs/a", "a/b", "a/b/c", "sub/a/b", "deep.txt", "s/t/deep.txt", "left/1", "left/2/3",
    "x/y", "x/1/y", "x/1/2/y", "a.txt", "c.txt", "d.bin", "a.bin", "q1.txt", "q12.txt", "!bang",
    "plain",
]  # fmt: skip


def test_patterns_mean_what_git_means(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    (tmp_path / ".git" / "info" / "exclude").write_text(PATTERNS)
    for path in PATHS:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        if not (tmp_path / path).exists():
            (tmp_path / path).touch()
        if path == "a/b":  # a file for this question, a directory for the next one
            (tmp_path / path).unlink()
    said = subprocess.run(
        ["git", "-C", str(tmp_path), "check-ignore", "--no-index", "--stdin"],
        input="\n".join(PATHS),
        capture_output=True,
        text=True,
        check=False,
    )
    ours = artifact_ignore.parse(PATTERNS.splitlines())
    left_out = {path for path in PATHS if artifact_ignore.is_left_out(ours, path)}
    assert left_out == {line.strip('"').replace("\\\\", "\\") for line in said.stdout.splitlines()}


def test_archives_are_served_and_old_ones_go(tmp_path: Path) -> None:
    storage = Storage(tmp_path)
    storage.start()
    try:
        key = Key("team", "app")
        paths = [storage.path(key, name * 40) for name in "abc"]
        for path in paths:
            storage.write(path, path.encode())
        assert [storage.has(path) for path in paths] == [False, True, True]
        with urllib.request.urlopen(storage.url(paths[2])) as answer:
            assert answer.read() == paths[2].encode()
        with pytest.raises(urllib.error.HTTPError) as missing:
            urllib.request.urlopen(storage.url("gitrepository/"))
        missing.value.close()
        port = storage.url("").split(":")[2]
        storage.remove(key)
        assert not storage.has(paths[2])
    finally:
        storage.stop()
    again = Storage(tmp_path)
    assert again.url("").split(":")[2] == port, "addresses in the status outlive the process"
    again.stop()
