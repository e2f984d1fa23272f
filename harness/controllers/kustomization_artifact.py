"""
The archive that a source offers: downloaded once, checked against its digest, unpacked in memory.

Who offers it, and what is made of it, belongs to others.
"""

from __future__ import annotations

import http.client
import threading
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from harness.controllers import artifact
from harness.controllers.artifact import Tree
from harness.controllers.attached_fields import Failure

_KEPT: Final = 32
_WITHIN: Final = 30.0


class Downloads:
    """Archives by digest; the latest ones are kept."""

    def __init__(self) -> None:
        self._trees: OrderedDict[str, Tree] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, offered: Mapping[str, Any]) -> Tree:
        """The content of the artifact in a source's status."""
        digest = offered["digest"]
        with self._lock:
            known = self._trees.get(digest)
        if known is not None:
            return known
        archive = download(offered["url"])
        check_digest(archive, digest)
        try:
            tree = artifact.unpack(archive)
        except ValueError as error:
            raise _failed(f"failed to untar artifact, error: {error}") from None
        with self._lock:
            self._trees[digest] = tree
            while len(self._trees) > _KEPT:
                self._trees.popitem(last=False)
        return tree


def download(url: str) -> bytes:
    """What the address gives; raises Failure if that is not an archive."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=_WITHIN)
    try:
        connection.request("GET", parts.path)
        response = connection.getresponse()
        content = response.read()
    except (OSError, http.client.HTTPException) as error:
        raise _failed(f"failed to download artifact, error: {error}") from None
    finally:
        connection.close()
    if response.status != 200:
        raise _failed(f"failed to download artifact from {url}, status: {response.status}")
    return content


def check_digest(archive: bytes, digest: str) -> None:
    """Refuse an archive that is not the one that was promised."""
    computed = artifact.digest(archive)
    if computed != digest:
        raise _failed(
            f"failed to verify artifact: computed digest doesn't match {digest}: {computed}"
        )


def _failed(message: str) -> Failure:
    return Failure("ArtifactFailed", message)
