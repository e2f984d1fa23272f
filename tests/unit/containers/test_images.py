"""An image is named by what is in it, and its context holds that and nothing else."""

import os
import tarfile
from pathlib import Path

import pytest

from harness import errors
from harness.cluster import docker
from harness.cluster.binaries import Binaries, Found
from harness.cluster.programs import TABLE
from harness.containers import flux_image, harness_image, images
from harness.containers.images import Recipe
from tests.unit.cluster.fake_docker import FakeDocker


@pytest.fixture
def engine(tmp_path, monkeypatch) -> FakeDocker:
    made = FakeDocker(tmp_path / "docker")
    monkeypatch.setenv("PATH", f"{made.programs}:{os.environ['PATH']}")
    return made


def folder(tmp_path: Path, **files: str) -> Path:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


@pytest.mark.parametrize("other", [("a", "b2"), ("ab",), ("a", "b", ""), ()])
def test_other_content_is_another_name(other):
    assert Recipe("harness", ("a", "b")).tag == Recipe("harness", ("a", "b")).tag
    assert Recipe("harness", other).tag != Recipe("harness", ("a", "b")).tag


def test_a_digest_is_of_names_and_contents(tmp_path):
    one = images.digest(folder(tmp_path / "one", a="1", b="2"))
    (tmp_path / "one" / "__pycache__").mkdir()
    (tmp_path / "one" / "__pycache__" / "a.pyc").write_text("x")
    os.utime(tmp_path / "one" / "a", (0, 0))
    assert images.digest(tmp_path / "one") == one
    assert images.digest(folder(tmp_path / "two", a="1", c="2")) != one
    assert images.digest(folder(tmp_path / "three", a="1", b="3")) != one


def test_an_image_that_is_there_is_not_built(engine):
    recipe = Recipe("harness", ("a",))
    engine.image(recipe.tag)

    def never() -> dict[str, Path]:
        raise AssertionError("nothing is to be prepared")

    assert images.provide(recipe, never, print) == recipe.tag
    assert not any(asked.startswith("build") for asked in engine.lines("asked"))


def test_the_context_holds_the_folders_and_no_trace_of_who_built_it(engine, tmp_path):
    recipe = Recipe("harness", ("a",), {"BASE": "base:1"})
    source = folder(tmp_path / "source", tool="#!/bin/sh\n", text="x")
    (source / "tool").chmod(0o700)
    (source / "text").chmod(0o600)
    images.provide(recipe, lambda: {"harness": source, "kubectl": source / "tool"}, print)

    [asked] = [line for line in engine.lines("asked") if line.startswith("build")]
    assert f"--tag={recipe.tag}" in asked
    assert f"--label={images.LABEL}=harness" in asked
    assert "--build-arg=BASE=base:1" in asked
    with tarfile.open(engine.state / "context.tar") as context:
        found = {each.name: each for each in context.getmembers()}
    assert set(found) == {"Dockerfile", "harness/text", "harness/tool", "kubectl"}
    assert oct(found["harness/tool"].mode) == "0o755"
    assert oct(found["kubectl"].mode) == "0o755"
    assert oct(found["harness/text"].mode) == "0o644"
    assert {(each.uid, each.uname, each.mtime) for each in found.values()} == {(0, "", 0)}


def test_the_image_of_flux_holds_its_programs_under_their_own_names(engine, tmp_path):
    names = {"source-controller": "source-controller-v1", "kustomize-controller": "kc"}
    found = {
        ours: Found(TABLE["kubectl"], folder(tmp_path, **{ours: ours}) / ours, "v1", "here")
        for ours in names.values()
    }
    tag = flux_image.provide(names, Binaries(found), print)

    with tarfile.open(engine.state / "context.tar") as context:
        assert {each.name for each in context.getmembers()} == {"Dockerfile", *names}
        member = context.extractfile("source-controller")
        assert member is not None
        assert member.read() == b"source-controller-v1"
    (tmp_path / "kc").write_text("another")
    assert flux_image.provide(names, Binaries(found), print) != tag


def test_the_default_base_is_the_one_of_the_dockerfile():
    dockerfile = Recipe("harness", ()).dockerfile.read_text()
    assert f"ARG BASE={harness_image.BASE}\n" in dockerfile


def test_a_base_that_cannot_be_pulled_is_told_with_the_fix(engine):
    engine.put("fail-pull", "dial tcp: lookup registry.example.com: no such host\n")
    with pytest.raises(errors.SetupError) as caught:
        harness_image.provide("nobody/has:1", print, within=5)
    told = str(caught.value)
    assert told.startswith("nobody/has:1 could not be pulled: its registry cannot be reached")
    assert told.endswith("--image-base (GITOPS_CONFORMANCE_BASE).")


def test_a_base_without_python_is_told(engine):
    engine.image("alpine:3")
    engine.put("fail-run", 'exec: "python3": executable file not found in $PATH\n')
    with pytest.raises(errors.SetupError, match=r"alpine:3 is no base .* needs `python3`"):
        harness_image.provide("alpine:3", print, within=5)


@pytest.mark.parametrize(
    ("told", "reached"),
    [
        ("127.0.0.0/8 127.0.0.1\n\n", True),
        ("192.0.2.0/24 192.0.2.1\n\n", False),
        ("2001:db8::/64 2001:db8::1\n127.0.0.0/8 127.0.0.2\n\n", True),
        ("127.0.0.0/8 \n\n", True),  # the first network of an engine, until it is restarted
        ("192.0.2.0/24 \n\n", False),
        ("\n", False),
    ],
)
def test_a_network_is_reached_through_an_address_of_ours(engine, told, reached):
    engine.put("gateway", told)
    assert docker.reaches("gc-1") is reached
