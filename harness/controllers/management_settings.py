"""
The configuration file of the management tier.

C.json (it holds passwords: mode 0600, or handed to our group, as Kubernetes hands out Secrets):

    {"bootstrap": {"url": "https://...", "clusterUrl": "https://... (url by default)",
                   "caFile": "/path", "branch": "main",
                   "writer": {"username": "...", "password": "..." or "passwordFile": "/path"},
                   "readers": {"c1": {"username": "...", "password": "..."}}},
     "intervals": {"source": "1s", "kustomization": "2s", "management": "10s",
                   "project": "2s (of Kustomization `project`; by default as kustomization)",
                   "health": "10s"},
     "timeout": "20s",
     "remedies": true (false: a plain front that leaves Flux to itself),
     "directory": "/path for the clone"}
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.controllers.attachment_flux import Upstream
from harness.controllers.bootstrap_clone import Credentials, Remote
from harness.controllers.gitops_repository_manifests import (
    NO_REMEDIES,
    REMEDIES,
    Pace,
    Remedies,
)
from harness.errors import UsageError


@dataclass(frozen=True, slots=True)
class Settings:
    """The configuration file, read."""

    remote: Remote
    upstream: Upstream
    pace: Pace
    remedies: Remedies
    project_interval: str
    health_interval: float
    directory: Path


def read(path: Path) -> Settings:
    """The settings in a file; UsageError if it is not usable."""
    try:
        found = path.stat()
        # Of somebody else's file we are given the group's right, or we could not read it at all.
        others = 0o077 if found.st_uid == os.geteuid() else 0o037
        if found.st_mode & others:
            raise UsageError(f"{path} holds passwords: its mode must be 0600")
        return parsed(json.loads(path.read_text()))
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} cannot be read: {error}") from error
    except KeyError as error:
        raise UsageError(f"{path} lacks {error}") from error


def parsed(document: dict[str, Any]) -> Settings:
    """The settings that a configuration document stands for."""
    repository = document["bootstrap"]
    intervals = document.get("intervals") or {}
    ca_file = Path(repository["caFile"]) if repository.get("caFile") else None
    branch = repository.get("branch", "main")
    readers = {name: _credentials(each) for name, each in repository["readers"].items()}
    timeout = document.get("timeout", "20s")
    return Settings(
        remote=Remote(repository["url"], branch, ca_file, _credentials(repository["writer"])),
        upstream=Upstream(
            repository.get("clusterUrl") or repository["url"],
            branch,
            ca_file.read_text() if ca_file else "",
            readers,
            intervals.get("management", "1m0s"),
            timeout,
        ),
        pace=Pace(intervals.get("source", "1m0s"), intervals.get("kustomization", "1m0s"), timeout),
        project_interval=intervals.get("project") or intervals.get("kustomization", "1m0s"),
        remedies=REMEDIES if document.get("remedies", True) else NO_REMEDIES,
        health_interval=float(str(intervals.get("health", "10s")).removesuffix("s")),
        directory=Path(document["directory"]),
    )


def _credentials(document: dict[str, str]) -> Credentials:
    if "passwordFile" in document:
        return Credentials(document["username"], Path(document["passwordFile"]).read_text().strip())
    return Credentials(document["username"], document["password"])
