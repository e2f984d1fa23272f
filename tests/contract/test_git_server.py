"""
The Git server, asked by the genuine `git` and `ssh`: transports, access, faults, log.

The same for a process of this machine and for a container on a Docker network; the latter is
skipped, with the reason, where there is no Docker or no image.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from harness.cluster import docker, fleet, holdings
from harness.containers import git as containers
from harness.containers import harness_image
from harness.errors import NotYet, SetupError
from harness.gitserver import credentials
from harness.gitserver.access import Access, Account, Admin, Key
from harness.gitserver.client import GitServer, GitServerError, Repository
from harness.gitserver.config import Config

ROOT = Path(__file__).parents[2]
GOOD_TRANSPORTS = ("http", "https-trusted", "https-private", "ssh")
KINDS = ("refuse", "401", "403", "404", "500", "cut", "empty")
THREE_MB = os.urandom(3_000_000)
ADMIN_KEY = credentials.ssh_key("admin")
ADMIN = Admin("admin", credentials.password(), ADMIN_KEY.fingerprint)


@dataclass
class Bench:
    """A running server, and what its clients hold."""

    place: Place
    server: GitServer
    control: str
    token: str
    admin: Admin
    admin_key: credentials.SshKey
    reader: Account
    reader_key: credentials.SshKey
    stranger_key: credentials.SshKey
    names: Iterator[int] = field(default_factory=lambda: iter(range(1000)))

    def repository(self, access: Access | None = None) -> Repository:
        repository = self.server.create_repository(
            f"org/team/app-{next(self.names)}", access=access or self.basic()
        )
        repository.commit({"a.yaml": "a: 1\n", "deep/er/b.yaml": "b: 2\n"}, message="one")
        return repository

    def basic(self) -> Access:
        key = Key("c1-key", self.reader_key.fingerprint)
        return Access(mode="basic", accounts=(self.reader,), keys=(key,))

    def secrets(self) -> list[str]:
        kept = (self.token, self.admin.password, self.reader.password, *self.reader.tokens)
        return [secret for secret in kept if secret]


def launch(
    directory: Path, config: Config, *options: str
) -> tuple[subprocess.Popen[bytes], dict[str, Any]]:
    config.write(directory / "config.json")
    ready = directory / "ready.json"
    with (directory / "server.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "harness.gitserver", "--config", str(directory / "config.json"),
             "--ready", str(ready), *options],
            cwd=ROOT, stdin=subprocess.PIPE, stderr=log,
        )  # fmt: skip
    deadline = time.monotonic() + 20
    while not ready.exists():
        assert process.poll() is None, (directory / "server.log").read_text()
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return process, json.loads(ready.read_text())


@dataclass
class OnHost:
    """A process of this machine."""

    process: subprocess.Popen[bytes]
    directory: Path

    def log(self, server: GitServer) -> tuple[str, int]:
        """The access log on disk, and the mode of its file."""
        path = Path(server.endpoints.log)
        return path.read_text(), path.stat().st_mode

    def words(self) -> list[str]:
        """What others can read of the server: its output, its arguments, its environment."""
        return [
            (self.directory / "server.log").read_text(),
            (self.directory / "ready.json").read_text(),
            Path(f"/proc/{self.process.pid}/cmdline").read_text(),
            Path(f"/proc/{self.process.pid}/environ").read_text(),
        ]

    def await_end(self) -> int:
        """Its exit status."""
        status = self.process.wait(5)
        if self.process.stdin:
            self.process.stdin.close()
        return status


@dataclass
class InContainer:
    """A container on a network of ours."""

    name: str
    output: Path

    def log(self, server: GitServer) -> tuple[str, int]:
        name, _, path = server.endpoints.log.partition(":")
        assert name == self.name
        mode = docker.run("exec", name, "stat", "-c", "%f", path)
        return docker.run("exec", name, "cat", path), int(mode, 16)

    def words(self) -> list[str]:
        image = docker.run("inspect", "--format", "{{.Image}}", self.name)
        return [
            self.output.read_text(),
            docker.run("inspect", self.name),
            docker.run("history", "--no-trunc", image),
            docker.run("exec", self.name, "cat", "/proc/1/cmdline", "/proc/1/environ"),
        ]

    def await_end(self) -> int:
        return int(docker.run("wait", self.name))


Place = OnHost | InContainer


@pytest.fixture(scope="module", params=["host", "container"])
def bench(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Bench]:
    directory = tmp_path_factory.mktemp("git-server")
    place = {"host": on_host, "container": in_container}[request.param]
    with place(directory) as made:
        yield made
        made.server.stop()
        assert made.place.await_end() == 0


@contextlib.contextmanager
def on_host(directory: Path) -> Iterator[Bench]:
    config = Config(directory=str(directory / "state"), token=credentials.token(), admin=ADMIN)
    process, ready = launch(directory, config, "--parent", str(os.getpid()))
    yield bench_of(OnHost(process, directory), ready["control"], config.token, ADMIN)


@contextlib.contextmanager
def in_container(directory: Path) -> Iterator[Bench]:
    try:
        base = os.environ.get(harness_image.BASE_VARIABLE, "")
        image = harness_image.provide(base, print, within=300)
    except SetupError as error:
        pytest.skip(f"no Git server in a container: {error}")
    with fleet.hold(state=directory / "fleets", logs=directory / "logs") as lease:
        held = holdings.record(lease.directory, [])
        docker.create_network(held.network, held.label)
        configuration = replace(containers.settings(), admin=ADMIN)
        launched = containers.InContainers(lease, image).start("git-server", configuration)
        launched.await_ready(within=30).close()
        place = InContainer(f"{held.id}-git-server", launched.process.log)
        yield bench_of(place, launched.control_url, launched.token, ADMIN)
    assert docker.labelled(held.label) == []
    assert docker.networks(held.label) == []


def bench_of(place: Place, control: str, token: str, admin: Admin) -> Bench:
    reader = Account("c1", credentials.password(), (credentials.token(),))
    return Bench(
        place, GitServer(control, token), control, token, admin, ADMIN_KEY, reader,
        credentials.ssh_key(), credentials.ssh_key(),
    )  # fmt: skip


class Git:
    """The genuine client with a home of its own."""

    def __init__(self, bench: Bench, home: Path) -> None:
        self.bench = bench
        self.home = home
        self.ca: str | None = None
        self.known_hosts = "ssh"
        self.key = bench.reader_key

    def __call__(self, *arguments: str, cwd: Path | None = None, ok: bool = True) -> str:
        command = ["git", "-c", "user.name=t", "-c", "user.email=t@example.com", *arguments]
        done = subprocess.run(
            command, cwd=cwd or self.home, env=self.environment(), capture_output=True, text=True,
            timeout=30, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        assert (done.returncode == 0) == ok, f"{command}: {done.returncode}\n{done.stderr}"
        return done.stdout + done.stderr

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            ["git", *arguments], env=self.environment(), cwd=self.home,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip

    def environment(self) -> dict[str, str]:
        endpoints = self.bench.server.endpoints
        (self.home / "known_hosts").write_text(endpoints.known_hosts[self.known_hosts])
        identity = self.home / f"id-{self.key.fingerprint[7:15].replace('/', '_')}"
        if not identity.exists():
            identity.write_text(self.key.private)
            identity.chmod(0o600)
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_TERMINAL_PROMPT": "0",
            "LC_ALL": "C",
            "GIT_SSH_COMMAND": f"ssh -F /dev/null -i {identity} -o IdentitiesOnly=yes "
            f"-o StrictHostKeyChecking=yes -o UserKnownHostsFile={self.home}/known_hosts "
            "-o GlobalKnownHostsFile=/dev/null -o BatchMode=yes",
        }
        if self.ca:
            (self.home / "ca.pem").write_text(endpoints.authorities[self.ca])
            environment["GIT_SSL_CAINFO"] = str(self.home / "ca.pem")
        return environment

    def url(self, repository: Repository, transport: str, who: str = "reader") -> str:
        """A URL for which credentials lie ready in the home: those of `who`."""
        self.key = {"reader": self.bench.reader_key, "admin": self.bench.admin_key}[who]
        if transport.startswith("ssh"):
            return repository.url(transport)  # type: ignore[arg-type]
        if transport.startswith("https"):
            self.ca = "trusted" if transport == "https-trusted" else "private"
        account = self.bench.admin if who == "admin" else self.bench.reader
        self.remember(repository, transport, account.name, account.password or "")
        return repository.url(transport, user=account.name)  # type: ignore[arg-type]

    def remember(self, repository: Repository, transport: str, user: str, secret: str) -> None:
        root = repository.url(transport, user=f"{user}")  # type: ignore[arg-type]
        scheme, _, rest = root.partition("://")
        stored = f"{scheme}://{user}:{secret}@{rest.partition('@')[2].partition('/')[0]}\n"
        (self.home / "stored").write_text(stored)
        (self.home / ".gitconfig").write_text(
            f"[credential]\n\thelper = store --file {self.home}/stored\n"
        )


@pytest.fixture
def git(bench: Bench, tmp_path: Path) -> Git:
    return Git(bench, tmp_path)


# --- transports ---------------------------------------------------------------------------------


@pytest.mark.parametrize("transport", GOOD_TRANSPORTS)
def test_clone_list_and_fetch(bench: Bench, git: Git, tmp_path: Path, transport: str) -> None:
    repository = bench.repository()
    url = git.url(repository, transport)

    assert str(repository.head()) in git("ls-remote", url)
    git("clone", "-q", url, "copy")
    assert (tmp_path / "copy/deep/er/b.yaml").read_text() == "b: 2\n"
    second = repository.commit({"a.yaml": "a: 2\n"}, message="two")
    git("fetch", "-q", cwd=tmp_path / "copy")
    assert git("rev-parse", "origin/main", cwd=tmp_path / "copy").strip() == second

    entries = repository.log()
    assert {entry.outcome for entry in entries} <= {"ok", "401"}
    assert {entry.transport for entry in entries} == {transport}
    served = [entry for entry in entries if entry.outcome == "ok"]
    assert {entry.account for entry in served} == {"c1-key" if transport == "ssh" else "c1"}
    assert {entry.protocol for entry in served} == {2}
    assert served[-1].service == "upload-pack"
    assert served[-1].wants == (second,)


@pytest.mark.parametrize("transport", GOOD_TRANSPORTS)
@pytest.mark.parametrize("version", ["0", "1", "2"])
def test_shallow_and_filtered_clone(
    bench: Bench, git: Git, tmp_path: Path, transport: str, version: str
) -> None:
    repository = bench.repository()
    repository.commit({"a.yaml": "a: 2\n"})
    protocol = f"protocol.version={version}"
    url = git.url(repository, transport)

    git("-c", protocol, "clone", "-q", "--depth", "1", url, "shallow")
    assert git("rev-list", "--count", "HEAD", cwd=tmp_path / "shallow").strip() == "1"
    git("-c", protocol, "clone", "-q", "--filter=blob:none", "--no-checkout", url, "partial")
    missing = git("rev-list", "--objects", "--all", "--missing=print", cwd=tmp_path / "partial")
    assert missing.count("?") == 3

    served = [entry for entry in repository.log() if entry.outcome == "ok"]
    assert {entry.protocol for entry in served} == {int(version)}


@pytest.mark.parametrize("suffix", ["", ".git"])
@pytest.mark.parametrize("transport", ["http", "ssh"])
def test_name_with_and_without_git(bench: Bench, git: Git, transport: str, suffix: str) -> None:
    repository = bench.repository()
    url = git.url(repository, transport).removesuffix(".git") + suffix
    assert "refs/heads/main" in git("ls-remote", url)


@pytest.mark.parametrize("transport", GOOD_TRANSPORTS)
def test_push_of_three_megabytes(bench: Bench, git: Git, tmp_path: Path, transport: str) -> None:
    repository = bench.repository()
    url = git.url(repository, transport, "admin")
    copy = tmp_path / "copy"
    git("clone", "-q", url, "copy")
    (copy / "large.bin").write_bytes(THREE_MB)
    git("add", ".", cwd=copy)
    git("commit", "-q", "-m", "large", cwd=copy)
    git("push", "-q", "origin", "HEAD:main", cwd=copy)

    assert repository.read("large.bin") == THREE_MB
    pushed = repository.wait_log(lambda e: e.operation == "push", within=2)
    assert (pushed.outcome, pushed.account) == ("ok", "admin")
    git("clone", "-q", url, "again")
    assert (tmp_path / "again/large.bin").read_bytes() == THREE_MB
    # The API goes on where the push ended.
    sha = repository.commit({"after.yaml": "x: 1\n"})
    assert [made.message for made in repository.commits()] == ["Change", "large\n", "one"]
    git("fetch", "-q", cwd=copy)
    assert git("rev-parse", "origin/main", cwd=copy).strip() == sha


def test_large_negotiation_is_gzipped(bench: Bench, git: Git, tmp_path: Path) -> None:
    # Many haves: git compresses the request; it must come out right on our side.
    repository = bench.repository(Access())
    for number in range(60):
        repository.commit({"n.yaml": f"n: {number}\n"})
    url = repository.url()
    git("clone", "-q", url, "copy")
    for number in range(40):
        git("commit", "-q", "--allow-empty", "-m", f"mine {number}", cwd=tmp_path / "copy")
    repository.commit({"n.yaml": "n: 99\n"})
    for version in ("0", "2"):
        git("-c", f"protocol.version={version}", "fetch", "-q", cwd=tmp_path / "copy")
    assert git("rev-parse", "origin/main", cwd=tmp_path / "copy").strip() == repository.head()


@pytest.mark.parametrize(
    ("transport", "ca", "sentence"),
    [
        ("https-trusted", "private", "certificate"),
        ("https-private", "trusted", "certificate"),
        ("https-private", None, "certificate"),
        ("https-wrong-name", "private", "name"),
        ("https-expired", "private", "certificate"),
    ],
)
def test_flawed_certificate_is_refused(
    bench: Bench, git: Git, transport: str, ca: str | None, sentence: str
) -> None:
    repository = bench.repository(Access())
    position = bench.server.position()
    git.ca = ca
    assert sentence in git("ls-remote", repository.url(transport), ok=False)  # type: ignore[arg-type]
    seen = bench.server.wait_log(
        lambda entry: entry.transport == transport, within=5, since=position
    )
    assert (seen.outcome, seen.repository) == ("tls-failed", None)


@pytest.mark.parametrize(
    ("transport", "reason"),
    [("https-expired", "certificate has expired"), ("https-wrong-name", "mismatch")],
)
def test_only_its_own_flaw_is_wrong_with_a_certificate(
    bench: Bench, transport: str, reason: str
) -> None:
    endpoints = bench.server.endpoints
    url = urlsplit(endpoints.urls[transport])
    context = ssl.create_default_context(cadata=endpoints.authorities["private"])
    connection = http.client.HTTPSConnection(url.hostname or "", url.port, context=context)
    with pytest.raises(ssl.SSLCertVerificationError, match=reason):
        connection.connect()
    connection.close()


@pytest.mark.parametrize(
    ("transport", "known_hosts"),
    [("ssh-wrong-host-key", "ssh-wrong-host-key"), ("ssh", "mismatch"), ("ssh", "unknown")],
)
def test_wrong_host_key_is_refused(
    bench: Bench, git: Git, transport: str, known_hosts: str
) -> None:
    repository = bench.repository()
    position = bench.server.position()
    git.known_hosts = known_hosts
    assert "Host key verification failed" in git("ls-remote", repository.url(transport), ok=False)  # type: ignore[arg-type]
    seen = bench.server.wait_log(
        lambda entry: entry.transport == transport, within=5, since=position
    )
    assert seen.outcome == "ssh-disconnected"


# --- access -------------------------------------------------------------------------------------


def accounts_of(mode: str) -> Access:
    account = Account("c1", "right-password", ("right-token",))
    return Access(mode=mode, accounts=(account,))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("mode", "user", "secret", "outcome"),
    [
        ("anonymous", None, None, "ok"),
        ("basic", "c1", "right-password", "ok"),
        ("basic", "c1", "wrong", "401"),
        ("basic", "c2", "right-password", "401"),
        ("basic", "c1", "right-token", "401"),
        ("basic", None, None, "401"),
        ("token", "git", "right-token", "ok"),
        ("token", "anybody", "right-token", "ok"),
        ("token", "c1", "right-password", "401"),
        ("token", "right-token", "x", "401"),
        ("mfa", "c1", "right-password", "401"),
        ("mfa", "c1", "right-token", "ok"),
        ("mfa", "git", "right-token", "ok"),
    ],
)
def test_access_by_http(
    bench: Bench, git: Git, mode: str, user: str | None, secret: str | None, outcome: str
) -> None:
    repository = bench.repository(accounts_of(mode))
    url = repository.url("http", user=user)
    if user and secret:
        git.remember(repository, "http", user, secret)
    told = git("ls-remote", url, ok=outcome == "ok")
    assert ("refs/heads/main" in told) == (outcome == "ok")
    last = repository.log()[-1]
    assert last.outcome == outcome
    assert last.user == ("(a secret)" if user == "right-token" else user if secret else None)
    if outcome == "ok":
        assert last.account == ("c1" if user else None)
        assert last.scheme == ("basic" if user else "none")


def test_token_without_a_user_name(bench: Bench) -> None:
    repository = bench.repository(accounts_of("token"))
    assert ask(repository, {"Authorization": "Basic OnJpZ2h0LXRva2Vu"}).status == 200
    assert ask(repository, {"Authorization": "Bearer right-token"}).status == 401
    assert [entry.scheme for entry in repository.log()] == ["basic", "bearer"]
    assert repository.log()[0].account == "c1"


def test_unauthorised_is_told_how(bench: Bench) -> None:
    answer = ask(bench.repository(), {})
    assert answer.status == 401
    assert answer.headers["WWW-Authenticate"].startswith("Basic ")


def test_mfa_may_answer_403(bench: Bench, git: Git) -> None:
    access = Access(mode="mfa", accounts=(Account("c1", "right-password"),), mfa_status=403)
    repository = bench.repository(access)
    git.remember(repository, "http", "c1", "right-password")
    assert "403" in git("ls-remote", repository.url("http", user="c1"), ok=False)


def ask(repository: Repository, headers: dict[str, str]) -> http.client.HTTPResponse:
    split = urlsplit(repository.url())
    connection = http.client.HTTPConnection(split.hostname or "", split.port)
    with contextlib.closing(connection):
        target = f"{split.path}/info/refs?service=git-upload-pack"
        connection.request("GET", target, headers=headers)
        answer = connection.getresponse()
        answer.read()
        return answer


@pytest.mark.parametrize("transport", ["http", "https-private", "ssh"])
def test_reader_may_not_push(bench: Bench, git: Git, tmp_path: Path, transport: str) -> None:
    repository = bench.repository()
    before = repository.head()
    git("clone", "-q", git.url(repository, transport), "copy")
    git("commit", "-q", "--allow-empty", "-m", "mine", cwd=tmp_path / "copy")
    git("push", "origin", "HEAD:main", cwd=tmp_path / "copy", ok=False)
    assert repository.head() == before
    assert repository.log()[-1].outcome == "403"


def test_writer_pushes(bench: Bench, git: Git, tmp_path: Path) -> None:
    account = Account("c1", bench.reader.password, writer=True)
    repository = bench.repository(Access(accounts=(account,)))
    git("clone", "-q", git.url(repository, "http"), "copy")
    git("commit", "-q", "--allow-empty", "-m", "mine", cwd=tmp_path / "copy")
    git("push", "-q", "origin", "HEAD:main", cwd=tmp_path / "copy")
    assert repository.commits()[0].message == "mine\n"


def test_unknown_key_and_key_of_another_repository(bench: Bench, git: Git) -> None:
    repository, other = bench.repository(Access()), bench.repository()
    position = bench.server.position()
    git.key = bench.stranger_key
    assert "Permission denied (publickey)" in git("ls-remote", other.url("ssh"), ok=False)
    refused = bench.server.wait_log(
        lambda e: e.fingerprint == bench.stranger_key.fingerprint, within=2, since=position
    )
    assert (refused.outcome, refused.user) == ("ssh-auth-failed", "git")

    git.key = bench.reader_key
    assert "may not" in git("ls-remote", repository.url("ssh"), ok=False)
    assert repository.log()[-1].outcome == "403"


@pytest.mark.parametrize("transport", ["http", "ssh"])
def test_missing_repository(bench: Bench, git: Git, transport: str) -> None:
    bench.repository()
    missing = bench.server.repository("org/nowhere")
    position = bench.server.position()
    told = git("ls-remote", missing.url(transport), ok=False)  # type: ignore[arg-type]
    assert "not found" in told
    assert missing.log(since=position)[-1].outcome == "no-repository"


def test_access_changes_at_run_time(bench: Bench, git: Git) -> None:
    repository = bench.repository(Access())
    assert "main" in git("ls-remote", repository.url())
    repository.set_access(bench.basic())
    git("ls-remote", repository.url(), ok=False)
    url = git.url(repository, "http")
    assert "main" in git("ls-remote", url)
    rotated = Account("c1", credentials.password())
    repository.set_access(Access(mode="basic", accounts=(rotated,)))
    assert "Authentication failed" in git("ls-remote", url, ok=False)


# --- faults -------------------------------------------------------------------------------------


@pytest.mark.parametrize("transport", ["http", "https-private", "ssh"])
@pytest.mark.parametrize("kind", KINDS)
def test_fault(bench: Bench, git: Git, transport: str, kind: str) -> None:
    repository = bench.repository()
    url = git.url(repository, transport)
    repository.set_fault(kind)  # type: ignore[arg-type]
    git("clone", "-q", url, "broken", ok=False)
    assert f"fault:{kind}" in [entry.outcome for entry in repository.log()]
    repository.clear_fault()
    # Asked for anew, since git forgets credentials that got a 401.
    git("clone", "-q", git.url(repository, transport), "whole")


@pytest.mark.parametrize("transport", ["http", "https-private", "ssh"])
def test_hang_until_cleared(bench: Bench, git: Git, transport: str) -> None:
    repository = bench.repository()
    repository.set_fault("hang")
    client = git.start("ls-remote", git.url(repository, transport))
    repository.wait_log(lambda entry: entry.outcome == "fault:hang", within=5)
    assert client.poll() is None
    repository.clear_fault()
    assert client.wait(5) == 0


@pytest.mark.parametrize("transport", ["http", "https-private", "ssh"])
def test_hang_ends_when_the_client_leaves(bench: Bench, git: Git, transport: str) -> None:
    repository = bench.repository()
    repository.set_fault("hang", times=1)
    client = git.start("ls-remote", git.url(repository, transport))
    repository.wait_log(lambda entry: entry.outcome == "fault:hang", within=5)
    os.killpg(client.pid, signal.SIGKILL)
    client.wait(5)
    repository.wait_log(lambda entry: entry.outcome == "aborted", within=5)
    assert "main" in git("ls-remote", git.url(repository, transport))


@pytest.mark.parametrize("transport", ["http", "ssh"])
def test_slow(bench: Bench, git: Git, transport: str) -> None:
    repository = bench.repository()
    repository.set_fault("slow", seconds=0.6, times=1)
    began = time.monotonic()
    git("ls-remote", git.url(repository, transport))
    assert time.monotonic() - began >= 0.6
    assert "fault:slow" in [entry.outcome for entry in repository.log()]


def test_cut_push(bench: Bench, git: Git, tmp_path: Path) -> None:
    for transport in ("http", "ssh"):
        repository = bench.repository()
        before = repository.head()
        copy = tmp_path / transport
        git("clone", "-q", git.url(repository, transport, "admin"), transport)
        (copy / "large.bin").write_bytes(THREE_MB)
        git("add", ".", cwd=copy)
        git("commit", "-q", "-m", "large", cwd=copy)
        repository.set_fault("cut")
        git("push", "origin", "HEAD:main", cwd=copy, ok=False)
        assert repository.head() == before


def test_fault_of_one_user(bench: Bench, git: Git) -> None:
    other = Account("c2", "other-password")
    repository = bench.repository(Access(mode="basic", accounts=(bench.reader, other)))
    repository.set_fault("500", user="c1")
    git("ls-remote", git.url(repository, "http"), ok=False)
    git.remember(repository, "http", "c2", "other-password")
    git("ls-remote", repository.url("http", user="c2"))


# --- log ----------------------------------------------------------------------------------------


def test_long_poll_returns_at_once(bench: Bench, git: Git) -> None:
    repository = bench.repository(Access())
    position = bench.server.position()
    found: list[float] = []

    def wait() -> None:
        repository.wait_log(lambda entry: entry.outcome == "ok", within=10, since=position)
        found.append(time.monotonic())

    waiter = threading.Thread(target=wait)
    waiter.start()
    git("ls-remote", repository.url())
    waiter.join(10)
    entry = repository.log(since=position)[-1]
    first = repository.log(since=position)[0]
    assert 0 <= found[0] - first.monotonic < 0.5
    assert entry.seq > position


def test_log_says_what_was_not_seen(bench: Bench) -> None:
    repository = bench.repository(Access())
    with pytest.raises(NotYet, match=r"did not see a push within 0\.1 s"):
        repository.wait_log(lambda _: False, within=0.1, what="a push")


def test_no_secret_in_log_or_arguments(bench: Bench, git: Git) -> None:
    repository = bench.repository(accounts_of("token"))
    bench.server.repository(repository.name).set_access(bench.basic())
    git("ls-remote", git.url(repository, "http"))
    git.remember(repository, "http", bench.reader.tokens[0], "x")
    git("ls-remote", repository.url("http", user=bench.reader.tokens[0]), ok=False)

    log, mode = bench.place.log(bench.server)
    texts = [
        log,
        *bench.place.words(),
        json.dumps([entry.to_json() for entry in bench.server.log()]),
    ]
    for secret in [*bench.secrets(), "right-token", "right-password"]:
        assert all(secret not in text for text in texts)
    assert "(a secret)" in texts[0]
    assert mode & 0o077 == 0


# --- repositories and control -------------------------------------------------------------------


def test_commits_repeat(bench: Bench) -> None:
    first, second = bench.repository(), bench.repository()
    for repository in (first, second):
        repository.commit({"c.bin": b"\xff\x00"}, message="two", tag="v1")
    assert first.refs() == second.refs()
    assert first.commits()[0].date == "2024-01-01T12:01:00+00:00"


def test_tree_of_a_commit(bench: Bench, git: Git, tmp_path: Path) -> None:
    repository = bench.repository(Access())
    first = repository.head()
    repository.commit({"a-b": "", "a/x": "1\n", "a.b/ü.yaml": "2\n"}, delete=("a.yaml",))
    assert repository.files() == ["a-b", "a.b/ü.yaml", "a/x", "deep/er/b.yaml"]
    replaced = repository.commit({"only.yaml": b"\xff"}, replace=True, branch="main", tag="v2")
    assert repository.files() == ["only.yaml"]
    assert repository.read("only.yaml") == b"\xff"
    assert repository.files(at=first or "") == ["a.yaml", "deep/er/b.yaml"]
    assert repository.create_tag("v1", at=first or "") == first
    repository.commit({"z": "z"}, branch="feature/one")
    assert repository.head("feature/one")
    repository.delete_branch("feature/one")
    assert repository.refs() == {
        "refs/heads/main": replaced, "refs/tags/v1": first, "refs/tags/v2": replaced,
    }  # fmt: skip
    git("clone", "-q", "--bare", repository.url(), "copy")
    assert "error" not in git("fsck", "--full", "--strict", cwd=tmp_path / "copy")


def test_folder_becomes_a_commit(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "folder/sub").mkdir(parents=True)
    (tmp_path / "folder/sub/__name__.yaml").write_text("name: __name__\n")
    repository = bench.repository()
    repository.commit_folder(
        tmp_path / "folder", substitute=lambda text: text.replace("__name__", "n1")
    )
    assert repository.files() == ["sub/n1.yaml"]
    assert repository.read("sub/n1.yaml") == b"name: n1\n"


def test_deleted_repository_is_gone(bench: Bench, git: Git) -> None:
    repository = bench.repository(Access())
    assert repository.name in bench.server.repositories()
    repository.delete()
    git("ls-remote", repository.url(), ok=False)
    bench.server.create_repository(repository.name)


@pytest.mark.parametrize(
    ("status", "act"),
    [
        (404, lambda s: s.repository("org/none").commit({"a": "b"})),
        (409, lambda s: [s.create_repository("org/twice") for _ in "ab"]),
        (400, lambda s: s.create_repository("../out")),
        (400, lambda s: s.repository("org/x").set_fault("sulk")),
        (400, lambda s: s.create_repository("org/path").commit({"../x": ""})),
        (400, lambda s: s.create_repository("org/clash").commit({"a": "", "a/b": ""})),
        (400, lambda s: s.create_repository("org/gone").commit(delete=("a",))),
        (404, lambda s: s.create_repository("org/unborn").files()),
        (404, lambda s: s.repository("org/none").refs()),
    ],
)
def test_control_explains_errors(bench: Bench, status: int, act) -> None:
    with pytest.raises(GitServerError) as caught:
        act(bench.server)
    assert caught.value.status == status


@pytest.mark.parametrize("header", [{}, {"Authorization": "Bearer wrong"}])
@pytest.mark.parametrize("path", ["/endpoints", "/log", "/repositories", "/nothing"])
def test_control_needs_its_token(bench: Bench, path: str, header: dict[str, str]) -> None:
    split = urlsplit(bench.control)
    with contextlib.closing(http.client.HTTPConnection(split.hostname or "", split.port)) as con:
        con.request("GET", path, headers=header)
        answer = con.getresponse()
        answer.read()
        assert answer.status == 403


# --- the process --------------------------------------------------------------------------------


def small_config(directory: Path) -> Config:
    return Config(
        directory=str(directory / "state"),
        token="t",
        admin=Admin("writer", "w"),
        listeners=("https-private",),
        repositories={"kommander/kommander": Access(mode="basic")},
    )


def test_small_server_stops_on_sigterm(tmp_path: Path) -> None:
    process, ready = launch(tmp_path, small_config(tmp_path))
    assert list(ready["endpoints"]["urls"]) == ["https-private"]
    server = GitServer.from_ready(tmp_path / "ready.json", "t")
    repository = server.repository("kommander/kommander")
    repository.set_fault("hang")
    url = urlsplit(repository.url("https-private"))
    context = ssl.create_default_context(cadata=server.endpoints.authorities["private"])
    connection = http.client.HTTPSConnection(url.hostname or "", url.port, context=context)
    connection.request("GET", f"{url.path}/info/refs?service=git-upload-pack")
    repository.wait_log(lambda entry: entry.outcome == "fault:hang", within=5)
    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    assert process.wait(5) == 0
    assert time.monotonic() - began < 2
    connection.close()
    server.close()
    assert "Traceback" not in (tmp_path / "server.log").read_text()
    if process.stdin:
        process.stdin.close()


def test_restarted_server_takes_over_its_repositories(tmp_path: Path) -> None:
    heads = []
    for _ in range(2):
        process, ready = launch(tmp_path, small_config(tmp_path))
        server = GitServer(ready["control"], "t")
        heads.append(server.repository("kommander/kommander").commit({"a": "b"}))
        server.stop()
        assert process.wait(5) == 0
        (tmp_path / "ready.json").unlink()
        if process.stdin:
            process.stdin.close()
    assert heads[0] != heads[1]


def test_server_ends_with_its_standard_input(tmp_path: Path) -> None:
    process, _ = launch(tmp_path, small_config(tmp_path), "--watch-stdin")
    assert process.stdin
    process.stdin.close()
    assert process.wait(5) == 0


def test_server_ends_with_its_parent(tmp_path: Path) -> None:
    parent = subprocess.Popen(["sleep", "60"])
    process, _ = launch(tmp_path, small_config(tmp_path), "--parent", str(parent.pid))
    parent.kill()
    parent.wait()
    assert process.wait(5) == 0
    if process.stdin:
        process.stdin.close()


def test_wrong_configuration_gets_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"directory": "x", "token": "t", "listener": []}')
    done = subprocess.run(
        [sys.executable, "-m", "harness.gitserver", "--config", str(tmp_path / "config.json"),
         "--ready", str(tmp_path / "ready.json")],
        cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.strip().endswith("unknown field 'listener'")
    assert len(done.stderr.strip().splitlines()) == 1
