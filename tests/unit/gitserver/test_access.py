"""Who may read and write, as tables."""

from __future__ import annotations

import base64

import pytest

from harness.errors import UsageError
from harness.gitserver.access import (
    Access,
    Account,
    Admin,
    Credentials,
    Key,
    rule_http,
    rule_ssh,
)

ADMIN = Admin("admin", "root-secret", "SHA256:admin")
READER = Account("c1", "pw", ("tok",))
WRITER = Account("w", "wpw", writer=True)


def basic(user: str, secret: str) -> Credentials:
    return Credentials("basic", user, secret)


@pytest.mark.parametrize(
    ("mode", "credentials", "push", "outcome", "account"),
    [
        ("anonymous", Credentials(), False, "ok", None),
        ("anonymous", basic("x", "nonsense"), False, "ok", None),
        ("anonymous", Credentials(), True, "401", None),
        ("anonymous", basic("w", "wpw"), True, "ok", "w"),
        ("anonymous", basic("c1", "pw"), True, "403", "c1"),
        ("basic", basic("c1", "pw"), False, "ok", "c1"),
        ("basic", basic("c1", "tok"), False, "401", None),
        ("basic", basic("c1", "pw\n"), False, "401", None),
        ("basic", basic("c1", ""), False, "401", None),
        ("basic", basic("w", "wpw"), True, "ok", "w"),
        ("token", basic("", "tok"), False, "ok", "c1"),
        ("token", basic("git", "tok"), True, "403", "c1"),
        ("token", basic("c1", "pw"), False, "401", None),
        ("token", Credentials("bearer", None, "tok"), False, "401", None),
        ("mfa", basic("c1", "tok"), False, "ok", "c1"),
        ("mfa", basic("c1", "pw"), False, "403", "c1"),
        ("mfa", basic("c1", "wrong"), False, "401", None),
        ("basic", basic("admin", "root-secret"), True, "ok", "admin"),
        ("basic", basic("admin", "pw"), True, "401", None),
    ],
)
def test_rule_http(
    mode: str, credentials: Credentials, push: bool, outcome: str, account: str | None
) -> None:
    access = Access(mode=mode, accounts=(READER, WRITER), mfa_status=403)  # type: ignore[arg-type]
    ruling = rule_http(access, ADMIN, credentials, push=push)
    assert (ruling.outcome, ruling.account) == (outcome, account)


@pytest.mark.parametrize(
    ("fingerprint", "push", "outcome"),
    [
        ("SHA256:r", False, "ok"),
        ("SHA256:r", True, "403"),
        ("SHA256:w", True, "ok"),
        ("SHA256:?", False, "403"),
        ("SHA256:admin", True, "ok"),
    ],
)
def test_rule_ssh(fingerprint: str, push: bool, outcome: str) -> None:
    access = Access(keys=(Key("r", "SHA256:r"), Key("w", "SHA256:w", writer=True)))
    assert rule_ssh(access, ADMIN, fingerprint, push=push).outcome == outcome


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, ("none", None)),
        ("Basic " + base64.b64encode(b"a:b:c").decode(), ("basic", "a")),
        ("basic " + base64.b64encode(b":t").decode(), ("basic", "")),
        ("Bearer abc", ("bearer", None)),
        ("Basic !!!", ("other", None)),
        ("Digest x", ("other", None)),
    ],
)
def test_authorization_header(header: str | None, expected: tuple[str, str | None]) -> None:
    credentials = Credentials.parse(header)
    assert (credentials.scheme, credentials.user) == expected


def test_access_survives_the_wire() -> None:
    access = Access("mfa", (READER, WRITER), (Key("k", "SHA256:k", writer=True),), 403)
    assert Access.from_json(access.to_json()) == access


@pytest.mark.parametrize(
    ("raw", "sentence"),
    [
        ({"mode": "open"}, "access.mode: 'open'"),
        ({"modes": "basic"}, "unknown field 'modes'"),
        ({"mfa_status": 500}, "neither 401 nor 403"),
        ({"accounts": [{"password": "x"}]}, "lacks the field 'name'"),
    ],
)
def test_wrong_access_is_explained(raw: dict[str, object], sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        Access.from_json(raw)


def test_no_secret_in_a_repr() -> None:
    shown = repr((Access("mfa", (READER, WRITER)), ADMIN, basic("c1", "pw")))
    assert not {"pw'", "tok", "root-secret"} & set(shown.replace("(", " ").split())
    assert "tok" not in shown
    assert "root-secret" not in shown
    assert "'pw'" not in shown
