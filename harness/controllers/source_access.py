"""
Credentials of a source: what a Secret says, whether that is enough, and how git gets to know it.

Secrets reach git through its environment or through files that only we can read and that are gone
when the command is; never through an argument, a URL, a message or a log.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import os
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import SplitResult, quote, unquote, urlsplit

from harness.controllers import source_key
from harness.controllers.attached_fields import Failure
from harness.controllers.git_fetch import Remote

AUTHENTICATION_FAILED = "AuthenticationFailed"
_NOT_CONFIGURED = "failed to configure authentication options: "


@dataclass(frozen=True, slots=True)
class Options:
    """How to get in."""

    scheme: str
    user: str = ""
    password: str = field(default="", repr=False)
    bearer_token: str = field(default="", repr=False)
    authority: bytes = field(default=b"", repr=False)
    identity: bytes = field(default=b"", repr=False)
    known_hosts: bytes = field(default=b"", repr=False)


def url_fault(url: str) -> str | None:
    """Why the URL can never be fetched from, or None."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        port = urlsplit(url).netloc.rpartition(":")[2] if "://" in url else ""
        cause = f'parse "{shown(url)}": invalid port ":{port}" after host'
        return f"failed to parse url '{shown(url)}': {cause}"
    if not host:
        return f"failed to parse url '{shown(url)}': no host"
    return None


def shown(url: str) -> str:
    """The URL for a message: without a password."""
    with contextlib.suppress(ValueError):
        parts = urlsplit(url)
        if "@" in parts.netloc:
            user, _, host = parts.netloc.rpartition("@")
            user, colon, _ = user.partition(":")
            return parts._replace(netloc=f"{user}{':***' if colon else ''}@{host}").geturl()
    return url


def decoded(secret: Mapping[str, str]) -> dict[str, bytes]:
    """The `data` of a Secret as bytes."""
    values = {}
    for name, value in secret.items():
        with contextlib.suppress(binascii.Error, ValueError):
            values[name] = base64.b64decode(value)
    return values


def options(url: str, secret: Mapping[str, bytes]) -> Options:
    """What the URL and the Secret together say; raises Failure where that cannot work."""
    parts = urlsplit(url)
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    if parts.scheme == "ssh":
        # The Secret's `username` is not for ssh, and its `password` opens the key.
        found = Options(
            "ssh",
            user=user or "git",
            password=_text(secret, "password"),
            identity=secret.get("identity", b""),
            known_hosts=secret.get("known_hosts", b""),
        )
    else:
        token = _text(secret, "bearerToken")
        found = Options(
            parts.scheme,
            user="" if token else _text(secret, "username") or user,
            password="" if token else _text(secret, "password") or password,
            bearer_token=token,
            authority=secret.get("ca.crt") or secret.get("caFile") or b"",
        )
    check(found)
    return found


def check(found: Options) -> None:
    """Refuse what no server could accept, before any request is made."""
    if found.scheme == "ssh":
        for name, value in (("identity", found.identity), ("known_hosts", found.known_hosts)):
            if not value:
                raise not_configured(f"invalid 'ssh' auth option: '{name}' is required")
    elif not found.bearer_token.isprintable():
        # It goes into a header as it is; a line break in it would begin another header.
        raise not_configured("invalid 'bearerToken': not a header value")
    elif found.password and not found.user:
        raise not_configured(
            f"invalid '{found.scheme}' auth option: 'password' requires 'username' to be set"
        )


@contextlib.contextmanager
def opened(url: str, found: Options, *, scratch: Path, timeout: float) -> Iterator[Remote]:
    """The remote with everything that git needs to get in, until the block ends."""
    with tempfile.TemporaryDirectory(dir=scratch, prefix="access-") as name:
        directory = Path(name)  # mode 0700
        yield Remote(
            without_user(urlsplit(url), keep_for=found),
            timeout,
            settings=http_settings(found),
            environment={**trust(found, directory), **ssh_command(found, directory)},
        )


def without_user(parts: SplitResult, *, keep_for: Options) -> str:
    """The URL as git gets it: http(s) without user and password, ssh with the user."""
    host = parts.netloc.rpartition("@")[2]
    netloc = f"{quote(keep_for.user)}@{host}" if keep_for.scheme == "ssh" else host
    return parts._replace(netloc=netloc).geturl()


def http_settings(found: Options) -> dict[str, str]:
    """The Authorization header, sent with the first request as go-git does."""
    if found.scheme == "ssh":
        return {}
    if found.bearer_token:
        return {"http.extraHeader": f"Authorization: Bearer {found.bearer_token}"}
    if found.user or found.password:
        text = f"{found.user}:{found.password}"
        pair = base64.b64encode(text.encode(errors="surrogateescape")).decode()
        return {"http.extraHeader": f"Authorization: Basic {pair}"}
    return {}


def trust(found: Options, directory: Path) -> dict[str, str]:
    """Whom to trust: the machine's authorities (SSL_CERT_FILE), and those of the Secret."""
    machine = os.environ.get("SSL_CERT_FILE", "")
    if found.scheme != "https" or not (found.authority or machine):
        return {}
    if not found.authority:
        return {"GIT_SSL_CAINFO": machine, **only_from_the_file(directory)}
    # Go adds the given authority to the machine's; curl would replace them.
    known = Path(machine).read_bytes() if machine and Path(machine).is_file() else b""
    bundle = _private_file(directory / "ca.crt", known + b"\n" + found.authority)
    only = only_from_the_file(directory) if machine else {}
    return {"GIT_SSL_CAINFO": str(bundle), **only}


def only_from_the_file(directory: Path) -> dict[str, str]:
    """
    No authorities beside those of the file.

    A curl built on GnuTLS reads the machine's whole folder of certificates as well, at every start:
    thirty milliseconds of processor time for each look at a repository.
    """
    nothing = directory / "no-authorities"
    nothing.mkdir(exist_ok=True)
    return {"GIT_SSL_CAPATH": str(nothing)}


def ssh_command(found: Options, directory: Path) -> dict[str, str]:
    """How git starts ssh: the key and the hosts of the Secret, nothing of the user's."""
    if found.scheme != "ssh":
        return {}
    identity = _private_file(
        directory / "identity", source_key.opened(found.identity, found.password)
    )
    source_key.check_known_hosts(found.known_hosts)
    known_hosts = _private_file(directory / "known_hosts", found.known_hosts)
    settings = (
        f"-F none -i '{identity}' -o IdentitiesOnly=yes -o IdentityAgent=none "
        f"-o UserKnownHostsFile='{known_hosts}' -o GlobalKnownHostsFile=/dev/null "
        f"{host_key_checking()} -o UpdateHostKeys=no -o BatchMode=yes "
        "-o PreferredAuthentications=publickey -o LogLevel=ERROR"
    )
    return {"GIT_SSH_COMMAND": f"ssh {settings}", "GIT_SSH_VARIANT": "ssh"}


def host_key_checking() -> str:
    """A host whose key is not in `known_hosts` is not talked to."""
    return "-o StrictHostKeyChecking=yes"


def _private_file(path: Path, content: bytes) -> Path:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    return path


def _text(secret: Mapping[str, bytes], name: str) -> str:
    return secret.get(name, b"").decode(errors="surrogateescape")


def not_configured(message: str) -> Failure:
    """The credentials cannot be had or used; no request was made."""
    return Failure(AUTHENTICATION_FAILED, _NOT_CONFIGURED + message)
