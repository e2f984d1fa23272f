"""
Who asks for a repository: each cluster has an identity of its own, and secrets are made of them.

A scenario writes "the password"; which value that is differs from cluster to cluster, so that the
Git server's log tells which cluster came (decision 8).
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from harness.errors import HarnessBug
from harness.gitserver import credentials
from harness.gitserver.access import Access, Account, Key
from harness.gitserver.endpoints import Endpoints
from harness.model.naming import Names


@dataclass(frozen=True, slots=True)
class Identity:
    """The accounts and keys of one cluster."""

    user: str
    password: str = field(repr=False)
    token: str = field(repr=False)
    key: credentials.SshKey = field(repr=False)

    def secrets(self) -> list[str]:
        """What must never be seen in a report, a log or a status."""
        return [self.password, self.token, self.key.private]


def identities(names: Names, clusters: Iterable[str]) -> dict[str, Identity]:
    """A fresh identity for each cluster."""
    return {
        cluster: Identity(
            names.user(), credentials.password(), credentials.token(), credentials.ssh_key()
        )
        for cluster in clusters
    }


def access(demand: str, who: Mapping[str, Identity]) -> Access:
    """What a repository asks for, in the words of the features."""
    accounts = tuple(Account(i.user, i.password, (i.token,)) for i in who.values())
    if demand == "nothing":
        return Access("anonymous")
    if demand == "a user name and a password":
        return Access("basic", accounts)
    if demand == "an access token":
        return Access("token", accounts)
    if demand == "multi-factor authentication":
        return Access("mfa", accounts)
    if demand == "an SSH key":
        keys = tuple(Key(i.user, i.key.fingerprint) for i in who.values())
        return Access("basic", accounts, keys)
    raise HarnessBug(f"No repository asks for {demand!r}.")


def values(
    phrases: Mapping[str, str], who: Mapping[str, Identity], endpoints: Endpoints
) -> dict[str, dict[str, str]]:
    """For each cluster the contents of a secret: key -> value; "nothing" leaves a key out."""
    foreign = _foreign()
    return {
        cluster: {
            key: _value(phrase, identity, endpoints, foreign)
            for key, phrase in phrases.items()
            if phrase != "nothing"
        }
        for cluster, identity in who.items()
    }


def _foreign() -> Callable[[], Identity]:
    made: list[Identity] = []

    def once() -> Identity:
        if not made:
            made.append(
                Identity(
                    "somebody",
                    credentials.password(),
                    credentials.token(),
                    credentials.ssh_key(),
                )
            )
        return made[0]

    return once


def _value(
    phrase: str, identity: Identity, endpoints: Endpoints, foreign: Callable[[], Identity]
) -> str:
    known: dict[str, Callable[[], str]] = {
        "the user name": lambda: identity.user,
        "the password": lambda: identity.password,
        "a wrong password": lambda: foreign().password,
        "the access token": lambda: identity.token,
        "a revoked token": lambda: foreign().token,
        "the private key": lambda: identity.key.private,
        "a foreign key": lambda: foreign().key.private,
        "the public key": lambda: identity.key.public,
        "the CA certificate": lambda: endpoints.authorities["private"],
        "another CA certificate": lambda: endpoints.authorities["trusted"],
        "the host key": lambda: endpoints.known_hosts["ssh"],
        "another host key": lambda: endpoints.known_hosts["mismatch"],
    }
    if phrase not in known:
        raise HarnessBug(f"No secret holds {phrase!r}; known: {', '.join(sorted(known))}.")
    return known[phrase]()
