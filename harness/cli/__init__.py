"""The command line: what users type, and the exit codes they get."""

import sys

from harness.cli.commands import cli
from harness.cli.failing import exit_status


def main() -> None:
    """The console script."""
    sys.exit(exit_status(lambda: cli.main(prog_name="gitops-conformance", standalone_mode=False)))
