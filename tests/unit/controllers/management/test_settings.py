"""The configuration file of the management tier."""

import json
from pathlib import Path
from typing import Any

import pytest

from harness.controllers import management_settings
from harness.controllers.gitops_repository_manifests import NO_REMEDIES, REMEDIES
from harness.errors import UsageError


def document(directory: Path) -> dict[str, Any]:
    return {
        "bootstrap": {
            "url": "https://h/kommander/kommander.git",
            "writer": {"username": "w", "password": "s3cret-w"},
            "readers": {"c1": {"username": "c1", "password": "s3cret-r"}},
        },
        "intervals": {"source": "1s", "kustomization": "2s", "management": "3s"},
        "directory": str(directory),
    }


def written(directory: Path, content: str, mode: int = 0o600) -> Path:
    path = directory / "c.json"
    path.touch(mode=mode)
    path.write_text(content)
    return path


def test_a_file_is_read_and_shows_no_password(tmp_path: Path) -> None:
    settings = management_settings.read(written(tmp_path, json.dumps(document(tmp_path))))
    assert settings.upstream.url == settings.remote.url
    assert settings.pace.source == "1s"
    assert settings.project_interval == "2s"
    assert settings.upstream.interval == "3s"
    assert settings.health_interval == 10.0
    assert "s3cret" not in repr(settings)


def test_remedies_can_be_left_out(tmp_path: Path) -> None:
    with_them = document(tmp_path)
    assert management_settings.parsed(with_them).remedies == REMEDIES
    assert management_settings.parsed({**with_them, "remedies": False}).remedies == NO_REMEDIES


def test_a_file_that_others_may_read_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, "{}", 0o644)
    with pytest.raises(UsageError, match="0600"):
        management_settings.read(path)


@pytest.mark.parametrize(("content", "told"), [("{}", "bootstrap"), ("{", "cannot be read")])
def test_a_bad_file_is_explained(tmp_path: Path, content: str, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        management_settings.read(written(tmp_path, content))
