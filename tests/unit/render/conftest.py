"""Where the tests of kustomize get kubectl from."""

import os
import shutil
from pathlib import Path

import pytest


def find_kubectl() -> Path | None:
    """The kubectl to test with, or None; the one place that knows where to look."""
    named = os.environ.get("KUBECTL")
    found = named or shutil.which("kubectl")
    return Path(found) if found else None


@pytest.fixture(scope="session")
def kubectl() -> Path:
    found = find_kubectl()
    if found is None or not found.is_file():
        pytest.skip("no kubectl: set KUBECTL or put one on PATH")
    return found


@pytest.fixture(scope="session")
def repositories() -> Path:
    return Path(__file__).parents[3] / "fixtures" / "repositories"
