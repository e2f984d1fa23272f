"""
Where the server can be reached, and what a client needs in order to trust it.

Shared by server and client, so it imports the standard library only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import quote

Transport = Literal[
    "http",
    "https-trusted",
    "https-private",
    "https-wrong-name",
    "https-expired",
    "ssh",
    "ssh-wrong-host-key",
]


@dataclass(frozen=True, slots=True)
class Endpoints:
    """
    The addresses of all listeners.

    `urls`: the root URL of each transport that is served.
    `authorities`: the PEM texts of the CAs `trusted` and `private`; `https-wrong-name` and
    `https-expired` are signed by the private one, so that only their own flaw is wrong with them.
    `known_hosts`: texts for a known_hosts file. `ssh`: the right one. `ssh-wrong-host-key`: what a
    client that pins the genuine key holds for the impostor's address (the key there differs).
    `mismatch`: pins another key to the genuine address. `unknown`: names another host only.
    """

    urls: Mapping[str, str]
    authorities: Mapping[str, str]
    known_hosts: Mapping[str, str]
    log: str

    def url(
        self,
        repository: str,
        transport: Transport = "http",
        *,
        user: str | None = None,
        suffix: str = ".git",
    ) -> str:
        """Give the URL of a repository; `user` goes into it (SSH has `git` if none is named)."""
        root = self.urls[transport]
        if user is not None:
            scheme, _, rest = root.partition("://")
            root = f"{scheme}://{quote(user, safe='')}@{rest.rpartition('@')[2]}"
        return f"{root}/{repository}{suffix}"

    def to_json(self) -> dict[str, Any]:
        """Give the wire form."""
        return {
            "urls": dict(self.urls),
            "authorities": dict(self.authorities),
            "known_hosts": dict(self.known_hosts),
            "log": self.log,
        }

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Endpoints:
        """Read the wire form."""
        return cls(raw["urls"], raw["authorities"], raw["known_hosts"], raw["log"])
