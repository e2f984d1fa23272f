"""What the tests on Docker have in common: what they need, or why they are skipped."""

import os

import pytest

from harness import errors
from harness.cluster import docker, kind, providing
from harness.containers import harness_image

NODE_IMAGE = os.environ.get("KIND_NODE_IMAGE", kind.IMAGE)


def require_nodes(attached: int) -> None:
    """Docker with room for so many clusters, and the node image."""
    try:
        kind.check(providing.Request(attached=attached))
        if not docker.has_image(NODE_IMAGE):
            docker.pull(NODE_IMAGE, within=900, option="KIND_NODE_IMAGE")
    except errors.SetupError as error:
        pytest.skip(str(error))


def require_image() -> str:
    """The image of the harness."""
    try:
        base = os.environ.get(harness_image.BASE_VARIABLE, "")
        return harness_image.provide(base, print, within=300)
    except errors.SetupError as error:
        pytest.skip(str(error))


def listed() -> set[str]:
    """All containers and networks of this machine."""
    containers = docker.run("ps", "--all", "--format", "container {{.Names}}").splitlines()
    networks = docker.run("network", "ls", "--format", "network {{.Name}}").splitlines()
    return {*containers, *networks}
