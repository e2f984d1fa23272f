import signal
import subprocess
import sys

import click
import pytest

from harness.cli.failing import exit_status
from harness.errors import HarnessBug, Inconclusive, Nonconformance, NotYet, SetupError, UsageError


@pytest.fixture(autouse=True)
def handler():
    """`exit_status` takes SIGTERM; give it back."""
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


def _raiser(error: BaseException):
    def command():
        raise error

    return command


@pytest.mark.parametrize(
    ("error", "status"),
    [
        pytest.param(UsageError("no"), 2, id="usage"),
        pytest.param(SetupError("no"), 3, id="setup"),
        pytest.param(Nonconformance("no"), 1, id="nonconformance"),
        pytest.param(NotYet("no"), 1, id="not yet"),
        pytest.param(Inconclusive("deadline", "no"), 4, id="inconclusive"),
        pytest.param(HarnessBug("no"), 3, id="bug"),
        pytest.param(click.UsageError("no"), 2, id="click usage"),
        pytest.param(click.BadParameter("no"), 2, id="click parameter"),
        pytest.param(click.ClickException("no"), 2, id="click"),
        pytest.param(KeyboardInterrupt(), 130, id="ctrl-c"),
        pytest.param(click.Abort(), 130, id="abort"),
        pytest.param(click.exceptions.Exit(5), 5, id="click exit"),
    ],
)
def test_each_exception_has_its_exit_code_and_no_traceback(error, status, capsys):
    assert exit_status(_raiser(error)) == status

    said = capsys.readouterr()
    assert "Traceback" not in said.out + said.err
    assert said.out == ""
    assert said.err.count("\n") == (not isinstance(error, click.exceptions.Exit))


@pytest.mark.parametrize(("returned", "status"), [(None, 0), (0, 0), (4, 4), ("text", 0)])
def test_a_command_that_returns_says_its_own_code(returned, status):
    assert exit_status(lambda: returned) == status


def test_our_own_mistake_says_so_and_shows_where(capsys):
    assert exit_status(_raiser(ZeroDivisionError("x"))) == 3

    said = capsys.readouterr().err
    assert "a mistake of the harness itself" in said
    assert "ZeroDivisionError" in said


def test_a_reader_that_left_is_neither_a_failure_nor_a_success():
    """`gitops-conformance list | head -1`, with a pipe that is closed at once."""
    listing = subprocess.Popen(
        [sys.executable, "-m", "harness", "list"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert listing.stdout is not None
    assert listing.stderr is not None
    listing.stdout.close()
    told = listing.stderr.read().decode()
    listing.stderr.close()

    assert told == ""
    assert listing.wait(timeout=30) == 128 + signal.SIGPIPE
