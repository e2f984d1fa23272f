"""Where the data of the project lies: in a checkout its root, in a wheel `harness/_data`."""

from __future__ import annotations

from pathlib import Path

from harness.errors import HarnessBug

_PACKAGE = Path(__file__).resolve().parent


def root() -> Path:
    """The directory that holds `features/` and `fixtures/`."""
    for candidate in (_PACKAGE.parent, _PACKAGE / "_data"):
        if (candidate / "features").is_dir() and (candidate / "fixtures").is_dir():
            return candidate
    raise HarnessBug("This installation carries neither features/ nor harness/_data/features/.")


def path(*parts: str) -> Path:
    """The path of a data file or folder, such as `path("fixtures", "crds")`."""
    return root().joinpath(*parts)
