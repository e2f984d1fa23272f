"""The configuration file, its mistakes, and the credentials that go with it."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from harness.errors import UsageError
from harness.gitserver import config, credentials
from harness.gitserver.access import Access, Account, Admin
from harness.gitserver.endpoints import Endpoints

GIVEN = config.Config(
    directory="/d",
    token="secret-token",
    admin=Admin("a", "secret-password", "SHA256:x"),
    listeners=("http", "ssh"),
    bind="0.0.0.0",
    advertise="",
    control_bind="0.0.0.0",
    ports={"http": 8080},
    authorities={"private": config.AuthorityKey("CERT", "secret-key")},
    repositories={"o/r": Access("basic", (Account("c1", "secret-reader"),))},
)


def test_file_is_private_and_complete(tmp_path: Path) -> None:
    GIVEN.write(tmp_path / "c")
    assert config.load(tmp_path / "c") == GIVEN
    assert (tmp_path / "c").stat().st_mode & 0o777 == 0o600
    assert "secret" not in repr(GIVEN)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"token": ""}, "the field 'token' is missing"),
        ({"listener": []}, "unknown field 'listener'"),
        ({"listeners": ["ftp"]}, "listeners: 'ftp' is none of http,"),
        ({"admin": {"name": "a"}}, "admin: the field 'password' is missing"),
        ({"authorities": {"own": {}}}, "authorities: 'own' is neither"),
        ({"authorities": {"private": {"crt": ""}}}, "a value has the wrong type"),
        ({"ports": {"http": "x"}}, "a value has the wrong type"),
        ({"repositories": {"o/r": {"mode": "open"}}}, "access.mode"),
    ],
)
def test_mistake_is_named(tmp_path: Path, change: dict[str, object], sentence: str) -> None:
    GIVEN.write(tmp_path / "c")
    raw = json.loads((tmp_path / "c").read_text()) | change
    (tmp_path / "c").write_text(json.dumps(raw))
    with pytest.raises(UsageError, match=sentence):
        config.load(tmp_path / "c")


def test_unreadable_file(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        config.load(tmp_path / "none")
    (tmp_path / "c").write_text("{")
    with pytest.raises(UsageError, match="is not JSON"):
        config.load(tmp_path / "c")


@pytest.mark.skipif(not shutil.which("ssh-keygen"), reason="ssh-keygen is not installed")
def test_key_is_what_openssh_expects(tmp_path: Path) -> None:
    key = credentials.ssh_key("me")
    (tmp_path / "id").write_text(key.private)
    (tmp_path / "id").chmod(0o600)
    told = subprocess.run(
        ["ssh-keygen", "-l", "-f", str(tmp_path / "id")], capture_output=True, text=True, check=True
    ).stdout
    assert key.fingerprint in told
    assert key.public.endswith(" me")
    assert "PRIVATE" not in repr(key)


def test_passwords_and_tokens_differ() -> None:
    made = {credentials.password() for _ in range(9)} | {credentials.token() for _ in range(9)}
    assert len(made) == 18


def test_urls() -> None:
    endpoints = Endpoints({"http": "http://h:1", "ssh": "ssh://git@h:2"}, {}, {}, "log")
    assert endpoints.url("o/r") == "http://h:1/o/r.git"
    assert endpoints.url("o/r", user="a@b", suffix="") == "http://a%40b@h:1/o/r"
    assert endpoints.url("o/r", "ssh") == "ssh://git@h:2/o/r.git"
    assert endpoints.url("o/r", "ssh", user="me") == "ssh://me@h:2/o/r.git"
    assert Endpoints.from_json(endpoints.to_json()) == endpoints
