"""
What is wrong with the URL of a source, and the user that it lacks; pure.

The CRD only asks that there is one. Everything else is found here, before a manifest is written
that the API server of a cluster would refuse, and with it those of the project's other sources.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from urllib.parse import urlsplit, urlunsplit

SCHEMES = ("http", "https", "ssh")
FORM = "ssh://user@host:port/org/repository"

_SCP = re.compile(r"^(?:[^/@:\s]+@)?[^/@:\s]+:(?!//)")
_UNPRINTABLE = re.compile(r"[\s\x00-\x1f\x7f]")


def fault(url: str, keys: Collection[str]) -> str | None:
    """Why a source cannot be fetched from `url` with a secret of these `keys`; None if it can."""
    if _UNPRINTABLE.search(url):
        return "the URL contains white space or control characters"
    if "://" not in url:
        if _SCP.match(url):
            return f"SCP syntax is not supported; the form is {FORM}"
        return f"the URL has no scheme; it begins with one of {_listed()}"
    scheme = url.split("://", 1)[0].lower()
    if scheme not in SCHEMES:
        return f"scheme {scheme!r} is not supported; it is one of {_listed()}"
    if not url.startswith(f"{scheme}://"):
        return f"the scheme is written in lower case: {scheme}://"
    found = _host_fault(url)
    if found:
        return found
    if scheme != "ssh" and is_ssh(keys):
        return f"an SSH secret needs an SSH address; the form is {FORM}"
    return None


def is_ssh(keys: Collection[str]) -> bool:
    """Whether a secret of these keys gives access over SSH only."""
    # `password` beside `identity` is its passphrase, unless a user name makes it a login.
    return "identity" in keys and not {"username", "password"} <= set(keys)


def with_user(url: str, keys: Collection[str]) -> str:
    """
    `url` with the user `git` if the secret is a lone token and the URL names nobody.

    GitHub ignores the user name beside a token, so the documentation does not ask for one; Flux
    refuses a password without a user, but takes the one of the URL.
    """
    parts = urlsplit(url)
    lone_token = "password" in keys and "username" not in keys
    if parts.scheme not in ("http", "https") or "@" in parts.netloc or not lone_token:
        return url
    return urlunsplit(parts._replace(netloc=f"git@{parts.netloc}"))


def _host_fault(url: str) -> str | None:
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        if url.startswith("ssh://"):
            return f"a port is a number, and the path follows a slash; the form is {FORM}"
        return "the port is not a number"
    if not host:
        return "the URL names no host"
    if not parts.path.strip("/"):
        return "the URL names no repository"
    return None


def _listed() -> str:
    return ", ".join(f"{scheme}://" for scheme in SCHEMES)
