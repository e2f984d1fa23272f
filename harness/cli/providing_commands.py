"""The commands that get what runs are made of: programs, and images."""

import click

from harness.cli import controllers
from harness.cli.screen import Screen
from harness.cluster import binaries
from harness.containers import harness_image, workload_image
from harness.kit.wait import Patience
from harness.systems import flux_versions

base_option = click.option(
    "--image-base",
    default="",
    metavar="IMAGE",
    envvar=harness_image.BASE_VARIABLE,
    help="What the harness's image is built on: a Debian with Python 3.11 or newer  "
    f"[default: {harness_image.BASE}; env: {harness_image.BASE_VARIABLE}]",
)


@click.command()
def assets() -> None:
    """Get the programs that local clusters are made of (minutes, once)."""
    with Screen() as screen:
        found = binaries.provide(on_progress=screen.progress)
    for name, program in found.found.items():
        click.echo(f"{name:<26} {program.version:<10} {program.path}")


@click.command()
@base_option
def image(image_base: str) -> None:
    """Build the image of the harness, unless it is there; print its name."""
    click.echo(harness_image.provide(image_base, _tell, within=Patience().image_pull))


@click.command()
@base_option
def images(image_base: str) -> None:
    """Build all images, unless they are there; print their names."""
    click.echo(harness_image.provide(image_base, _tell, within=Patience().image_pull))
    pair = flux_versions.default()
    click.echo(controllers.flux_image_of(pair, binaries.provide(pair.programs), _tell))
    for name in workload_image.provide(_tell):
        click.echo(name)


COMMANDS = (assets, image, images)


def _tell(text: str) -> None:
    """Beside the names, which are for a script."""
    click.echo(text, err=True)
