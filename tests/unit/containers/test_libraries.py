"""The libraries of the image are those of this installation, for the base's Python."""

from importlib import metadata

import pytest

from harness import errors
from harness.cluster import gobuild
from harness.containers import libraries
from harness.containers.libraries import Python

BOOKWORM = Python((3, 11), "x86_64", 36)


def test_the_pins_are_the_versions_of_here_and_whole():
    pins = dict(pin.split("==") for pin in libraries.pins())
    assert pins["asyncssh"] == metadata.version("asyncssh")
    assert pins["cffi"] == metadata.version("cffi"), "what a library of ours needs, is there too"
    assert "ruff" not in pins
    assert libraries.PROJECT not in pins


def test_what_a_python_says_of_itself_is_read():
    assert Python.of("3 11 x86_64 2.36\n") == BOOKWORM


@pytest.mark.parametrize("said", ["", "3 12 x86_64", "3 12 x86_64 musl", "Python 3.12 is fine"])
def test_what_is_no_answer_is_refused(said):
    with pytest.raises(ValueError, match=r"values to unpack|invalid literal"):
        Python.of(said)


def test_wheels_of_a_newer_glibc_are_not_for_it():
    platforms = BOOKWORM.platforms
    assert platforms[0] == "manylinux_2_36_x86_64"
    assert "manylinux_2_17_x86_64" in platforms
    assert "manylinux2014_x86_64" in platforms
    assert "manylinux_2_37_x86_64" not in platforms


def test_an_old_python_is_refused_before_anything_is_fetched(tmp_path):
    with pytest.raises(errors.SetupError, match=r"needs Python 3\.11 or newer, not 3\.9"):
        libraries.fetch(("x==1",), Python((3, 9), "x86_64", 31), tmp_path, print)
    assert list(tmp_path.iterdir()) == []


def test_libraries_that_are_there_are_not_waited_for(tmp_path, monkeypatch):
    """Somebody may be building a program for minutes, which takes the lock."""
    monkeypatch.setattr(
        libraries, "_install", lambda wanted, python, target, log: target.mkdir(parents=True)
    )
    made = libraries.fetch(("x==1",), BOOKWORM, tmp_path, print)

    def taken(*_):
        raise AssertionError("the lock was asked for")

    monkeypatch.setattr(gobuild, "alone", taken)
    assert libraries.fetch(("x==1",), BOOKWORM, tmp_path, print) == made
