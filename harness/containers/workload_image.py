"""The images of the application that scenarios deploy: one static program, in two versions."""

import platform
from collections.abc import Callable, Mapping
from pathlib import Path

from harness import errors
from harness.cluster import binaries, gobuild
from harness.cluster.programs import ASSETS, Program
from harness.containers import images

VERSIONS = ("1", "2")

PROGRAM = Program("workload", "workload", ".", "workload", 20)
"""Built like those of others, but its source is the project's own."""

Progress = Callable[[str], None]


def provide(tell: Progress) -> tuple[str, ...]:
    """The names of the images, by version; the engine holds them. SetupError says why it cannot."""
    source = images.digest(ASSETS / PROGRAM.folder)
    return tuple(
        images.provide(
            # The engine is asked to run what this machine builds: the same architecture.
            images.Recipe("workload", (source, platform.machine(), version), {"VERSION": version}),
            lambda: _folders(source, tell),
            tell,
        )
        for version in VERSIONS
    )


def _folders(source: str, tell: Progress) -> Mapping[str, Path]:
    """The folder with the program, built unless it was before."""
    cache = binaries.cache_directory()
    folder = cache / "workload" / source[:16]
    program = folder / "workload"
    with gobuild.alone(cache, tell):
        if not program.exists():
            folder.mkdir(parents=True, exist_ok=True)
            partial = folder.with_name(f"{folder.name}.partial")
            if gobuild.GoBuild(cache).make(PROGRAM, partial, tell) is None:
                raise errors.SetupError(f"There is no Go to build it with: {gobuild.ADVICE}")
            partial.replace(program)
    return {"program": folder}
