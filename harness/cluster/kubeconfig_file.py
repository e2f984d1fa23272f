"""
Kubeconfig files: one for a cluster, or several merged into one. Credentials are embedded.

Only writing and merging; who connects with them is `client`.
"""

import base64
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from harness.kit import certs


def write(
    path: Path, *, context: str, server: str, authority: bytes, client: certs.Leaf, user: str
) -> Path:
    """A kubeconfig with one context, readable by its owner only."""
    return _save(
        path,
        {
            "clusters": [
                {
                    "name": context,
                    "cluster": {
                        "server": server,
                        "certificate-authority-data": _text(authority),
                    },
                }
            ],
            "users": [
                {
                    "name": user,
                    "user": {
                        "client-certificate-data": _text(client.cert_pem),
                        "client-key-data": _text(client.key_pem),
                    },
                }
            ],
            "contexts": [{"name": context, "context": {"cluster": context, "user": user}}],
            "current-context": context,
        },
    )


def for_token(
    source: Path, target: Path, *, context: str, user: str, token: str, server: str = ""
) -> Path:
    """
    A kubeconfig for the same cluster as `context` of `source`, with a token to log in.

    `server` is another address of it, where the one of `source` is not everybody's.
    """
    given = yaml.safe_load(source.read_text())
    chosen = next(each["context"] for each in given["contexts"] if each["name"] == context)
    cluster = next(each for each in given["clusters"] if each["name"] == chosen["cluster"])
    address = {"server": server} if server else {}
    return _save(
        target,
        {
            # On one machine packing costs more than it saves: discovery alone is asked every turn.
            "clusters": [
                {
                    **cluster,
                    "cluster": {**cluster["cluster"], **address, "disable-compression": True},
                }
            ],
            "users": [{"name": user, "user": {"token": token}}],
            "contexts": [{"name": context, "context": {"cluster": cluster["name"], "user": user}}],
            "current-context": context,
        },
    )


def merge(paths: Sequence[Path], target: Path) -> Path:
    """One kubeconfig with the contexts of all; the first one's context is the current one."""
    parts = [yaml.safe_load(path.read_text()) for path in paths]
    merged: dict[str, Any] = {
        key: [entry for part in parts for entry in part[key]]
        for key in ("clusters", "users", "contexts")
    }
    return _save(target, {**merged, "current-context": parts[0]["current-context"]})


def rename(path: Path, context: str) -> Path:
    """Let the one context of a file, its cluster and its user bear our names, not its writer's."""
    content = yaml.safe_load(path.read_text())
    [cluster], [user] = content["clusters"], content["users"]
    return _save(
        path,
        {
            "clusters": [{**cluster, "name": context}],
            "users": [{**user, "name": f"{context}-admin"}],
            "contexts": [
                {"name": context, "context": {"cluster": context, "user": f"{context}-admin"}}
            ],
            "current-context": context,
        },
    )


def _save(path: Path, content: dict[str, Any]) -> Path:
    document = {"apiVersion": "v1", "kind": "Config", **content}
    return certs.write_private(path, yaml.safe_dump(document, sort_keys=False).encode())


def _text(pem: bytes) -> str:
    return base64.b64encode(pem).decode("ascii")
