"""The writer of the bootstrap repository, with the genuine git on a repository of this machine."""

import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from harness.controllers import bootstrap_clone
from harness.controllers import bootstrap_layout as layout
from harness.controllers.bootstrap import Bootstrap, BootstrapError, effective
from harness.controllers.bootstrap_clone import Credentials, Remote


def git(directory: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(directory), *arguments], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


@pytest.fixture
def served(tmp_path: Path) -> Path:
    directory = tmp_path / "served.git"
    directory.mkdir()
    git(directory, "init", "--quiet", "--bare", "--initial-branch=main", ".")
    return directory


Pushed = list[set[layout.Place]]


@pytest.fixture
def pushed() -> Pushed:
    return []


@pytest.fixture
def bootstrap(served: Path, tmp_path: Path, pushed: Pushed) -> Iterator[Bootstrap]:
    remote = Remote(str(served), "main", None, Credentials("writer", "s3cret"))
    writer = Bootstrap(remote, tmp_path / "clone.git", on_push=pushed.append)
    writer.start()
    yield writer
    writer.stop()


def test_a_change_is_on_the_server_when_publish_returns(
    bootstrap: Bootstrap, served: Path, pushed: Pushed
) -> None:
    path = layout.manifest("c1", "shop", "apps")
    outcome = bootstrap.publish({path: "x: ä\n"}, why="test")
    assert outcome.changed
    assert git(served, "rev-parse", "main") == outcome.commit
    assert git(served, "show", f"main:{path}") == "x: ä"
    assert pushed == [{layout.Place("c1", "shop")}]
    assert git(served, "rev-parse", "projects/shop") == outcome.commit
    assert bootstrap.holders("shop", "apps") == {"c1"}


def test_what_is_there_already_makes_no_commit(bootstrap: Bootstrap, served: Path) -> None:
    first = bootstrap.publish({"a": "1"}, why="test")
    assert bootstrap.publish({"a": "1", "b": None}, why="test") == type(first)(first.commit, False)
    assert git(served, "rev-list", "--count", "main") == "1"


def test_directories_go_whole(bootstrap: Bootstrap, served: Path) -> None:
    kept = layout.keep("c1", "shop-2")
    bootstrap.publish({layout.keep("c1", "shop"): "", kept: "", "clusters/c1/shop/a": "1"}, why="x")
    assert bootstrap.clusters("shop") == {"c1"}
    assert {place.namespace for place in bootstrap.places("c1")} == {"shop", "shop-2"}
    bootstrap.publish({}, directories=("clusters/c1/shop",), why="y")
    assert git(served, "ls-tree", "-r", "--name-only", "main") == kept


def test_a_change_moves_the_branch_of_its_project_only(
    bootstrap: Bootstrap, served: Path, pushed: Pushed
) -> None:
    shop, bank = layout.keep("c1", "shop"), layout.keep("c2", "bank")
    first = bootstrap.publish({shop: "", bank: ""}, why="both").commit
    second = bootstrap.publish({layout.manifest("c1", "shop", "a"): "1"}, why="one").commit
    assert git(served, "rev-parse", "projects/shop") == second
    assert git(served, "rev-parse", "projects/bank") == first
    assert pushed[1:] == [{layout.Place("c1", "shop")}]


def test_the_branch_goes_with_the_last_file_of_a_project(
    bootstrap: Bootstrap, served: Path, pushed: Pushed
) -> None:
    files = {layout.keep("c1", "shop"): "", layout.keep("c2", "shop"): ""}
    bootstrap.publish(dict(files), why="two clusters")
    bootstrap.publish({layout.keep("c1", "shop"): None}, why="one less")
    assert "projects/shop" in git(served, "for-each-ref", "--format=%(refname)")
    bootstrap.publish({}, directories=("clusters/c2/shop",), why="none left")
    assert git(served, "for-each-ref", "--format=%(refname)") == "refs/heads/main"
    # Nobody is told to fetch a branch that is gone.
    assert pushed[-1] == set()
    again = bootstrap.publish(dict(files), why="a project of that name again").commit
    assert git(served, "rev-parse", "projects/shop") == again


def test_many_callers_share_commits_and_each_change_arrives(
    bootstrap: Bootstrap, served: Path
) -> None:
    bootstrap.publish({"begin": ""}, why="begin")
    with ThreadPoolExecutor(20) as pool:
        list(pool.map(lambda n: bootstrap.publish({f"f{n}": "1"}, why="many"), range(20)))
    assert len(git(served, "ls-tree", "--name-only", "main").splitlines()) == 21
    assert int(git(served, "rev-list", "--count", "main")) < 21


def test_somebody_elses_push_is_taken_in(
    bootstrap: Bootstrap, served: Path, tmp_path: Path
) -> None:
    bootstrap.publish({"a": "1"}, why="test")
    other = tmp_path / "other"
    git(tmp_path, "clone", "--quiet", str(served), str(other))
    (other / "b").write_text("2")
    git(other, "add", "b")
    author = ("-c", "user.name=o", "-c", "user.email=o@o")
    git(other, *author, "commit", "--quiet", "-m", "other")
    git(other, "push", "--quiet")
    outcome = bootstrap.publish({"c": "3"}, why="test")
    assert git(served, "ls-tree", "--name-only", "main").split() == ["a", "b", "c"]
    assert bootstrap.text("b") == "2"
    assert bootstrap.position(outcome.commit) == 2


def test_an_error_is_told_and_the_next_try_works(
    bootstrap: Bootstrap, served: Path, tmp_path: Path
) -> None:
    bootstrap.publish({"a": "1"}, why="test")
    away = served.rename(tmp_path / "away.git")
    with pytest.raises(BootstrapError, match="does not appear to be a git repository"):
        bootstrap.publish({"a": "2"}, why="test")
    assert bootstrap.text("a") == "1"
    assert not bootstrap.publish({"a": "1"}, why="what is there needs no server").changed
    away.rename(served)
    assert bootstrap.publish({"a": "2"}, why="test").changed
    assert git(served, "show", "main:a") == "2"


def test_commits_have_an_order(bootstrap: Bootstrap) -> None:
    first = bootstrap.publish({"a": "1"}, why="x").commit
    second = bootstrap.publish({"a": "2"}, why="x").commit
    assert (bootstrap.position(first), bootstrap.position(second)) == (0, 1)
    assert bootstrap.position("unknown") is None


def test_removing_a_directory_spares_what_is_put_back() -> None:
    files = {"d/a": "1", "d/b": "2", "e": "3"}
    assert effective(files, {"d/a": "1"}, ("d",)) == {"d/b": None}


def test_the_password_is_nowhere_but_in_the_environment() -> None:
    remote = Remote("https://h/r", "main", None, Credentials("writer", "s3cret"))
    assert "s3cret" not in repr(remote)
    values = remote.environment().values()
    assert any("Authorization: Basic" in value for value in values)


@pytest.mark.parametrize(
    ("stderr", "expected"),
    [
        (
            "fatal: unable to access 'https://h/': error 500\n",
            "unable to access 'https://h/': error 500",
        ),
        ("To https://h\n ! [rejected] main\nhint: fetch first\n", "! [rejected] main"),
        ("", "git failed without a word"),
    ],
)
def test_gits_complaint_becomes_one_line(stderr: str, expected: str) -> None:
    assert bootstrap_clone.explain(stderr) == expected
