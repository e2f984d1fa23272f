"""
The management tier as one process: its command line.

    python -m harness.controllers management --kubeconfig F --config C.json --ready FILE

The configuration is described in `management_settings`. In a pod the kubeconfig may be left out.
"""

from __future__ import annotations

import argparse
import logging
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from harness.cluster import client, pod
from harness.cluster.client import Cluster
from harness.controllers import heartbeat, management_settings
from harness.controllers.management_tier import Tier
from harness.errors import HarnessError, UsageError

log = logging.getLogger(__name__)


def main(argv: Sequence[str]) -> int:
    """Run the management tier until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(prog="python -m harness.controllers management")
    parser.add_argument("--kubeconfig", type=Path, help="by default that of the pod's account")
    parser.add_argument("--context", help="of the kubeconfig; its current one by default")
    parser.add_argument("--config", type=Path, required=True, help="JSON that nobody else can read")
    parser.add_argument(
        "--ready", type=Path, required=True, help="written when all lists are in, then touched"
    )
    arguments = parser.parse_args(argv)
    logging.basicConfig(
        stream=sys.stderr,
        level=logging.INFO,
        format="%(asctime)s %(levelname)s %(name)s %(message)s",
    )
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    heartbeat.clear(arguments.ready)
    try:
        tier = Tier(
            _cluster(arguments.kubeconfig, arguments.context),
            management_settings.read(arguments.config),
        )
        tier.start()
    except UsageError as error:
        print(error, file=sys.stderr)  # noqa: T201 # no log yet for somebody who mistyped
        return 2
    except HarnessError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 3
    log.info("the management tier is running")
    heartbeat.beat(arguments.ready, stopping)
    tier.stop()
    return 0


def _cluster(kubeconfig: Path | None, context: str | None) -> Cluster:
    name, agent = "management", "kommander-management"
    if kubeconfig is None:
        return pod.connect(name=name, user_agent=agent)
    return client.connect(kubeconfig, name=name, context=context, user_agent=agent)
