"""The image of the Flux controllers: the programs that run on the host too, and nothing else."""

from collections.abc import Callable, Mapping

from harness.cluster.binaries import Binaries
from harness.containers import images

Progress = Callable[[str], None]


def provide(programs: Mapping[str, str], found: Binaries, tell: Progress) -> str:
    """
    The name of the image, built unless it is there.

    `programs` says under which of our names each controller is found, by the name that it has in
    the image.
    """
    content = tuple(
        f"{name} {found.provenance(program).sha256}" for name, program in sorted(programs.items())
    )
    return images.provide(
        images.Recipe("flux", content),
        lambda: {name: found.path(program) for name, program in programs.items()},
        tell,
    )
