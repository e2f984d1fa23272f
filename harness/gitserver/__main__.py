"""Read the configuration, serve Git, stop when told to or when the parent is gone."""

from __future__ import annotations

import argparse
import json
import logging
import os
import select
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from harness.errors import SetupError, UsageError
from harness.gitserver import config
from harness.gitserver.server import Server


def main(arguments: list[str] | None = None) -> int:
    """Run the server until it is stopped; give the exit status."""
    parser = argparse.ArgumentParser(prog="python -m harness.gitserver", description=__doc__)
    parser.add_argument("--config", type=Path, required=True, help="the configuration, a JSON file")
    parser.add_argument("--ready", type=Path, required=True, help="written when all is listening")
    parser.add_argument("--parent", type=int, help="stop when this process ends")
    parser.add_argument(
        "--watch-stdin", action="store_true", help="stop when standard input is closed"
    )
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    logging.getLogger("asyncssh").setLevel(logging.ERROR)
    try:
        return _run(options)
    except UsageError as error:
        print(f"git server: {error}", file=sys.stderr)  # noqa: T201 - this is a command
        return 2
    except (SetupError, OSError) as error:
        print(f"git server: {error}", file=sys.stderr)  # noqa: T201 - this is a command
        return 3


def _run(options: argparse.Namespace) -> int:
    server = Server(config.load(options.config))
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: server.stopped.set())
    if options.parent:
        _background(lambda: _parent_ends(options.parent), server.stopped)
    if options.watch_stdin:
        _background(lambda: sys.stdin.buffer.read(), server.stopped)
    try:
        ready = server.start()
        _publish(options.ready, ready)
        server.stopped.wait()
    finally:
        server.stop()
    return 0


def _publish(path: Path, ready: dict[str, object]) -> None:
    # Whoever sees the file sees all of it.
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_text(json.dumps(ready, indent=2), encoding="utf-8")
    draft.replace(path)


def _background(wait: Callable[[], object], stopped: threading.Event) -> None:
    def watch() -> None:
        wait()
        stopped.set()

    threading.Thread(target=watch, name="watch", daemon=True).start()


def _parent_ends(pid: int) -> None:
    # A descriptor of the process, unlike PR_SET_PDEATHSIG, does not care which thread started us.
    try:
        parent = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    select.select([parent], [], [])


if __name__ == "__main__":
    sys.exit(main())
