"""Small JSON files that several processes read at any time; what is in them is said elsewhere."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def write(path: Path, content: Mapping[str, Any]) -> None:
    """Whole or not at all, since others read it at any time."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.write_text(json.dumps(content, indent=2, sort_keys=True))
    partial.replace(path)


def read(path: Path) -> dict[str, Any] | None:
    """What was written, or None where there is nothing that can be read."""
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None
