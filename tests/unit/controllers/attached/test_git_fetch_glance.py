"""The look at a remote without git says what `git ls-remote` says, or leaves it to git."""

import contextlib
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.controllers import git_fetch_glance as glance
from harness.controllers.git_fetch import Remote
from tests.unit.controllers.attached.answering import (
    ADVERTISEMENT,
    Answer,
    announced,
    answering,
    packet,
)

COMMIT = "1" * 40


def advertisement(*lines: bytes) -> bytes:
    return announced(b"".join(map(packet, lines)) + b"0000")


@pytest.fixture
def serve() -> Iterator[Callable[..., str]]:
    """Serves one answer to every request; its URL."""
    with contextlib.ExitStack() as servers:

        def start(body: bytes, *, status: int = 200, kind: str = ADVERTISEMENT) -> str:
            return servers.enter_context(answering(lambda _: Answer(body, kind, status)))

        yield start


def test_references_are_read_and_filtered(serve: Callable[..., str]) -> None:
    """By whole trailing components, as git does."""
    body = advertisement(
        COMMIT.encode() + b" HEAD\0multi_ack symref=HEAD:refs/heads/main\n",
        COMMIT.encode() + b" refs/heads/main\n",
        COMMIT.encode() + b" refs/heads/not-main\n",
        COMMIT.encode() + b" refs/tags/v1\n",
        COMMIT.encode() + b" refs/tags/v1^{}\n",
    )
    remote = Remote(serve(body), 5.0)

    assert glance.references(glance.Connections(), remote, ["refs/heads/main"]) == {
        "refs/heads/main": COMMIT
    }
    assert set(glance.references(glance.Connections(), remote, ["refs/tags/*"]) or ()) == {
        "refs/tags/v1",
        "refs/tags/v1^{}",
    }
    assert len(glance.references(glance.Connections(), remote, []) or ()) == 5


def test_an_empty_repository_has_no_references(serve: Callable[..., str]) -> None:
    """Its advertisement has one line, of a commit that does not exist."""
    body = advertisement(b"0" * 40 + b" capabilities^{}\0multi_ack\n")

    assert glance.references(glance.Connections(), Remote(serve(body), 5.0), []) == {}


@pytest.mark.parametrize(
    ("body", "options"),
    [
        (b"Please log in", {"kind": "text/html"}),
        (b"", {"status": 401}),
        (b"", {"status": 302}),
        (b"", {}),
        (b"zzzz", {}),
        (packet(b"# service=git-upload-pack\n"), {}),
        (advertisement(b"no reference\n"), {}),
        (advertisement(COMMIT.encode() + b" refs/heads/main\n")[:-4], {}),
        (advertisement(COMMIT.encode() + b" refs/heads/main\n")[:-20], {}),
    ],
)
def test_whatever_is_no_good_answer_is_left_to_git(
    serve: Callable[..., str], body: bytes, options: dict[str, object]
) -> None:
    """None, whatever is wrong: git says it better."""
    assert glance.references(glance.Connections(), Remote(serve(body, **options), 5.0), []) is None


@pytest.mark.parametrize(
    "remote",
    [
        Remote("ssh://git@127.0.0.1/org/repo", 5.0),
        Remote("http://127.0.0.1:9/org/repo", 1.0),
        Remote("http://127.0.0.1:9/r", 1.0, environment={"GIT_SSL_NO_VERIFY": "1"}),
        Remote("http://127.0.0.1:9/r", 1.0, settings={"http.proxy": "x"}),
    ],
)
def test_what_is_not_understood_is_left_to_git(remote: Remote) -> None:
    """Other transports, other settings, nobody there."""
    assert glance.references(glance.Connections(), remote, []) is None


def test_it_agrees_with_git(tmp_path: Path, serve: Callable[..., str]) -> None:
    """The advertisement of a real repository, read by both."""
    run = ["git", "-c", "user.name=n", "-c", "user.email=e@x"]
    where = tmp_path / "repo"
    subprocess.run([*run, "init", "-q", "-b", "main", where], check=True)
    subprocess.run([*run, "-C", where, "commit", "-q", "--allow-empty", "-m", "m"], check=True)
    subprocess.run([*run, "-C", where, "tag", "-a", "v1", "-m", "t"], check=True)
    body = subprocess.run(
        ["git", "upload-pack", "--stateless-rpc", "--advertise-refs", where],
        check=True,
        capture_output=True,
    ).stdout
    listed = subprocess.run(
        ["git", "ls-remote", "--quiet", where], check=True, capture_output=True, text=True
    ).stdout
    remote = Remote(serve(announced(body)), 5.0)

    seen = glance.references(glance.Connections(), remote, [])

    assert seen == {n: c for c, n in (line.split("\t") for line in listed.splitlines())}
