"""The image of the harness itself: for the Git server in a container, and for runs in a cluster."""

from collections.abc import Callable, Mapping
from pathlib import Path

from harness import data, errors
from harness.cluster import binaries, docker
from harness.containers import images, libraries
from harness.containers.libraries import Python

BASE = "python:3.11-slim-bookworm"
"""What it is built on where nothing else is named."""

BASE_VARIABLE = "GITOPS_CONFORMANCE_BASE"

_PACKAGE = Path(__file__).resolve().parents[1]

Progress = Callable[[str], None]


def provide(base: str, tell: Progress, *, within: float) -> str:
    """
    The name of the image, built on `base` unless it is there.

    A base that the engine does not hold is pulled, for at most `within` seconds. SetupError says
    why it cannot be had.
    """
    base = base or BASE
    identity = docker.image_id(base) or _pulled(base, tell, within)
    found = binaries.provide(("kubectl",), on_progress=tell)
    pins = libraries.pins()
    recipe = images.Recipe(
        "harness",
        content=(
            identity,
            found.provenance("kubectl").sha256,
            *pins,
            *map(images.digest, _sources().values()),
        ),
        arguments={"BASE": base},
    )

    def places() -> Mapping[str, Path]:
        fetched = libraries.fetch(pins, _python(base), binaries.cache_directory(), tell)
        return {"kubectl": found.path("kubectl"), "libraries": fetched, **_sources()}

    return images.provide(recipe, places, tell)


def _sources() -> dict[str, Path]:
    """The package and its data, each at its place in the context."""
    inside = {f"harness/_data/{name}": data.path(name) for name in ("features", "fixtures")}
    return {"harness": _PACKAGE, **inside}


def _pulled(base: str, tell: Progress, within: float) -> str:
    tell(f"pulling {base} (once)")
    docker.pull(base, within=within, option=f"--image-base ({BASE_VARIABLE})")
    return docker.image_id(base)


def _python(base: str) -> Python:
    """The Python of a base image."""
    try:
        told = docker.run(
            "run", "--rm", "--network=none", "--entrypoint=python3", base, "-c", Python.QUESTION
        )
        return Python.of(told)
    except (errors.SetupError, ValueError) as error:
        raise errors.SetupError(
            f"{base} is no base for the image of the harness: it needs `python3` with glibc, such "
            f"as {BASE} has ({error})."
        ) from None
