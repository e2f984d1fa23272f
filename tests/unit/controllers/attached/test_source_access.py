"""Credentials: what is enough, what git gets to see, and what nobody gets to see."""

import base64
import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from harness.controllers import git_fetch, source_access, source_key
from harness.controllers.attached_fields import Failure

HTTPS = "https://host/org/app"
SSH = "ssh://git@host/org/app"
SECRET = "s3cr3t-value"


def key(passphrase: str | None = None, *, openssh: bool = False) -> bytes:
    form = serialization.PrivateFormat.PKCS8
    if openssh:
        form = serialization.PrivateFormat.OpenSSH
    lock: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if passphrase:
        lock = serialization.BestAvailableEncryption(passphrase.encode())
    made = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return made.private_bytes(serialization.Encoding.PEM, form, lock)


@pytest.mark.parametrize(
    ("url", "secret", "message"),
    [
        (
            HTTPS,
            {"password": b"x"},
            "invalid 'https' auth option: 'password' requires 'username' to be set",
        ),
        (
            "http://host/x",
            {"password": b"x"},
            "invalid 'http' auth option: 'password' requires 'username' to be set",
        ),
        (SSH, {}, "invalid 'ssh' auth option: 'identity' is required"),
        (SSH, {"username": b"u", "password": b"p"}, "'identity' is required"),
        (SSH, {"identity": b"k"}, "invalid 'ssh' auth option: 'known_hosts' is required"),
        (HTTPS, {"bearerToken": b"a\nX-Other: b"}, "not a header value"),
    ],
)
def test_what_cannot_work_is_refused_before_any_request(
    url: str, secret: dict[str, bytes], message: str
) -> None:
    with pytest.raises(Failure) as refused:
        source_access.options(url, secret)
    assert refused.value.reason == "AuthenticationFailed"
    assert message in refused.value.message


@pytest.mark.parametrize(
    ("url", "secret", "header"),
    [
        (HTTPS, {}, None),
        (HTTPS, {"other": b"x"}, None),
        (HTTPS, {"username": b"bob", "password": b"pw"}, "Basic bob:pw"),
        ("https://git@host/x", {"password": b"pw"}, "Basic git:pw"),
        ("https://git@host/x", {"username": b"bob", "password": b"pw"}, "Basic bob:pw"),
        (HTTPS, {"username": b"bob"}, "Basic bob:"),
        (HTTPS, {"username": b"bob", "password": b"pw\n"}, "Basic bob:pw\n"),
        (HTTPS, {"username": b"bob", "password": b"pw", "bearerToken": b"t"}, "Bearer t"),
    ],
)
def test_http_credentials_go_into_the_first_request(
    url: str, secret: dict[str, bytes], header: str | None
) -> None:
    settings = source_access.http_settings(source_access.options(url, secret))
    if header is None:
        assert settings == {}
        return
    scheme, _, value = header.partition(" ")
    sent = value if scheme == "Bearer" else base64.b64encode(value.encode()).decode()
    assert settings == {"http.extraHeader": f"Authorization: {scheme} {sent}"}


def test_the_key_ca_crt_wins_over_ca_file() -> None:
    both = source_access.options(HTTPS, {"ca.crt": b"one", "caFile": b"two"})
    assert both.authority == b"one"
    assert source_access.options(HTTPS, {"caFile": b"two"}).authority == b"two"


def test_no_secret_shows_in_a_representation() -> None:
    found = source_access.options(
        HTTPS, {"username": b"bob", "password": SECRET.encode(), "caFile": SECRET.encode()}
    )
    remote = git_fetch.Remote("https://host", 1.0, {"x": SECRET}, {"y": SECRET})
    assert SECRET not in repr(found) + repr(remote)


def test_the_url_for_git_carries_no_password(tmp_path: Path) -> None:
    url = f"https://bob:{SECRET}@host:8443/org/app"
    found = source_access.options(url, {})
    with source_access.opened(url, found, scratch=tmp_path, timeout=1.0) as remote:
        assert remote.url == "https://host:8443/org/app"
    assert source_access.shown(url) == "https://bob:***@host:8443/org/app"


def test_an_ssh_key_is_private_and_gone_afterwards(tmp_path: Path) -> None:
    secret = {"identity": key(openssh=True), "known_hosts": b"host ssh-ed25519 AAAA"}
    found = source_access.options(SSH, secret)
    with source_access.opened(SSH, found, scratch=tmp_path, timeout=1.0) as remote:
        command = remote.environment["GIT_SSH_COMMAND"]
        files = [file for file in tmp_path.rglob("*") if file.is_file()]
        assert {file.name for file in files} == {"identity", "known_hosts"}
        assert all(stat.S_IMODE(file.stat().st_mode) == 0o600 for file in files)
        assert stat.S_IMODE(files[0].parent.stat().st_mode) == 0o700
    assert list(tmp_path.iterdir()) == []
    for wanted in ("StrictHostKeyChecking=yes", "IdentitiesOnly=yes", "BatchMode=yes", "-F none"):
        assert wanted in command


def test_an_https_source_trusts_the_machine_and_its_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = tmp_path / "machine.pem"
    machine.write_text("MACHINE")
    monkeypatch.setenv("SSL_CERT_FILE", str(machine))
    plain = source_access.trust(source_access.options(HTTPS, {}), tmp_path)
    assert plain["GIT_SSL_CAINFO"] == str(machine)
    assert not list(Path(plain["GIT_SSL_CAPATH"]).iterdir())
    with_ca = source_access.trust(source_access.options(HTTPS, {"caFile": b"OWN"}), tmp_path)
    assert Path(with_ca["GIT_SSL_CAINFO"]).read_text() == "MACHINE\nOWN"


def test_the_environment_of_git_is_not_the_users(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GIT_SSH_COMMAND", "GIT_ASKPASS", "SSH_AUTH_SOCK", "GIT_DIR", "HOME"):
        monkeypatch.setenv(name, "/the/users")
    environment = git_fetch.environment(git_fetch.Remote("https://host", 1.0))
    assert "/the/users" not in environment.values()
    assert environment["GIT_TERMINAL_PROMPT"] == "0"
    assert environment["no_proxy"].startswith("127.0.0.1,")


@pytest.mark.parametrize("passphrase", [None, "pass"])
def test_a_key_is_opened_with_its_passphrase(passphrase: str | None) -> None:
    identity = key(passphrase)
    assert source_key.is_encrypted(identity) is (passphrase is not None)
    opened = source_key.opened(identity, passphrase or "")
    assert not source_key.is_encrypted(opened)
    assert b"PRIVATE KEY" in opened


@pytest.mark.parametrize(
    ("identity", "passphrase", "message"),
    [
        (b"rubbish", "", "ssh: no key found"),
        (key("pass"), "", "bcrypt_pbkdf: empty password"),
        (key("pass"), "wrong", "x509: decryption password incorrect"),
    ],
)
def test_an_unusable_key_is_reported(identity: bytes, passphrase: str, message: str) -> None:
    with pytest.raises(Failure) as refused:
        source_key.opened(identity, passphrase)
    assert refused.value.reason == "GitOperationFailed"
    assert refused.value.message.endswith(message)


def test_known_hosts_without_a_key_is_reported() -> None:
    source_key.check_known_hosts(b"# comment\n\nhost ssh-ed25519 AAAA\n")
    with pytest.raises(Failure, match="missing host pattern"):
        source_key.check_known_hosts(b"host")
