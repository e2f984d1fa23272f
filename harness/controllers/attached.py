"""
The attached tier of one cluster as a process: sources and Kustomizations, and what feeds them.

Only wiring: what is reconciled and how belongs to `source` and `kustomization`.
"""

from __future__ import annotations

import argparse
import logging
import shutil
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

from harness.cluster import client, pod
from harness.cluster.client import Cluster
from harness.cluster.reflector import Change
from harness.controllers import attached_fields as fields
from harness.controllers import heartbeat
from harness.controllers.apply_live import Live
from harness.controllers.artifact_storage import Storage
from harness.controllers.attached_objects import Objects
from harness.controllers.git_fetch import Git
from harness.controllers.kustomization import Kustomizations
from harness.controllers.kustomization_account import Accounts
from harness.controllers.kustomization_build import Builder
from harness.controllers.kustomization_inputs import Inputs
from harness.controllers.kustomization_report import Reporter
from harness.controllers.kustomization_shelf import Shelf
from harness.controllers.runtime import Backoff, Controller, Key, Manager
from harness.controllers.source import Sources
from harness.controllers.source_fetch import Fetcher
from harness.controllers.source_revision import Dialect
from harness.errors import SetupError
from harness.kit.clock import Clock, system_clock
from harness.model import objects

log = logging.getLogger(__name__)

# A remote that hangs holds a worker until its timeout: there are enough for the others.
_SOURCE_WORKERS = 16
_KUSTOMIZATION_WORKERS = 8


class Tier:
    """Everything that runs for one cluster."""

    def __init__(
        self,
        cluster: Cluster,
        *,
        storage: Path,
        kubectl: Path,
        dialect: Dialect = "page",
        default_service_account: str = "{namespace}",
        builds: Path | None = None,
        clock: Clock = system_clock,
    ) -> None:
        scratch = _emptied(storage / "scratch")
        self._storage = Storage(storage)
        self._git = Git()
        self._live = Live(cluster)
        self._manager = Manager()
        sources = Objects(
            cluster,
            fields.SOURCE_API,
            "GitRepository",
            manager="source-controller",
            on_change=self._source_changed,
        )
        self._kustomizations = Objects(
            cluster,
            fields.KUSTOMIZE_API,
            "Kustomization",
            manager="gotk-kustomize-controller",
            on_change=self._kustomization_changed,
        )
        self.source_controller = Controller(
            "source",
            Sources(
                cluster,
                sources,
                self._storage,
                Fetcher(self._git, scratch=scratch, dialect=dialect),
                dialect=dialect,
                clock=clock,
            ),
            workers=_SOURCE_WORKERS,
            backoff=Backoff(0.5, 5.0),
            clock=clock,
        )
        self.kustomize_controller = Controller(
            "kustomization",
            Kustomizations(
                self._kustomizations,
                Inputs(cluster, sources, self._kustomizations),
                Builder(kubectl, scratch, Shelf(builds) if builds else None),
                Accounts(cluster, default=default_service_account),
                self._live,
                Reporter(cluster, self._kustomizations, clock),
                clock=clock,
            ),
            workers=_KUSTOMIZATION_WORKERS,
            backoff=Backoff(0.5, 5.0),
            clock=clock,
        )
        self._manager.add(sources.reflector, self._kustomizations.reflector)
        self._manager.add(self.source_controller, self.kustomize_controller)

    def start(self) -> None:
        """Begin; returns when the cluster's objects are known and the workers run."""
        self._storage.start()
        self._manager.start()

    def stop(self) -> None:
        """End everything, what is being worked on first."""
        self._git.stop()
        self._manager.stop()
        self._live.stop()
        self._storage.stop()

    def _source_changed(self, change: Change) -> None:
        if is_request(change):
            self.source_controller.queue.add(Key.of(change.object))
        if offers_something_new(change):
            for kustomization in self._kustomizations:
                if fields.source_key(kustomization) == Key.of(change.object):
                    self.kustomize_controller.queue.add(Key.of(kustomization))

    def _kustomization_changed(self, change: Change) -> None:
        if is_request(change):
            self.kustomize_controller.queue.add(Key.of(change.object))


def is_request(change: Change) -> bool:
    """Whether somebody wants something: a new spec, a deletion, or `requestedAt`."""
    if change.type != "MODIFIED" or change.old is None:
        return True
    return (
        objects.generation(change.old) != objects.generation(change.object)
        or objects.deleting(change.old) != objects.deleting(change.object)
        or fields.requested_at(change.old) != fields.requested_at(change.object)
    )


def offers_something_new(change: Change) -> bool:
    """Whether a source's archive is another one than before, or the source came or went."""
    if change.type != "MODIFIED" or change.old is None:
        return True
    before = objects.status(change.old).get("artifact")
    return bool(before != objects.status(change.object).get("artifact"))


def main(argv: Sequence[str]) -> int:
    """Run until SIGTERM or SIGINT."""
    given = _parser().parse_args(argv)
    logging.basicConfig(
        stream=sys.stderr,
        level=logging.DEBUG if given.verbose else logging.INFO,
        format="%(asctime)s.%(msecs)03d %(levelname).1s %(name)s: %(message)s",
        datefmt="%H:%M:%S",
    )
    logging.getLogger("urllib3").setLevel(logging.WARNING)
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    heartbeat.clear(given.ready)
    try:
        cluster = _cluster(given.kubeconfig, given.name, given.context)
        tier = Tier(
            cluster,
            storage=given.storage,
            kubectl=given.kubectl,
            dialect=given.dialect,
            default_service_account=given.default_service_account,
            builds=given.builds,
        )
    except SetupError as error:
        log.error("%s", error)
        return 3
    tier.start()
    log.info("the attached tier of %s runs", given.name)
    heartbeat.beat(given.ready, stopping)
    log.info("the attached tier of %s stops", given.name)
    tier.stop()
    cluster.close()
    return 0


def _cluster(kubeconfig: Path | None, name: str, context: str | None) -> Cluster:
    if kubeconfig is None:
        return pod.connect(name=name, user_agent="attached-tier")
    return client.connect(kubeconfig, name=name, context=context, user_agent="attached-tier")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m harness.controllers attached")
    parser.add_argument("--kubeconfig", type=Path, help="by default that of the pod's account")
    parser.add_argument("--context", help="context of the kubeconfig; its current one by default")
    parser.add_argument("--name", required=True, help="name of the cluster, for the log")
    parser.add_argument("--storage", type=Path, required=True, help="directory for archives")
    parser.add_argument("--builds", type=Path, help="directory shared with other clusters")
    parser.add_argument("--kubectl", type=Path, required=True, help="the program for kustomize")
    parser.add_argument("--dialect", choices=get_args(Dialect), default="page")
    parser.add_argument(
        "--default-service-account",
        default="{namespace}",
        metavar="NAME",
        help="account for Kustomizations that name none, used where it exists; {namespace} stands "
        "for the namespace; empty for none",
    )
    parser.add_argument("--ready", type=Path, help="file to write when everything runs, and touch")
    parser.add_argument("--verbose", action="store_true")
    return parser


def _emptied(directory: Path) -> Path:
    """A private directory without what a killed process may have left, such as a key."""
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True, mode=0o700)
    return directory
