"""The folders, the layers and the manners of the source: what the design says, by machine."""

import ast
import configparser
import os
import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from harness import data
from tests import source

_ROOT = Path(__file__).resolve().parents[2]
_MODULES = sorted((_ROOT / "harness").rglob("*.py"))
_MOST_LINES = 400
# Steps wait for events only; so does what they stand on.
_NEVER_SLEEPS = ("steps", "observe", "plugin", "model", "reporting", "render")


def _name(path: Path) -> str:
    return path.relative_to(_ROOT).as_posix()


every_module = pytest.mark.parametrize("path", _MODULES, ids=_name)


@cache
def our_files() -> tuple[Path, ...]:
    """What would be committed."""
    told = subprocess.run(
        ["git", "-C", str(_ROOT), "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        capture_output=True,
        text=True,
        check=False,
    )
    names = told.stdout.split("\0") if told.returncode == 0 else []
    return tuple(path for name in names if name and (path := _ROOT / name).is_file())


def test_import_contracts_are_kept():
    program = Path(sys.executable).with_name("lint-imports")
    if not program.exists():
        pytest.skip("import-linter is not installed")
    done = subprocess.run(
        [str(program), "--no-cache"], cwd=_ROOT, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr


@every_module
def test_a_module_is_small(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= _MOST_LINES


@every_module
def test_a_module_says_what_it_gives(path):
    assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))


def test_every_folder_of_modules_is_a_package_that_says_what_belongs_in_it():
    folders = {path.parent for path in _MODULES}
    lacking = [_name(f) for f in folders if not (f / "__init__.py").is_file()]

    assert lacking == []


@every_module
def test_nobody_sleeps_on_the_machines_clock_but_the_kit(path):
    """Elsewhere time is handed in, and steps wait for events."""
    package = path.relative_to(_ROOT / "harness").parts[0]
    calls = list(source.calls(path, "sleep"))

    if package in _NEVER_SLEEPS:
        assert calls == []
    elif package != "kit":
        assert [call for call in calls if call.startswith(("time.", "asyncio.", "sleep"))] == []


def test_no_file_names_this_machine():
    """Neither its folders nor the hosts that its packages come from."""
    if not our_files():
        pytest.skip("not a checkout")
    names = _folders() | _hosts()
    found = {
        f"{_name(path)}: {name}"
        for path in our_files()
        for name in names
        if name.encode() in path.read_bytes()
    }

    assert found == set()


def test_no_file_holds_a_private_key():
    begin = re.compile(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----\n[A-Za-z0-9+/=\n]{40}")
    guilty = [_name(path) for path in our_files() if begin.search(path.read_bytes())]

    assert guilty == []


def test_the_suite_reads_its_data_from_the_checkout():
    assert data.root() == _ROOT


def _folders() -> set[str]:
    """Folders of this machine, with what follows them; `/` alone would say nothing."""
    folders = {_ROOT, _ROOT.parent / "shared", Path.home()}
    return {f"{folder}/" for folder in folders if folder.name}


def _hosts() -> set[str]:
    values = [os.environ.get(name, "") for name in os.environ if "INDEX" in name or "PROXY" in name]
    parser = configparser.ConfigParser(interpolation=None)
    parser.read(
        [
            "/etc/pip.conf",
            Path.home() / ".pip" / "pip.conf",
            Path.home() / ".config" / "pip" / "pip.conf",
            os.environ.get("PIP_CONFIG_FILE", os.devnull),
        ]
    )
    values += [value for section in parser.sections() for _, value in parser.items(section)]
    words = [word for value in values for word in re.split(r"[\s,|]+", value)]
    hosts = {urlsplit(word).hostname or "" for word in words if "://" in word}
    public = {"", "localhost", "127.0.0.1", "pypi.org", "files.pythonhosted.org"}
    return {host for host in hosts if host not in public and not host.endswith("golang.org")}
