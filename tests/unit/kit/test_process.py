import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest

from harness import errors
from harness.kit import process


def script(text: str) -> list[str]:
    return [sys.executable, "-c", textwrap.dedent(text)]


def until(condition, seconds: float = 10.0) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.02)
    return bool(condition())


@pytest.fixture
def started(tmp_path):
    """Start programs that are ended with the test."""
    running: list[process.Process] = []

    def start(name: str, argv, **options) -> process.Process:
        made = process.start(name, argv, log=tmp_path / f"{name}.log", **options)
        running.append(made)
        return made

    yield start
    for each in running:
        each.stop(grace=0)


def test_a_child_that_dies_at_once_says_status_last_lines_and_log(started):
    child = started("wrong", ["bash", "-c", "echo I have no idea; exit 7"])
    with pytest.raises(errors.SetupError) as caught:
        process.await_ready(child, lambda: "not there", within=10)
    message = str(caught.value)
    assert "wrong ended with exit status 7" in message
    assert "I have no idea" in message
    assert str(child.log) in message


def test_a_child_that_is_killed_names_the_signal(started):
    child = started("victim", ["bash", "-c", "kill -SEGV $$"])
    assert until(lambda: not child.alive)
    assert "by signal SIGSEGV" in child.explain()


def test_a_child_that_never_gets_ready_tells_what_was_missing(started):
    child = started("silent", ["sleep", "60"])
    with pytest.raises(errors.SetupError, match=r"not within 0\.1 s\. Seen last: no answer"):
        process.await_ready(child, lambda: "no answer", within=0.1)


def test_a_program_that_is_not_there_is_named(tmp_path):
    with pytest.raises(errors.SetupError, match="no program /no/such/program"):
        process.start("ghost", ["/no/such/program"], log=tmp_path / "ghost.log")


def test_stop_kills_who_ignores_the_request(started):
    child = started(
        "stubborn", ["bash", "-c", "trap '' TERM; echo on; while :; do sleep 0.1; done"]
    )
    assert until(lambda: "on" in child.tail())
    child.stop(grace=0.3)
    assert child.returncode == -signal.SIGKILL


def test_stop_lets_a_polite_child_finish(started):
    child = started("polite", ["bash", "-c", "trap 'echo bye; exit 0' TERM; echo on; "
                               "while :; do sleep 0.05; done"])  # fmt: skip
    assert until(lambda: "on" in child.tail())
    child.stop()
    assert child.returncode == 0
    assert child.tail(1) == "bye"


def test_stop_ends_grandchildren_too_and_may_be_repeated(started):
    child = started("parent", ["bash", "-c", "(trap '' TERM; exec sleep 300) & echo $!; wait"])
    assert until(lambda: child.tail().strip().isdigit())
    grandchild = process.identity(int(child.tail()))
    assert grandchild is not None
    assert grandchild.alive
    child.stop(grace=1)
    child.stop(grace=1)
    assert until(lambda: not grandchild.alive)


def test_a_wanted_end_is_no_crash(started):
    child = started("one", ["sleep", "60"])
    child.stop()
    child.check()


def test_a_child_dies_with_a_parent_that_is_killed(tmp_path):
    parent = subprocess.Popen(
        script(f"""
            import time
            from pathlib import Path
            from harness.kit import process
            child = process.start("child", ["sleep", "300"], log=Path({str(tmp_path / "log")!r}))
            print(child.pid, flush=True)
            time.sleep(300)
        """),
        stdout=subprocess.PIPE,
        text=True,
    )
    assert parent.stdout is not None
    child = process.identity(int(parent.stdout.readline()))
    assert child is not None
    assert child.alive
    parent.kill()
    parent.wait()
    parent.stdout.close()
    assert until(lambda: not child.alive)


def test_a_detached_child_outlives_its_parent(tmp_path):
    said = subprocess.run(
        script(f"""
            from pathlib import Path
            from harness.kit import process
            log = Path({str(tmp_path / "log")!r})
            print(process.start("child", ["sleep", "300"], log=log, tied=False).pid)
        """),
        capture_output=True,
        text=True,
        check=True,
    )
    child = process.identity(int(said.stdout))
    assert child is not None
    assert child.alive
    process.end_groups([child])
    assert not child.alive


def test_only_the_main_thread_may_start_a_tied_process(tmp_path):
    caught: list[BaseException] = []

    def attempt() -> None:
        try:
            process.start("late", ["true"], log=tmp_path / "log")
        except errors.HarnessBug as error:
            caught.append(error)

    thread = threading.Thread(target=attempt)
    thread.start()
    thread.join()
    assert len(caught) == 1


def test_an_identity_is_of_one_process_only(started):
    child = started("one", ["sleep", "60"])
    assert child.identity.alive
    assert not process.Identity(child.pid, "another start").alive
    child.stop()
    assert not child.identity.alive


def test_ending_a_group_spares_a_number_that_was_used_again(started):
    child = started("innocent", ["sleep", "60"])
    process.end_groups([process.Identity(child.pid, "long ago")], grace=0.1)
    assert child.alive


def test_stop_all_is_as_quick_as_the_slowest(started):
    children = [
        started(f"slow-{number}", ["bash", "-c", "trap '' TERM; echo on; sleep 60"])
        for number in range(3)
    ]
    assert until(lambda: all("on" in child.tail() for child in children))
    began = time.monotonic()
    process.stop_all(children, grace=0.5)
    assert time.monotonic() - began < 1.4
    assert not any(child.alive for child in children)


def test_the_tail_of_a_long_log_is_its_end(tmp_path):
    log = tmp_path / "log"
    log.write_text("".join(f"line {number}\n" for number in range(100_000)))
    assert process.tail(log, 2) == "line 99998\nline 99999"
    assert process.tail(tmp_path / "nothing") == ""


def test_processes_are_found_by_their_environment(started, tmp_path):
    child = started("marked", ["sleep", "60"], env={**os.environ, "MARK_OF_TEST": str(tmp_path)})
    assert until(lambda: child.identity in process.with_environment("MARK_OF_TEST", str(tmp_path)))
    assert process.with_environment("MARK_OF_TEST", str(tmp_path / "other")) == []


def test_a_process_does_not_show_its_arguments(started):
    child = started("quiet", ["sleep", "61"])
    assert "61" not in repr(child).replace(str(child.pid), "")


def test_memory_is_told():
    assert process.resident_bytes(os.getpid()) > 1_000_000
    assert process.resident_bytes(2**22 + 1) == 0


def test_the_log_keeps_what_was_written_before(tmp_path: Path):
    log = tmp_path / "log"
    for word in ("first", "second"):
        child = process.start("echo", ["echo", word], log=log)
        child._popen.wait()
    assert log.read_text() == "first\nsecond\n"
