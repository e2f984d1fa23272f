"""
Kubeconfig files: one for a cluster, or several merged into one. Credentials are embedded.

Only reading, writing and merging; who connects with them is `client`.
"""

import base64
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from harness import errors
from harness.kit import certs
from harness.model import manifest


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


def rename(path: Path, context: str, *, server: str = "") -> Path:
    """
    Let the one context of a file, its cluster and its user bear our names, not its writer's.

    `server` is another address of the cluster, nearer to us than the one in the file.
    """
    content = yaml.safe_load(path.read_text())
    [cluster], [user] = content["clusters"], content["users"]
    reached = {**cluster["cluster"], **({"server": server} if server else {})}
    return _save(
        path,
        {
            "clusters": [{"name": context, "cluster": reached}],
            "users": [{**user, "name": f"{context}-admin"}],
            "contexts": [
                {"name": context, "context": {"cluster": context, "user": f"{context}-admin"}}
            ],
            "current-context": context,
        },
    )


def adopt(source: Path, target: Path, context: str) -> Path:
    """What the current context of somebody's file needs, complete in itself and with our names."""
    try:
        given = yaml.safe_load(source.read_text())
        wanted = given.get("current-context") or given["contexts"][0]["name"]
        chosen = _entry(given, "context", wanted)
        cluster = _embedded(_entry(given, "cluster", chosen["cluster"]), source.parent)
        user = _embedded(_entry(given, "user", chosen["user"]), source.parent)
    except (OSError, yaml.YAMLError, LookupError, AttributeError, TypeError) as error:
        raise errors.UsageError(
            f"{source} is no kubeconfig with a current context ({type(error).__name__}: {error}); "
            "`kubectl config view --minify --flatten` writes one."
        ) from None
    name = f"{context}-admin"
    return _save(
        target,
        {
            "clusters": [{"name": context, "cluster": cluster}],
            "users": [{"name": name, "user": user}],
            "contexts": [{"name": context, "context": {"cluster": context, "user": name}}],
            "current-context": context,
        },
    )


def credentials(path: Path) -> list[str]:
    """What in a file must never be seen elsewhere."""
    found = []
    for entry in yaml.safe_load(path.read_text())["users"]:
        user = entry["user"]
        found += [str(user[key]) for key in ("token", "password") if user.get(key)]
        if user.get("client-key-data"):
            found.append(base64.b64decode(user["client-key-data"]).decode())
    return found


_FILES = ("certificate-authority", "client-certificate", "client-key")


def _entry(content: dict[str, Any], kind: str, name: str) -> dict[str, Any]:
    for each in content[f"{kind}s"]:
        if each["name"] == name:
            return dict(each[kind])
    raise LookupError(f"no {kind} {name}")


def _embedded(entry: dict[str, Any], home: Path) -> dict[str, Any]:
    """The entry with the content of the files that it names, but for a token, which changes."""
    made = dict(entry)
    for key in _FILES:
        if made.get(key):
            made[f"{key}-data"] = _text((home / made.pop(key)).read_bytes())
    if made.get("tokenFile"):
        made["tokenFile"] = str((home / made["tokenFile"]).absolute())
    return made


def _save(path: Path, content: dict[str, Any]) -> Path:
    document = {"apiVersion": "v1", "kind": "Config", **content}
    return certs.write_private(path, manifest.dump(document).encode())


def _text(pem: bytes) -> str:
    return base64.b64encode(pem).decode("ascii")
