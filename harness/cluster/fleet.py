"""
The clusters that a run works on, and the record of every process that belongs to them.

A `Lease` is a private directory with the state of a fleet: who owns it, what was started for it.
What a killed run left behind is found there and ended by the next start (`reap_stale`). How
clusters are started is said by the providers (`controlplane`, `kind`, `given`).
"""

import contextlib
import fcntl
import logging
import os
import shutil
import signal
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, Self

from harness import errors
from harness.cluster import claims, holdings, statefile
from harness.kit import process

Mode = Literal["run", "up"]
"""`run`: the fleet ends with its owner. `up`: it stays until somebody takes it down."""

UP = "up"
"""The name of the one fleet that is left running."""

MARKER = "GITOPS_CONFORMANCE_LEASE"
"""The environment variable that tells whose a process is; its children inherit it."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Member:
    """One cluster: how it is called and reached, and the Kubernetes version it runs."""

    name: str
    kubeconfig: Path
    context: str
    version: str
    image: str = ""
    """Of its node, where it is a container."""
    image_digest: str = ""
    inside: str = ""  # where pods of the other clusters find its API server


@dataclass(frozen=True, slots=True)
class Fleet:
    """A management cluster and the clusters attached to it."""

    management: Member
    attached: tuple[Member, ...]
    directory: Path

    @property
    def members(self) -> tuple[Member, ...]:
        """All clusters, the management cluster first."""
        return (self.management, *self.attached)

    @property
    def kubeconfig(self) -> Path:
        """One file with the contexts of all clusters, for people and `kubectl`."""
        return self.directory / "kubeconfig"

    def member(self, name: str) -> Member:
        """The cluster of that name."""
        for member in self.members:
            if member.name == name:
                return member
        known = ", ".join(member.name for member in self.members)
        raise errors.UsageError(f"The fleet has no cluster {name!r}; it has: {known}.")

    def to_json(self) -> dict[str, Any]:
        """What `from_json` reads."""
        return {"members": [{**asdict(m), "kubeconfig": str(m.kubeconfig)} for m in self.members]}

    @classmethod
    def from_json(cls, content: Mapping[str, Any], directory: Path) -> Self:
        """The fleet that `to_json` wrote."""
        management, *attached = (
            Member(**{**each, "kubeconfig": Path(each["kubeconfig"])})
            for each in content["members"]
        )
        return cls(management, tuple(attached), directory)


class Lease:
    """
    The state directory of one fleet, in which every process that is started for it is recorded.

    Any process of a run may open it (`Lease(fleet.directory)`) and start or adopt processes; only
    the one that made it (`hold`) ends it.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._processes: list[process.Process] = []

    @property
    def mark(self) -> dict[str, str]:
        """What the environment of every process of the fleet holds."""
        return {MARKER: str(self.directory)}

    @property
    def logs(self) -> Path:
        """Where the logs of its processes are."""
        return Path(self._state()["logs"])

    @property
    def mode(self) -> Mode:
        """Whether the fleet ends with its owner."""
        return "up" if self._state()["mode"] == "up" else "run"

    @property
    def outlives(self) -> bool:
        """Whether its processes are meant to outlive the one that starts them."""
        return bool(self._state()["outlives"])

    def start(
        self,
        name: str,
        argv: Sequence[str | Path],
        *,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        tied: bool | None = None,
        essential: bool = True,
    ) -> process.Process:
        """
        A process of the fleet, its output in `NAME.log` among the fleet's logs.

        One that is not `tied` outlives the process that starts it, but never the fleet; by default
        only the processes of a fleet that is to stay are not.
        """
        tied = not self.outlives if tied is None else tied
        log = self.logs / f"{name}.log"
        marked = {**(os.environ if env is None else env), **self.mark}
        started = process.start(name, argv, log=log, env=marked, cwd=cwd, tied=tied)
        return self.adopt(started, essential=essential)

    def adopt(self, started: process.Process, *, essential: bool = True) -> process.Process:
        """Record a process, so that whoever ends the fleet ends it too."""
        entry = {
            "name": started.name,
            "pid": started.identity.pid,
            "started": started.identity.started,
            "program": started.argv[0],
            "log": str(started.log),
            "essential": essential,
        }
        statefile.write(self.directory / "processes" / f"{started.pid}.json", entry)
        self._processes.append(started)
        return started

    def record(self, fleet: Fleet) -> None:
        """Keep what the fleet is made of, for `load`."""
        self._update(fleet=fleet.to_json())

    def fleet(self) -> Fleet:
        """The fleet that was recorded."""
        content = self._state().get("fleet")
        if content is None:
            raise errors.SetupError(f"The fleet in {self.directory} was never ready.")
        return Fleet.from_json(content, self.directory)

    def leave_running(self) -> None:
        """Let the fleet stay when its owner ends; from now on only `down` ends it."""
        self._update(mode="up")

    def survivors(self) -> list[tuple[str, process.Identity]]:
        """
        The processes of the fleet that run: those recorded, and what they started themselves.

        A number alone is not trusted: the start must be the recorded one, and the command line or
        the environment must be ours.
        """
        marked = set(process.with_environment(MARKER, str(self.directory)))
        recorded = {
            who: str(entry["name"])
            for entry in self._entries()
            if (who := process.Identity(entry["pid"], entry["started"])).alive
            and (who in marked or _fits(entry, process.command_line(who.pid)))
        }
        others = dict.fromkeys(marked - set(recorded), "a process that it started")
        return [(name, who) for who, name in {**recorded, **others}.items()]

    def signal(self, name: str, number: signal.Signals) -> None:
        """Send a signal to a process of the fleet and its group, to freeze it for example."""
        for each, who in self.survivors():
            if each == name:
                process.signal_group(who, number)
                return
        raise errors.SetupError(f"No process {name} of the fleet runs.")

    def casualties(self) -> list[str]:
        """What essential part of the fleet does not run any more, and where the logs are."""
        alive = {name for name, _ in self.survivors()}
        needed = [entry for entry in self._entries() if entry.get("essential", True)]
        dead = {entry["name"]: entry["log"] for entry in needed}
        ended = [f"{name} (log: {log})" for name, log in dead.items() if name not in alive]
        return ended + holdings.casualties(self.directory)

    def stop(self) -> list[str]:
        """
        End every process of the fleet, whoever started it, and give back its clusters.

        Says what was ended that this object did not start. May be repeated; SetupError when a
        cluster could not be removed, which a later `stop`, `down` or `reap_stale` tries again.
        """
        process.stop_all(self._processes)
        self._processes.clear()
        left = self.survivors()
        process.end_groups([who for _, who in left])
        ended = [f"{name} (pid {who.pid})" for name, who in left]
        return ended + claims.release(self.directory) + holdings.release(self.directory)

    def give_up(self) -> bool:
        """As `stop`, for when another failure is to be told: what stays is only warned of."""
        try:
            self.stop()
        except errors.SetupError as error:
            _log.warning("%s", error)
            return False
        return True

    def owner(self) -> process.Identity:
        """Who made it."""
        owner = self._state()["owner"]
        return process.Identity(owner["pid"], owner["started"])

    def _entries(self) -> list[dict[str, Any]]:
        paths = sorted((self.directory / "processes").glob("*.json"))
        return [content for path in paths if (content := statefile.read(path)) is not None]

    def _state(self) -> dict[str, Any]:
        content = statefile.read(self.directory / "fleet.json")
        if content is None:
            raise errors.SetupError(f"{self.directory} holds no fleet (any more).")
        return content

    def _update(self, **changes: Any) -> None:
        statefile.write(self.directory / "fleet.json", {**self._state(), **changes})


@contextlib.contextmanager
def hold(
    mode: Mode = "run", *, logs: Path | None = None, state: Path | None = None
) -> Iterator[Lease]:
    """
    A new lease; its processes are ended and its directory removed when the block ends.

    With mode `up` they stay, once `Lease.leave_running` was called. After a failure the logs that
    lie in the directory stay until the next start.
    """
    home = state_directory(state)
    with contextlib.ExitStack() as stack:
        lease = _create(home, mode, logs, stack)
        try:
            yield lease
        except BaseException:
            if lease.give_up():
                _clear(lease, keep_logs=True)
            raise
        if lease.mode == "run":
            lease.stop()
            _clear(lease, keep_logs=False)


def load(name: str = UP, *, state: Path | None = None) -> Fleet | None:
    """The fleet that was left running, or None; a damaged one is explained."""
    directory = state_directory(state) / name
    content = statefile.read(directory / "fleet.json")
    if content is None or content["mode"] != "up":
        return None
    lease = Lease(directory)
    if not lease.survivors():
        # The machine was started anew, most likely: nothing is left but containers.
        lease.stop()
        shutil.rmtree(directory, ignore_errors=True)
        return None
    if casualties := lease.casualties():
        raise errors.SetupError(
            f"The fleet that was left running is damaged; these ended: {', '.join(casualties)}. "
            "Remove it with `gitops-conformance down` and start it again."
        )
    return lease.fleet()


def down(name: str = UP, *, state: Path | None = None) -> bool:
    """End the fleet that was left running; say whether there was one."""
    directory = state_directory(state) / name
    content = statefile.read(directory / "fleet.json")
    if content is None or content["mode"] != "up":
        return False
    lease = Lease(directory)
    lease.stop()
    _clear(lease, keep_logs=False)
    return True


def reap_stale(*, state: Path | None = None) -> list[str]:
    """
    End what fleets of mode `run` left whose owner is dead, and say what was ended.

    An owner holds a lock as long as it lives; the lock tells even where its number cannot be seen
    (another container with the same home directory).
    """
    reaped: list[str] = []
    for directory in sorted(state_directory(state).iterdir()):
        if directory.is_dir() and _abandoned(directory):
            reaped += _reap(directory)
    return reaped


def state_directory(state: Path | None = None) -> Path:
    """Where the leases are: private, and the same for every run of this user."""
    base = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    directory = state or Path(base) / "gitops-conformance" / "fleets"
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    return directory.resolve()


def _create(home: Path, mode: Mode, logs: Path | None, stack: contextlib.ExitStack) -> Lease:
    me = process.identity(os.getpid())
    if me is None:
        raise errors.SetupError("/proc is not readable; local clusters need Linux.")
    directory = home / (UP if mode == "up" else f"run-{me.pid}-{os.urandom(3).hex()}")
    try:
        directory.mkdir(mode=0o700)
    except FileExistsError:
        raise errors.SetupError(
            f"There is a fleet in {directory} already; remove it with `gitops-conformance down`."
        ) from None
    # The lock comes first: a directory without state, or with it, is not stale while it is held.
    lock = stack.enter_context((directory / "owner.lock").open("w"))
    fcntl.flock(lock, fcntl.LOCK_EX)
    (directory / "processes").mkdir()
    where = (logs or directory / "logs").resolve()
    where.mkdir(parents=True, exist_ok=True)
    statefile.write(
        directory / "fleet.json",
        {
            # Until it is ready, a fleet that is to stay is as mortal as any other.
            "mode": "run",
            "outlives": mode == "up",
            "owner": {"pid": me.pid, "started": me.started},
            "logs": str(where),
        },
    )
    return Lease(directory)


def _clear(lease: Lease, *, keep_logs: bool) -> None:
    for path in lease.directory.iterdir():
        if keep_logs and path.name in ("logs", "fleet.json", "owner.lock"):
            continue
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        if not any((lease.directory / "logs").glob("*")):
            shutil.rmtree(lease.directory)


def _abandoned(directory: Path) -> bool:
    content = statefile.read(directory / "fleet.json")
    if content is not None:
        owner = process.Identity(content["owner"]["pid"], content["owner"]["started"])
        if content["mode"] == "up" or owner.alive:
            return False
    try:
        with (directory / "owner.lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        # Made a moment ago, or half removed: only what has a state can be judged.
        return content is not None
    except OSError:
        return False
    return True


def _reap(directory: Path) -> list[str]:
    try:
        left = Lease(directory).stop()
    except errors.SetupError as error:
        _log.warning("%s", error)
        return []
    shutil.rmtree(directory, ignore_errors=True)
    if left:
        _log.warning("Ended what a killed run had left behind: %d.", len(left))
    return left


def _fits(entry: Mapping[str, Any], arguments: Sequence[str]) -> bool:
    """Whether the arguments are of the recorded program; one that is just ending has none left."""
    return not arguments or entry["program"] in arguments
