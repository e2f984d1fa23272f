"""The git program: what it is asked, and what its complaints mean."""

import subprocess
from pathlib import Path

import pytest

from harness.controllers import git_fetch, git_fetch_errors
from harness.controllers.git_fetch import Git, GitFailed, Remote
from harness.controllers.runtime import Retry


def git(directory: Path, *arguments: str) -> str:
    return subprocess.run(
        ["git", "-c", "user.name=n", "-c", "user.email=e@x", "-C", str(directory), *arguments],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()


@pytest.fixture
def remote(tmp_path: Path) -> Remote:
    directory = tmp_path / "remote"
    directory.mkdir()
    git(directory, "init", "--quiet", "--initial-branch=main")
    return Remote(str(directory), 20.0, environment={"GIT_ALLOW_PROTOCOL": "file"})


def commit(remote: Remote, message: str, **files: str) -> str:
    directory = Path(remote.url)
    for name, content in files.items():
        (directory / name).write_text(content)
    git(directory, "add", ".")
    git(directory, "commit", "--quiet", "--allow-empty", "-m", message)
    return git(directory, "rev-parse", "HEAD")


def test_a_branch_is_listed_fetched_and_read(remote: Remote, tmp_path: Path) -> None:
    sha = commit(remote, "The subject\n\nThe body", file="text")
    repository = git_fetch.prepare(tmp_path / "bare")
    program = Git()
    assert program.references(remote, ["refs/heads/main"]) == {"refs/heads/main": sha}
    assert program.fetch(remote, repository, "refs/heads/main") == sha
    assert program.subject(repository, sha) == "The subject"
    assert b"file" in program.checkout(repository, sha)


def test_a_repository_cannot_keep_files_out_by_attributes(remote: Remote, tmp_path: Path) -> None:
    attributes = "secret export-ignore\nfile export-subst\n"
    sha = commit(remote, "x", file="$Format:%H$", secret="s", **{".gitattributes": attributes})
    repository = git_fetch.prepare(tmp_path / "bare")
    Git().fetch(remote, repository, "refs/heads/main")
    content = Git().checkout(repository, sha)
    assert b"secret" in content
    assert b"$Format:%H$" in content


def test_an_annotated_tag_is_listed_with_its_commit(remote: Remote) -> None:
    sha = commit(remote, "x")
    git(Path(remote.url), "tag", "-a", "v1", "-m", "tag")
    listed = Git().references(remote, ["refs/tags/v1", "refs/tags/v1^{}"])
    assert listed["refs/tags/v1"] != sha
    assert listed["refs/tags/v1^{}"] == sha


def test_an_older_commit_is_found_in_the_history(remote: Remote, tmp_path: Path) -> None:
    old = commit(remote, "one", file="1")
    commit(remote, "two", file="2")
    repository = git_fetch.prepare(tmp_path / "bare")
    Git().fetch_history(remote, repository, ["refs/heads/*"])
    assert Git().has_commit(repository, old)
    assert not Git().has_commit(repository, "0" * 40)


def test_a_missing_branch_is_told_from_other_failures(remote: Remote, tmp_path: Path) -> None:
    commit(remote, "x")
    with pytest.raises(GitFailed) as failed:
        Git().fetch(remote, git_fetch.prepare(tmp_path / "bare"), "refs/heads/none")
    assert git_fetch_errors.is_missing_reference(failed.value.said)


def test_a_remote_that_hangs_is_given_up_with_all_its_helpers(tmp_path: Path) -> None:
    # `ext::` runs a command as the remote: one that never answers.
    hanging = Remote("ext::sleep 60", 0.3, environment={"GIT_ALLOW_PROTOCOL": "ext"})
    with pytest.raises(GitFailed, match="deadline exceeded"):
        Git().references(hanging)


def test_nothing_is_started_after_the_stop(remote: Remote) -> None:
    program = Git()
    program.stop()
    with pytest.raises(Retry):
        program.references(remote)


CASES = [
    (
        "fatal: could not read Username for 'http://127.0.0.1:1': terminal prompts disabled",
        "authentication required",
    ),
    ("fatal: Authentication failed for 'https://host/x'", "authentication required"),
    (
        "fatal: unable to access 'http://h/x/': The requested URL returned error: 403",
        "authorization failed",
    ),
    ("remote: no\nfatal: repository 'http://h/x/' not found", "repository not found"),
    (
        "fatal: unable to access 'https://h/': server certificate verification failed. "
        "CAfile: none CRLfile: none",
        "x509: certificate signed by unknown authority",
    ),
    (
        "fatal: unable to access 'https://h/': SSL certificate problem: self-signed certificate",
        "x509: certificate signed by unknown authority",
    ),
    (
        "fatal: unable to access 'https://h/': error reading ca cert file /x/ca.crt",
        "x509: certificate signed by unknown authority",
    ),
    (
        "fatal: unable to access 'https://h/': SSL certificate problem: certificate has expired",
        "x509: certificate has expired or is not yet valid",
    ),
    (
        "fatal: unable to access 'https://h/': SSL: certificate subject name (a) does not match "
        "target host name 'b'",
        "x509: certificate is valid for other names than the one asked for",
    ),
    (
        "fatal: unable to access 'https://h/': gnutls_handshake() failed: An unexpected TLS packet "
        "was received.",
        "http: server gave HTTP response to HTTPS client",
    ),
    (
        "fatal: unable to access 'http://h:9/': Failed to connect to h port 9 after 0 ms: "
        "Couldn't connect to server",
        "connect: connection refused",
    ),
    ("fatal: unable to access 'http://h/': Could not resolve host: h", "no such host"),
    ("fatal: couldn't find remote ref refs/heads/x", 'couldn\'t find remote ref "refs/heads/x"'),
    (
        "@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @\nHost key verification failed.",
        "ssh: handshake failed: knownhosts: key mismatch",
    ),
    (
        "No ED25519 host key is known for [h]:1 and you have requested strict checking.\n"
        "Host key verification failed.",
        "ssh: handshake failed: knownhosts: key is unknown",
    ),
    ("git@h: Permission denied (publickey).", git_fetch_errors.NO_MATCHING_KEY),
    ("fatal: unable to update url base from redirection:\n asked for: x", "redirect was refused"),
    ("context deadline exceeded", "context deadline exceeded"),
]


@pytest.mark.parametrize(("said", "meaning"), CASES)
def test_a_complaint_is_translated(said: str, meaning: str) -> None:
    assert meaning in git_fetch_errors.explain(said)


def test_an_unknown_complaint_shows_no_address() -> None:
    said = "hint: x\nfatal: strange thing at https://bob:s3cr3t@host/x happened"
    assert git_fetch_errors.explain(said) == (
        "unexpected git error: fatal: strange thing at <url> happened"
    )
