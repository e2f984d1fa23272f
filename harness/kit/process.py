"""
Programs that are started, watched and ended together with all that they started themselves.

Each process leads a session (and so a process group) of its own: Ctrl-C reaches only us, and we end
the whole group. As a belt the kernel kills it when we die (PDEATHSIG). That signal is sent when the
*thread* dies that started the process; so only the main thread may start one that is tied to us.

What a process is for, and when it is ready, is for the callers to know.
"""

import contextlib
import functools
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from harness import errors
from harness.kit import clock as clocks
from harness.kit import wait

_TAIL_BYTES = 32 * 1024


@dataclass(frozen=True, slots=True)
class Identity:
    """A process number and the moment it began, since numbers are used again."""

    pid: int
    started: str

    @property
    def alive(self) -> bool:
        """Whether this very process still runs (a zombie does not)."""
        return self == identity(self.pid)


class Supervised(Protocol):
    """What was started and can end: a process of this machine, or one elsewhere."""

    @property
    def name(self) -> str:
        """How it is called in messages."""
        ...

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        ...

    def check(self) -> None:
        """Raise if it ended although nobody wanted it to."""
        ...

    def explain(self) -> str:
        """How it ended, and what it said last."""
        ...


class Process:
    """A program that runs; made by `start`."""

    def __init__(
        self, name: str, popen: subprocess.Popen[bytes], argv: Sequence[str], log: Path
    ) -> None:
        self.name = name
        self.argv = tuple(argv)
        self.log = log
        self._popen = popen
        self._began = identity(popen.pid)
        self._wanted_end = False
        self._ending = threading.Lock()

    def __repr__(self) -> str:
        """Name and number; never the command line, which may hold what nobody should read."""
        return f"<Process {self.name} pid={self.pid}>"

    @property
    def pid(self) -> int:
        """The number of the process, which is that of its group too."""
        return self._popen.pid

    @property
    def identity(self) -> Identity:
        """The number and the start, by which others can recognise the process."""
        return self._began or Identity(self.pid, "")

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return self._popen.poll() is None

    @property
    def returncode(self) -> int | None:
        """Its exit status, negative for a signal; None while it runs."""
        return self._popen.poll()

    def tail(self, lines: int = 20) -> str:
        """The last lines that it wrote."""
        return tail(self.log, lines)

    def explain(self) -> str:
        """How it ended, what it said last and where to read on."""
        status = self.returncode
        fate = "still runs" if status is None else f"ended {_fate(status)}"
        return f"{self.name} {fate}.\n{self._last_words()}"

    def check(self) -> None:
        """Raise if it ended although nobody wanted it to."""
        if not self.alive and not self._wanted_end:
            raise errors.SetupError(self.explain())

    def stop(self, grace: float = 5.0) -> None:
        """End it and all of its group: asked first, killed after `grace` seconds. Repeatable."""
        self._wanted_end = True
        with self._ending:
            if self.alive:
                _ask_to_end(self.pid)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self._popen.wait(grace)
            # Also after a polite end: a child of it may have stayed.
            _signal_group(self.pid, signal.SIGKILL)
            self._popen.wait()

    def kill(self) -> None:
        """End it and all of its group at once, as a crash would."""
        self.stop(grace=0)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to its whole group, to freeze it for example."""
        _signal_group(self.pid, number)

    def _last_words(self) -> str:
        said = self.tail().strip("\n")
        heading = f"Its last lines:\n{said}" if said else "It wrote nothing."
        return f"{heading}\nAll of its output: {self.log}"


def start(
    name: str,
    argv: Sequence[str | Path],
    *,
    log: Path,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    tied: bool = True,
) -> Process:
    """
    A running program, its output (both streams) appended to `log`.

    `env` is the whole environment when given. A process that is not `tied` outlives us unless
    somebody stops it.
    """
    if tied and threading.current_thread() is not threading.main_thread():
        raise errors.HarnessBug(
            f"{name} was started from another thread than the main one, with which it would die."
        )
    command = [str(part) for part in argv]
    program = shutil.which(command[0])
    if program is None:
        raise errors.SetupError(f"{name} cannot be started: there is no program {command[0]}.")
    command[0] = program
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        popen = subprocess.Popen(
            _tied(command) if tied else command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=None if env is None else dict(env),
            cwd=cwd,
            start_new_session=True,
        )
    return Process(name, popen, command, log)


def await_ready(
    process: Supervised,
    probe: wait.Probe,
    *,
    within: float,
    clock: clocks.Clock = clocks.SYSTEM,
) -> None:
    """Return when `probe` is content; a process that dies or stays silent is explained."""

    def missing() -> str | None:
        process.check()
        return probe()

    try:
        wait.eventually(missing, within=within, what=f"{process.name} is ready", clock=clock)
    except errors.SetupError as error:
        if not process.alive:
            raise
        raise errors.SetupError(f"{error}\n{process.explain()}") from None


def stop_all(processes: Sequence[Process], grace: float = 5.0) -> None:
    """End them all at once, the last started first; an interruption waits until all have ended."""
    for process in reversed(processes):
        process._wanted_end = True
        if process.alive:
            _ask_to_end(process.pid)
    deadline = clocks.SYSTEM.monotonic() + grace
    for process in reversed(processes):
        with contextlib.suppress(subprocess.TimeoutExpired):
            process._popen.wait(max(0.0, deadline - clocks.SYSTEM.monotonic()))
    for process in reversed(processes):
        process.kill()


def end_groups(
    whom: Sequence[Identity], *, grace: float = 5.0, clock: clocks.Clock = clocks.SYSTEM
) -> None:
    """End processes that somebody else started, with their groups, if they are still those."""
    left = [who for who in whom if who.alive]
    for number, patience in ((signal.SIGTERM, grace), (signal.SIGKILL, 5.0)):
        for who in left:
            signal_group(who, number)
        deadline = clock.monotonic() + patience
        while any(who.alive for who in left) and clock.monotonic() < deadline:
            clock.sleep(0.02)


def signal_group(who: Identity, number: signal.Signals) -> None:
    """Send a signal to the group that the process leads, else to the process alone."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if not who.alive:
            return
        if os.getpgid(who.pid) == who.pid:
            os.killpg(who.pid, number)
        else:
            os.kill(who.pid, number)


def identity(pid: int) -> Identity | None:
    """Who runs under that number now; None when nobody does."""
    try:
        # The name in parentheses may hold blanks; what follows it has fixed places.
        rest = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (OSError, UnicodeDecodeError):
        return None
    state, threads, began = rest[0], int(rest[17]), rest[19]
    # A zombie with other threads is still ending: its sockets are open.
    if state in "ZX" and threads <= 1:
        return None
    # Starts count from that of the machine, so its boot belongs to the identity.
    return Identity(pid, f"{_boot()}/{began}")


def command_line(pid: int) -> list[str]:
    """The arguments that a running process was started with; empty when it cannot be read."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")[:-1]
    except OSError:
        return []


def with_environment(name: str, value: str) -> list[Identity]:
    """The other processes of this user that were started with that in their environment."""
    wanted = f"{name}={value}".encode()
    found: list[Identity] = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        pid = int(path.parent.name)
        with contextlib.suppress(OSError):
            if pid != os.getpid() and wanted in path.read_bytes().split(b"\0"):
                who = identity(pid)
                found += [who] if who else []
    return found


def resident_bytes(pid: int) -> int:
    """The memory that a process holds now."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
    return 0


def tail(path: Path, lines: int = 20) -> str:
    """The last lines of a file, however long it is."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - _TAIL_BYTES))
            text = file.read().decode(errors="replace")
    except OSError:
        return ""
    return "\n".join(text.splitlines()[-lines:])


def _fate(status: int) -> str:
    if status >= 0:
        return f"with exit status {status}"
    try:
        return f"by signal {signal.Signals(-status).name}"
    except ValueError:
        return f"by signal {-status}"


def _ask_to_end(pid: int) -> None:
    _signal_group(pid, signal.SIGTERM)
    # One that was frozen hears of it only when it goes on.
    _signal_group(pid, signal.SIGCONT)


def _signal_group(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


@functools.cache
def _boot() -> str:
    with contextlib.suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return ""


def _tied(command: list[str]) -> list[str]:
    belt = _belt()
    return [*belt, str(os.getpid()), *command] if belt else command


@functools.cache
def _belt() -> tuple[str, ...]:
    """
    The command that ties what follows to our life; empty where there is none.

    Programs of their own, because code between fork and exec is unsafe beside other threads. The
    shell sees whether we died before the tie was made. Where there is no belt, the next start still
    ends what a killed one left (`cluster.fleet.reap_stale`).
    """
    setpriv = shutil.which("setpriv") if sys.platform == "linux" else None
    if setpriv is None:
        return ()
    usage = subprocess.run([setpriv, "--help"], capture_output=True, text=True, check=False).stdout
    if "--pdeathsig" not in usage:
        return ()
    return (
        setpriv,
        "--pdeathsig",
        "KILL",
        "--",
        "/bin/sh",
        "-c",
        '[ "$PPID" = "$0" ] && exec "$@"',
    )
