"""Which URLs a source may have (decision 7), and who is named in one (decision 4)."""

import pytest

from harness.controllers import gitops_repository_url as urls

SSH = ("identity", "identity.pub", "known_hosts")


@pytest.mark.parametrize(
    ("url", "keys"),
    [
        ("https://git.example/org/apps", ()),
        ("http://git.example:3000/org/apps.git", ("username", "password")),
        ("https://git@git.example/org/apps", ("password",)),
        ("https://[::1]:8443/org/apps", ()),
        ("ssh://git@git.example:2222/org/team/apps", SSH),
        ("ssh://git@git.example/org/apps", (*SSH, "password")),
        ("https://git.example/org/apps", (*SSH, "username", "password")),
    ],
)
def test_a_good_url_is_let_through(url: str, keys: tuple[str, ...]) -> None:
    assert urls.fault(url, keys) is None


@pytest.mark.parametrize(
    ("url", "keys", "told"),
    [
        ("git@git.example:org/apps.git", SSH, "SCP"),
        ("git.example:org/apps.git", (), "SCP"),
        ("git.example/org/apps", (), "no scheme"),
        ("/srv/git/apps", (), "no scheme"),
        ("ssh://git@git.example:org/apps", SSH, "ssh://user@host:port/org/repository"),
        ("https://git.example:port/org", (), "port"),
        ("https://git.example:99999/org", (), "port"),
        ("git://git.example/org/apps", (), "not supported"),
        ("file:///srv/git/apps", (), "not supported"),
        ("HTTPS://git.example/org/apps", (), "lower case"),
        ("https:///org/apps", (), "no host"),
        ("https://git.example", (), "no repository"),
        ("https://git.example/org apps", (), "white space"),
        ("https://git.example/org/apps", SSH, "SSH address"),
        ("http://git.example/org/apps", (*SSH, "password"), "SSH address"),
    ],
)
def test_a_fault_is_explained(url: str, keys: tuple[str, ...], told: str) -> None:
    assert told in (urls.fault(url, keys) or "")


@pytest.mark.parametrize(
    ("url", "keys", "expected"),
    [
        ("https://h/o/r", ("password",), "https://git@h/o/r"),
        ("http://h:80/o/r", ("password",), "http://git@h:80/o/r"),
        ("https://h/o/r", ("password", "caFile"), "https://git@h/o/r"),
        ("https://me@h/o/r", ("password",), "https://me@h/o/r"),
        ("https://h/o/r", ("username", "password"), "https://h/o/r"),
        ("https://h/o/r", (), "https://h/o/r"),
        ("ssh://h/o/r", ("password",), "ssh://h/o/r"),
    ],
)
def test_a_lone_token_gets_the_user_git(url: str, keys: tuple[str, ...], expected: str) -> None:
    assert urls.with_user(url, keys) == expected
