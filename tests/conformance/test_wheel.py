"""The wheel is whole: installed somewhere else it has its features and its commands."""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from harness import __version__, data
from harness.plugin import features

pytestmark = pytest.mark.slow
_ROOT = Path(__file__).resolve().parents[2]
_SOURCES = ("harness", "features", "fixtures")
_FILES = ("pyproject.toml", "setup.py", "MANIFEST.in", "README.md", "LICENSE")


@pytest.fixture(scope="module")
def copy(tmp_path_factory) -> Path:
    """What is built: a copy, so that no build folder appears in the checkout."""
    copy: Path = tmp_path_factory.mktemp("copy")
    for name in _SOURCES:
        shutil.copytree(
            _ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__", "_data")
        )
    for name in _FILES:
        shutil.copy(_ROOT / name, copy / name)
    return copy


@pytest.fixture(scope="module")
def wheel(copy: Path, tmp_path_factory) -> Path:
    made = tmp_path_factory.mktemp("wheel")
    tree = shutil.copytree(copy, made / "tree")  # the build leaves files in it
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation"]
    done = subprocess.run(
        [*command, "--quiet", "--disable-pip-version-check", "-w", str(made), str(tree)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (built,) = made.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


@pytest.fixture(scope="module")
def elsewhere(wheel: Path, tmp_path_factory) -> Path:
    """
    An environment with the wheel and, by a .pth file, the libraries of ours.

    The finder of the editable installation stays behind: a .pth file is not read again.
    """
    made = tmp_path_factory.mktemp("elsewhere")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(made / "venv")], check=True)
    (packages,) = (made / "venv").glob("lib/python*/site-packages")
    libraries = sysconfig.get_path("purelib")
    (packages / "libraries.pth").write_text(f"{libraries}\n")
    subprocess.run(
        [sys.executable, "-m", "pip", "--python", str(made / "venv" / "bin" / "python"),
         "install", "--quiet", "--no-deps", "--disable-pip-version-check", "--ignore-installed",
         str(wheel)],
        check=True,
    )  # fmt: skip
    return made / "venv" / "bin"


def _run(command: list[str], cwd: Path) -> "subprocess.CompletedProcess[str]":
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "PYTEST_"))}
    return subprocess.run(
        command, cwd=cwd, env=clean, capture_output=True, text=True, check=False, timeout=120
    )


def test_every_feature_and_fixture_is_inside(names, copy):
    wanted = {
        f"harness/_data/{path.relative_to(copy).as_posix()}"
        for folder in ("features", "fixtures")
        for path in (copy / folder).rglob("*")
        if path.is_file()
    }

    assert wanted - names == set()


def test_every_file_of_the_package_is_inside(names, copy):
    wanted = {
        path.relative_to(copy).as_posix()
        for path in (copy / "harness").rglob("*")
        if path.is_file()
    }

    assert wanted - names == set()


def test_nothing_else_is_inside(names):
    strangers = [
        name
        for name in names
        if not re.match(r"harness/|gitops_conformance-[^/]+\.dist-info/", name)
    ]

    assert strangers == []
    assert [name for name in names if re.search(r"(^|/)tests?/|__pycache__|\.pyc$", name)] == []


def test_no_secret_and_no_folder_of_this_machine_is_inside(wheel):
    key = re.compile(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----\n[A-Za-z0-9+/=\n]{40}")
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            content = archive.read(name)
            assert not key.search(content), name
            assert f"{_ROOT}/".encode() not in content, name


def test_the_commands_work_from_an_empty_folder(elsewhere, tmp_path):
    program = str(elsewhere / "gitops-conformance")
    version = _run([program, "version"], tmp_path)
    listing = _run([program, "list"], tmp_path)

    assert version.stdout == f"gitops-conformance {__version__}\n", version.stderr
    assert listing.returncode == 0, listing.stderr
    assert "CD-SYNC-05" in listing.stdout


def test_the_installed_package_reads_its_own_data(elsewhere, tmp_path):
    asked = "from harness import data; print(data.root())"
    told = _run([str(elsewhere / "python"), "-c", asked], tmp_path)

    assert told.stdout.strip().endswith("harness/_data"), told.stderr
    assert Path(told.stdout.strip()) != data.root()


def test_the_installed_suite_collects_every_scenario(elsewhere, copy, tmp_path):
    collect = (
        "import sys, pytest\n"
        "from harness import data\n"
        "from harness.cli import suite\n"
        "folder = str(data.path('features'))\n"
        "sys.exit(pytest.main(['-c', str(suite._INI), '--rootdir', folder, '-p',"
        " 'harness.plugin.wiring', '--assert=plain', '--collect-only', '-q', folder]))\n"
    )
    told = _run([str(elsewhere / "python"), "-c", collect], tmp_path)

    assert told.returncode == 0, told.stdout + told.stderr
    assert told.stdout.count(".feature::test_") == features.count(copy / "features", "", ())


@pytest.mark.timeout(600)
def test_it_runs_a_scenario_in_an_empty_environment(wheel: Path, tmp_path: Path) -> None:
    """Nothing but the wheel and what it depends on: control planes, Git, controllers, a report."""
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path / "venv")], check=True)
    bin_ = tmp_path / "venv" / "bin"
    command = [str(bin_ / "python"), "-m", "pip", "install", "--quiet"]
    subprocess.run([*command, "-c", str(_ROOT / "constraints.txt"), str(wheel)], check=True)
    scenario = "sync/sync::a_new_source_is_synced_without_further_action"
    done = subprocess.run(
        [bin_ / "gitops-conformance", "run", "-n", "1", "--out", "out", "--scenario", scenario],
        cwd=tmp_path,
        env={k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "VIRTUAL_ENV")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed, 0 failed, 0 skipped" in done.stdout
    assert (tmp_path / "out" / "report.html").is_file()
