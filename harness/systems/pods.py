"""
Controllers in pods: deployed, followed by a watch until they are ready, explained when they end.

What a Deployment looks like is said by `deployment`. A pod's output goes to the fleet's logs, as
that of a process does.
"""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from harness.cluster import kubeconfig_file
from harness.cluster.client import Cluster
from harness.cluster.fleet import Lease, Member
from harness.cluster.reflector import Change, Reflector
from harness.errors import SetupError
from harness.kit import wait
from harness.kit.process import Process
from harness.model import objects
from harness.model.objects import Object, Ref
from harness.systems import deployment, installation, reference_pods
from harness.systems.deployment import Controller

_FATAL = frozenset(
    {
        "CrashLoopBackOff",
        "CreateContainerConfigError",
        "CreateContainerError",
        "ErrImageNeverPull",
        "InvalidImageName",
        "RunContainerError",
    }
)
"""Why a container waits that will not start by itself: all that it needs is there before it."""

_MONTH = 30 * 24 * 3600
_LAST_LINES = 20


class Deployed:
    """A controller in a pod of a cluster, as seen by a watch until it is closed."""

    def __init__(
        self, controller: Controller, member: Member, cluster: Cluster, kubectl: Path
    ) -> None:
        self.name = controller.log
        self._controller = controller
        self.member = member
        self._cluster = cluster
        self._kubectl = kubectl
        self._pods = Reflector(
            cluster,
            "v1",
            "Pod",
            controller.namespace,
            labels=controller.selector,
            on_change=_nothing,
        ).start()

    @property
    def alive(self) -> bool:
        """Whether it goes on, or still may begin."""
        return trouble(self._pod) is None

    def check(self) -> None:
        """Raise if it ended, or cannot begin."""
        if not self.alive:
            raise SetupError(self.explain())

    def explain(self) -> str:
        """What became of it and what it said last."""
        pod = self._pod
        fate = trouble(pod) or missing(pod) or "still runs"
        said = self._last_words(pod).strip("\n") if pod else ""
        heading = f"Its last lines:\n{said}" if said else "It wrote nothing."
        name = objects.name(pod) if pod else self._controller.name
        return f"{self.name} (pod {name} on {self.member.name}) {fate}.\n{heading}"

    def unready(self) -> str | None:
        """None when its readiness probe is content, else what is missing."""
        return self._pods.trouble or missing(self._pod)

    def unbegun(self) -> str | None:
        """None once its container has output that can be followed."""
        self.check()
        return self._pods.trouble or (None if begun(self._pod) else missing(self._pod))

    def logs(self, *arguments: str) -> list[str | Path]:
        """The command that prints its output."""
        return [
            self._kubectl, f"--kubeconfig={self.member.kubeconfig}",
            f"--context={self.member.context}", "logs", f"--namespace={self._controller.namespace}",
            *arguments,
        ]  # fmt: skip

    def follow(self, lease: Lease, *, within: float) -> Process:
        """Have its output in the fleet's logs from its first line on; from the main thread."""
        wait.eventually(self.unbegun, within=within, what=f"{self.name} has a pod that runs")
        pod = self._pod
        name = objects.name(pod) if pod else ""
        # It ends with the container, which Kubernetes starts again.
        return lease.start(self.name, self.logs("--follow", name), essential=False)

    def close(self) -> None:
        """End the watch."""
        self._pods.stop()
        self._cluster.close()

    @property
    def _pod(self) -> Object | None:
        """The newest one; one that goes is no matter of ours."""
        there = [pod for pod in self._pods.items() if not objects.deleting(pod)]
        return max(there, key=lambda pod: pod["metadata"]["creationTimestamp"], default=None)

    def _last_words(self, pod: Object) -> str:
        before = ["--previous"] if _restarts(pod) else []
        command = self.logs(f"--tail={_LAST_LINES}", *before, objects.name(pod))
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=20, check=False,
                stdin=subprocess.DEVNULL,
            )  # fmt: skip
        except (OSError, subprocess.SubprocessError) as error:
            return str(error)
        return done.stdout or done.stderr


@dataclass(frozen=True, slots=True)
class Pods:
    """Where the controllers of a system are when they are in its clusters."""

    image: str
    """Of the harness, which every management cluster has on its node."""
    kubectl: Path
    trusted: str = field(repr=False)
    flux_image: str = ""
    _deployed: list[Deployed] = field(default_factory=list, repr=False)
    _tokens: list[str] = field(default_factory=list, repr=False)

    def deploy(self, member: Member, controller: Controller) -> Deployed:
        """Put a controller on a cluster; it is not awaited."""
        cluster = installation.connect(member)
        for obj in deployment.objects(controller):
            cluster.apply(obj, field_manager=installation.MANAGER)
        deployed = Deployed(controller, member, cluster, self.kubectl)
        self._deployed.append(deployed)
        return deployed

    def on(self, member: Member) -> Sequence[Deployed]:
        """Those that were deployed on a cluster."""
        return [each for each in self._deployed if each.member is member]

    def attachment(self, directory: Path, member: Member) -> str:
        """A kubeconfig with which the management tier's pod works on an attached cluster."""
        with contextlib.closing(installation.connect(member)) as cluster:
            for obj in reference_pods.attachment():
                cluster.apply(obj, field_manager=installation.MANAGER)
            account = Ref("v1", "ServiceAccount", reference_pods.ATTACHMENT, reference_pods.HOME)
            token = cluster.token(account, seconds=_MONTH)
        self._tokens.append(token)
        made = kubeconfig_file.for_token(
            member.kubeconfig,
            directory / f"attachment-{member.name}.kubeconfig",
            context=member.context,
            user=reference_pods.ATTACHMENT,
            token=token,
            server=member.inside,
        )
        return made.read_text()

    def close(self) -> None:
        """End the watches; the controllers stay."""
        for each in self._deployed:
            each.close()

    @property
    def secrets(self) -> Sequence[str]:
        """The tokens that were made."""
        return tuple(self._tokens)


def trouble(pod: Object | None) -> str | None:
    """Why a pod will not do what it is for, or None; pure."""
    if pod is None:
        return None
    for container in _containers(pod):
        state = container.get("state") or {}
        ended = state.get("terminated") or (container.get("lastState") or {}).get("terminated")
        if ended:
            return f"ended with exit status {ended.get('exitCode')} ({ended.get('reason')})"
        waits = state.get("waiting") or {}
        if waits.get("reason") in _FATAL:
            return f"cannot start: {waits['reason']}: {waits.get('message', '')}".rstrip(": ")
    phase = objects.status(pod).get("phase")
    return f"has {str(phase).lower()}" if phase in ("Failed", "Succeeded") else None


def missing(pod: Object | None) -> str | None:
    """What a pod lacks until it is ready, or None; pure."""
    if pod is None:
        return "there is no pod yet"
    conditions = objects.status(pod).get("conditions") or []
    known = {each["type"]: each for each in conditions}
    if known.get("Ready", {}).get("status") == "True":
        return None
    for kind in ("PodScheduled", "Initialized", "ContainersReady", "Ready"):
        condition = known.get(kind) or {}
        if condition.get("status") != "True" and condition.get("message"):
            return f"its pod is not ready: {condition['message']}"
    return "its pod is not ready"


def begun(pod: Object | None) -> bool:
    """Whether the container of a pod has run; pure."""
    states = [container.get("state") or {} for container in _containers(pod or {})]
    return any("running" in state or "terminated" in state for state in states)


def _containers(pod: Object) -> list[Object]:
    return objects.status(pod).get("containerStatuses") or []


def _restarts(pod: Object) -> int:
    return sum(int(each.get("restartCount", 0)) for each in _containers(pod))


def _nothing(change: Change) -> None:
    """The copy is all that is wanted."""
