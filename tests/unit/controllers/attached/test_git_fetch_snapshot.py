"""A branch fetched without git holds what git finds there, or is left to git."""

import contextlib
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.controllers import artifact, git_fetch
from harness.controllers import git_fetch_snapshot as snapshots
from harness.controllers.git_fetch import Git, Remote, TimedOut
from harness.controllers.git_fetch_glance import Connections
from harness.controllers.runtime import Retry
from tests.unit.controllers.attached.answering import RESULT, Answer, announced, answering

MAIN = "refs/heads/main"
Change = Callable[[bytes], bytes]


def git(where: Path, *arguments: str, stdin: bytes = b"") -> bytes:
    return subprocess.run(
        ["git", "-c", "user.name=n", "-c", "user.email=e@x", "-C", str(where), *arguments],
        check=True,
        capture_output=True,
        input=stdin,
    ).stdout


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Two commits with all that a tree can hold, and files that are packed as deltas."""
    where = tmp_path / "repo"
    where.mkdir()
    git(where, "init", "-q", "-b", "main")
    (where / "gitops" / "deep").mkdir(parents=True)
    (where / "gitops" / "deep" / "a.yaml").write_text("a: 1\n")
    (where / "gitops.yaml").write_text("sorted: before gitops/\n")
    (where / "binary").write_bytes(bytes(range(256)))
    (where / "run.sh").write_text("#!/bin/sh\n")
    (where / "run.sh").chmod(0o755)
    (where / "link").symlink_to("gitops.yaml")
    (where / ".gitattributes").write_text("binary export-ignore\n")
    long = "".join(f"line {n}\n" for n in range(2000))
    (where / "long-1").write_text(long)
    (where / "long-2").write_text(long + "more\n")
    git(where, "add", ".")
    git(where, "update-index", "--add", "--cacheinfo", "160000," + "1" * 40 + ",submodule")
    git(where, "commit", "-q", "-m", "\nThe subject\n\nThe body")
    git(where, "commit", "-q", "--allow-empty", "-m", "Second")
    git(where, "repack", "-q", "-a", "-d", "-f")
    return where


@pytest.fixture
def serve(repository: Path) -> Iterator[Callable[..., Remote]]:
    """Serves the repository as git does; the answer to the second request can be changed."""
    with contextlib.ExitStack() as servers:

        def start(change: Change = bytes, *, timeout: float = 20.0) -> Remote:
            def answer(asked: bytes | None) -> Answer:
                serving = ("upload-pack", "--stateless-rpc")
                if asked is None:
                    return Answer(announced(git(repository, *serving, "--advertise-refs", ".")))
                return Answer(change(git(repository, *serving, ".", stdin=asked)), RESULT)

            return Remote(servers.enter_context(answering(answer)), timeout)

        yield start


def test_it_agrees_with_git(repository: Path, serve: Callable[..., Remote], tmp_path: Path) -> None:
    """The same commit, files and archive, whichever way they came."""
    remote = serve()
    bare = git_fetch.prepare(tmp_path / "bare")
    commit = Git().fetch(remote, bare, MAIN)
    by_git = artifact.entries(Git().checkout(bare, commit))

    seen = Git().snapshot(remote, MAIN)

    assert seen
    assert seen.commit == commit
    assert git_fetch.subject(seen.message) == "Second"
    assert {entry.path: entry.content for entry in seen.entries} == {
        entry.path: entry.content for entry in by_git
    }
    assert "submodule" in {entry.path for entry in seen.entries}
    assert artifact.pack(seen.entries, ignore=None) == artifact.pack(by_git, ignore=None)


def test_the_subject_is_the_first_line(repository: Path, serve: Callable[..., Remote]) -> None:
    git(repository, "reset", "-q", "--soft", "HEAD^")
    seen = Git().snapshot(serve(), MAIN)
    assert seen
    assert git_fetch.subject(seen.message) == "The subject"


def test_a_branch_that_is_not_there_is_left_to_git(serve: Callable[..., Remote]) -> None:
    assert Git().snapshot(serve(), "refs/heads/none") is None


@pytest.mark.parametrize(
    "change",
    [
        lambda _: b"",
        lambda _: b"0008NAK\n",
        lambda said: said[:-1],
        lambda said: said[:-30],
        lambda said: said[: len(said) // 2],
        lambda said: said[:-25] + bytes([said[-25] ^ 1]) + said[-24:],
        lambda said: said.replace(b"PACK", b"KCAP"),
        lambda _: b"000eERR sorry\n" + b"0008NAK\n",
    ],
)
def test_a_pack_that_is_not_whole_is_left_to_git(
    serve: Callable[..., Remote], change: Change
) -> None:
    assert snapshots.snapshot(Connections(), serve(change), MAIN) is None


def test_every_cut_and_every_wrong_byte_is_noticed(serve: Callable[..., Remote]) -> None:
    """Nothing but None comes out, and no other exception, wherever it is broken."""
    answers: list[bytes] = []

    def keep(said: bytes) -> bytes:
        answers.append(said)
        return said

    whole = snapshots.snapshot(Connections(), serve(keep), MAIN)
    assert whole
    [said] = answers
    places = [*range(200), *range(200, len(said), 13)]
    broken = [said[:at] for at in places]
    inside = [at for at in places if at >= said.index(b"PACK")]
    broken += [said[:at] + bytes([said[at] ^ 0x5A]) + said[at + 1 :] for at in inside]
    remaining = iter(broken)
    remote = serve(lambda _: next(remaining))
    for _ in broken[:60]:
        assert snapshots.snapshot(Connections(), remote, MAIN) is None
    for answer in remaining:  # without the requests
        try:
            snapshots._opened(snapshots._pack(answer), whole.commit)
        except snapshots._BROKEN:
            continue
        pytest.fail("a broken pack was taken for whole")


def test_a_remote_that_does_not_answer_is_given_up(serve: Callable[..., Remote]) -> None:
    def late(said: bytes) -> bytes:
        time.sleep(1.0)
        return said

    with pytest.raises(TimedOut):
        Git().snapshot(serve(late, timeout=0.2), MAIN)


def test_a_stop_ends_what_waits_for_an_answer(serve: Callable[..., Remote]) -> None:
    asked = threading.Event()
    answer = threading.Event()

    def late(said: bytes) -> bytes:
        asked.set()
        answer.wait(30)
        return said

    program = Git()
    seen: list[object] = []
    fetching = threading.Thread(target=lambda: seen.append(program.snapshot(serve(late), MAIN)))
    fetching.start()
    assert asked.wait(20)
    program.stop()
    fetching.join(timeout=10)
    answer.set()
    assert seen == [None], "it is over before the answer"
    with pytest.raises(Retry):
        program.snapshot(serve(), MAIN)
