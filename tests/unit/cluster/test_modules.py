"""Files of a Go module: fetched once, checked against the pin, explained if not served."""

import json
import os

import pytest

from harness import errors
from harness.cluster import modules
from harness.cluster.modules import Module

MODULE = Module("example.com/controller", "v1.2.3", "h1:abcdefghijklmnop=")


@pytest.fixture
def go(tmp_path, monkeypatch):
    """A `go` that answers `mod download` as told, and counts how often it was asked."""
    binaries = tmp_path / "sdk" / "bin"
    binaries.mkdir(parents=True)
    (binaries.parent / "VERSION").write_text("go1.99.0\n")
    monkeypatch.setenv("PATH", f"{binaries}:{os.environ['PATH']}")
    asked = tmp_path / "asked"

    def answers(answer, status=0):
        (tmp_path / "answer").write_text(json.dumps(answer))
        program = binaries / "go"
        program.write_text(
            f'#!/bin/sh\necho "$*" >> {asked}\ncat {tmp_path}/answer\nexit {status}\n'
        )
        program.chmod(0o755)
        return asked

    return answers


def a_module(tmp_path):
    folder = tmp_path / "module"
    (folder / "config" / "crd").mkdir(parents=True)
    (folder / "config" / "crd" / "a.yaml").write_text("kind: A\n")
    return folder


def test_a_folder_is_fetched_once(tmp_path, go):
    asked = go({"Dir": str(a_module(tmp_path)), "Sum": MODULE.checksum})
    found = [modules.folder(MODULE, "config/crd", cache=tmp_path / "cache") for _ in range(2)]

    assert found[0] == found[1]
    assert (found[0] / "a.yaml").read_text() == "kind: A\n"
    assert asked.read_text() == "mod download -json example.com/controller@v1.2.3\n"


def test_another_checksum_is_refused(tmp_path, go):
    go({"Dir": str(a_module(tmp_path)), "Sum": "h1:other="})
    with pytest.raises(errors.SetupError, match="h1:other=, but h1:abcdefghijklmnop= is pinned"):
        modules.folder(MODULE, "config/crd", cache=tmp_path / "cache")
    assert not list((tmp_path / "cache").rglob("a.yaml"))


def test_a_module_that_is_not_served_is_named(tmp_path, go):
    go({"Error": "example.com/controller@v1.2.3: 403 Forbidden"}, status=1)
    with pytest.raises(modules.NotServed, match="module not served: example"):
        modules.folder(MODULE, "config/crd", cache=tmp_path / "cache")
