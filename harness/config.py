"""
The session: what a run hands to each of its processes, as one file that only its owner reads.

It holds secrets (control tokens); it lies in the run's private directory and goes with it.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

from harness.errors import UsageError

SESSION_VARIABLE = "GITOPS_CONFORMANCE_SESSION"


@dataclass(frozen=True, slots=True)
class Session:
    """What a worker needs to know; paths as texts, so that it travels as JSON."""

    directory: str
    clusters: Mapping[str, str]
    """Name -> kubeconfig; the management cluster first."""
    git_control: str
    git_token: str = field(repr=False)
    system: str
    dialect: str
    capabilities: tuple[str, ...]
    may_poke: bool
    kubectl: str
    workspace: str
    seed: int
    evidence: str
    patience: Mapping[str, float] = field(default_factory=dict)
    bootstrap_control: str = ""
    bootstrap_token: str = field(default="", repr=False)
    logs: str = ""
    variant: str = ""
    """The system, with what was left out of it."""
    judged: tuple[str, ...] = ("management", "attached", "both")
    """The tiers whose behaviour the report is about; the others are supplied by the reference."""
    provider: str = "local"
    controllers: str = "host"
    """Where those of the system run: on the `host`, or `in-cluster`."""
    workload_images: tuple[str, ...] = ()
    """Versions 1 and 2 of the suite's application, where the nodes hold them."""
    changes_port: int = 0
    """Where the run tells its workers what changes on the clusters; 0 if each sees for itself."""
    changes_key: str = field(default="", repr=False)

    def write(self, name: str = "session.json") -> Path:
        """Keep it in its directory; mode 0600."""
        path = Path(self.directory) / name
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(asdict(self), file, indent=2)
        return path

    @classmethod
    def read(cls, path: Path) -> Self:
        """The session that `write` kept."""
        try:
            raw: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise UsageError(f"{path} is no session of a run: {error}") from None
        lists = ("capabilities", "judged", "workload_images")
        return cls(**{**raw, **{name: tuple(raw[name]) for name in lists if name in raw}})

    @property
    def journal(self) -> Path:
        """Where scenarios note what they make."""
        return Path(self.directory) / "journal.jsonl"


def note(journal: Path, kind: str, name: str) -> None:
    """Append one line; safe from several processes, since short appends are whole."""
    descriptor = os.open(journal, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        os.write(descriptor, (json.dumps({"kind": kind, "name": name}) + "\n").encode())
    finally:
        os.close(descriptor)


def noted(journal: Path) -> list[tuple[str, str]]:
    """All that was noted, oldest first."""
    if not journal.exists():
        return []
    lines = map(json.loads, journal.read_text(encoding="utf-8").splitlines())
    return [(line["kind"], line["name"]) for line in lines]
