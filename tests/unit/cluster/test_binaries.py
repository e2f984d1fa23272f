import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from harness import errors
from harness.cluster import binaries, gobuild, programs, provenance


def program(directory: Path, name: str, answer: str) -> Path:
    """A fake program that says a version and counts how often it is asked."""
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / name
    path.write_text(f"#!/bin/sh\necho asked >> {directory}/asked\necho '{answer}'\n")
    path.chmod(0o755)
    return path


class FakeMaker:
    """Makes programs at once, or fails as told."""

    name = "fake"

    def __init__(self, *, closed: bool = False, fails: BaseException | None = None) -> None:
        self.closed, self.fails = closed, fails
        self.made: list[str] = []

    def make(self, wanted: programs.Program, target: Path, progress: binaries.Progress):
        if self.closed:
            return None
        target.write_text("#!/bin/sh\n")
        if self.fails:
            raise self.fails
        self.made.append(wanted.name)
        progress("made")
        return "by-hand"


def provide(tmp_path, *makers, environ=None, **options):
    return binaries.provide(
        environ=environ or {}, cache=tmp_path / "cache", makers=makers, **options
    )


def test_pins_are_read_from_the_modules():
    assert programs.named("kube-apiserver").version.startswith("v1.34.")
    assert programs.named("etcd").version.startswith("v3.6.")
    for each in programs.TABLE.values():
        assert each.version.startswith("v")
        assert each.go >= (1, 26)


def test_programs_of_one_module_share_its_digest():
    digests = {programs.named(name).digest for name in programs.CORE[1:]}
    assert len(digests) == 1
    assert digests != {programs.named("etcd").digest}


def test_assets_at_the_pinned_minor_are_used(tmp_path):
    folder = tmp_path / "envtest"
    program(folder, "etcd", "etcd Version: 3.5.21")
    program(folder, "kube-apiserver", "Kubernetes v1.34.1")
    program(folder, "kubectl", "Client Version: v1.34.9")
    maker = FakeMaker()
    found = provide(tmp_path, maker, environ={"KUBEBUILDER_ASSETS": str(folder)}).found
    assert maker.made == ["kube-controller-manager"], "the envtest archive lacks it"
    assert found["etcd"].version == "v3.5.21"
    assert found["kubectl"].path == folder / "kubectl"
    assert found["kube-controller-manager"].where == "cache (by-hand)"


@pytest.mark.parametrize(
    ("says", "used"),
    [("kind version 0.33.0", True), ("kind version 0.30.1", True), ("kind version 0.20.0", False)],
)
def test_kind_may_be_installed_already(tmp_path, says, used):
    program(tmp_path / "bin", "kind", says)
    maker = FakeMaker()
    environ = {"PATH": str(tmp_path / "bin")}
    found = provide(tmp_path, maker, environ=environ, names=["kind"]).found["kind"]
    assert (found.where == "PATH") is used
    assert maker.made == ([] if used else ["kind"])
    [finding] = binaries.survey(["kind"], environ=environ, cache=tmp_path / "cache")
    assert ("which does not do" in finding.note) is not used


def test_nothing_else_is_taken_from_path(tmp_path):
    program(tmp_path / "bin", "kubectl", f"Client Version: {programs.named('kubectl').version}")
    maker = FakeMaker()
    provide(tmp_path, maker, environ={"PATH": str(tmp_path / "bin")}, names=["kubectl"])
    assert maker.made == ["kubectl"]


def test_assets_at_another_minor_are_passed_over_and_doctor_says_so(tmp_path):
    folder = tmp_path / "envtest"
    program(folder, "kube-apiserver", "Kubernetes v1.33.4")
    environ = {"KUBEBUILDER_ASSETS": str(folder)}
    maker = FakeMaker()
    provide(tmp_path, maker, environ=environ, names=["kube-apiserver"])
    assert maker.made == ["kube-apiserver"]
    [finding] = binaries.survey(["kube-apiserver"], environ=environ, cache=tmp_path / "cache")
    assert "v1.33.4, which is not the pinned minor" in finding.note
    assert finding.found_where is not None
    assert "cache" in finding.found_where


def test_a_version_is_asked_once_a_file(tmp_path):
    folder = tmp_path / "envtest"
    program(folder, "etcd", "etcd Version: 3.6.1")
    environ = {"KUBEBUILDER_ASSETS": str(folder)}
    for _ in range(3):
        provide(tmp_path, environ=environ, names=["etcd"])
    assert (folder / "asked").read_text() == "asked\n"


def test_an_asset_that_does_not_tell_its_version_is_not_used(tmp_path):
    folder = tmp_path / "envtest"
    program(folder, "etcd", "what?")
    environ = {"KUBEBUILDER_ASSETS": str(folder)}
    assert (
        provide(tmp_path, FakeMaker(), environ=environ, names=["etcd"])
        .found["etcd"]
        .where.startswith("cache")
    )


def test_what_was_made_is_found_the_next_time_within_milliseconds(tmp_path):
    provide(tmp_path, FakeMaker())
    began = time.perf_counter()
    found = provide(tmp_path).found
    assert time.perf_counter() - began < 0.05
    assert set(found) == set(programs.CORE)


def test_makers_are_asked_in_order(tmp_path):
    closed, first, second = FakeMaker(closed=True), FakeMaker(), FakeMaker()
    provide(tmp_path, closed, first, second, names=["etcd"])
    assert (first.made, second.made) == (["etcd"], [])


def test_no_way_to_get_a_program_is_a_clear_error(tmp_path):
    with pytest.raises(errors.SetupError, match="No way to get etcd: install Go"):
        provide(tmp_path, FakeMaker(closed=True), names=["etcd"])


@pytest.mark.parametrize("failure", [KeyboardInterrupt(), errors.SetupError("compiler says no")])
def test_a_failed_build_leaves_no_half_program(tmp_path, failure):
    with pytest.raises(type(failure)):
        provide(tmp_path, FakeMaker(fails=failure), names=["etcd"])
    assert not list((tmp_path / "cache").rglob("etcd"))
    assert not list((tmp_path / "cache").rglob(".partial*"))


def test_what_a_killed_build_left_is_cleared_away(tmp_path):
    folder = binaries._Shelf({}, tmp_path / "cache").folder(programs.named("etcd"))
    (folder / ".partial-1").mkdir(parents=True)
    (folder / ".partial-1" / "etcd").write_text("half")
    provide(tmp_path, FakeMaker(), names=["etcd"])
    assert [path.name for path in folder.iterdir()] == ["by-hand"]


def test_a_cache_that_cannot_be_written_is_a_clear_error(tmp_path):
    (tmp_path / "cache").write_text("a file")
    with pytest.raises(errors.SetupError, match="cannot be written"):
        provide(tmp_path, FakeMaker(), names=["etcd"])


SLOW = """
    import sys, time
    from pathlib import Path
    from harness.cluster import binaries

    class Slow:
        name = "slow"
        def make(self, program, target, progress):
            print("making", flush=True)
            time.sleep(1.5)
            target.write_text("#!/bin/sh")
            return "slow"

    binaries.provide(["etcd"], environ={{}}, cache=Path({cache!r}), makers=[Slow()],
                     on_progress=lambda text: print(text, flush=True))
    print("done")
"""


def test_two_runs_at_once_share_one_build(tmp_path):
    code = textwrap.dedent(SLOW.format(cache=str(tmp_path / "cache")))
    first = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert first.stdout is not None
    for line in first.stdout:
        if line.strip() == "making":
            break
    second = subprocess.run(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, check=True
    ).stdout
    assert "done" in first.communicate()[0]
    assert f"another run (pid {first.pid}) is building; waiting for it" in second
    assert "making" not in second
    assert second.strip().endswith("done")


# The build itself, with a fake Go.

FAKE_GO = """#!/bin/bash
[ "$1" = env ] && { echo go1.99.0; exit 0; }
echo "args: $*"; echo "flags: $GOFLAGS toolchain: $GOTOOLCHAIN cgo: $CGO_ENABLED os: [$GOOS]"
while [ "$1" != -o ]; do shift; done
echo half > "$2"
ACTION
"""


@pytest.fixture
def fake_go(tmp_path, monkeypatch):
    def install(action: str, version: str = "go1.99.0") -> Path:
        folder = tmp_path / "sdk" / "bin"
        folder.mkdir(parents=True, exist_ok=True)
        (folder.parent / "VERSION").write_text(f"{version}\n")
        (folder / "go").write_text(FAKE_GO.replace("ACTION", action))
        (folder / "go").chmod(0o755)
        monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
        return folder / "go"

    return install


def build(tmp_path, name="etcd", **options):
    cache = tmp_path / "cache"
    return binaries.provide(
        [name], environ={}, cache=cache, makers=[gobuild.GoBuild(cache)], **options
    )


def test_a_build_is_pinned_and_free_of_the_users_settings(tmp_path, fake_go, monkeypatch):
    fake_go("exit 0")
    monkeypatch.setenv("GOFLAGS", "-mod=vendor -p=2 -tags=x")
    monkeypatch.setenv("GOOS", "plan9")
    said: list[str] = []
    found = build(tmp_path, "kube-apiserver", on_progress=said.append).found["kube-apiserver"]
    assert found.where == "cache (go1.99.0)"
    assert os.access(found.path, os.X_OK)
    log = (tmp_path / "cache" / "logs" / "kube-apiserver.log").read_text()
    assert "flags: -p=2 toolchain: local cgo: 0 os: []" in log
    assert "-mod=readonly -trimpath" in log
    assert f"version.gitVersion={found.version}" in log
    assert any("kube-apiserver v1.34" in text and "(1 of 1)" in text for text in said)
    assert any("s of about" in text for text in said)


def test_a_build_that_fails_shows_its_last_lines_and_its_log(tmp_path, fake_go):
    fake_go("echo undefined: frobnicate; exit 2")
    with pytest.raises(errors.SetupError) as caught:
        build(tmp_path)
    assert "go build etcd ended with exit status 2" in str(caught.value)
    assert "undefined: frobnicate" in str(caught.value)
    assert str(tmp_path / "cache" / "logs" / "etcd.log") in str(caught.value)
    assert not list((tmp_path / "cache").rglob("etcd"))


def test_a_full_disk_is_named(tmp_path, fake_go):
    fake_go("echo write: no space left on device; exit 1")
    with pytest.raises(errors.SetupError, match="disk is full"):
        build(tmp_path)


def test_an_interrupted_build_leaves_no_process_and_no_file(tmp_path, fake_go):
    fake_go(f"sleep 301 & echo $! > {tmp_path}/child; wait")
    code = textwrap.dedent(f"""
        from pathlib import Path
        from harness.cluster import binaries
        binaries.provide(["etcd"], environ={{}}, cache=Path({str(tmp_path / "cache")!r}))
    """)
    run = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.DEVNULL)
    child = tmp_path / "child"
    deadline = time.monotonic() + 20
    while not (child.exists() and child.read_text().strip()) and time.monotonic() < deadline:
        time.sleep(0.02)
    run.send_signal(signal.SIGINT)
    assert run.wait(20) != 0
    with contextlib.suppress(FileNotFoundError):
        state = Path(f"/proc/{int(child.read_text())}/stat").read_text().rpartition(")")[2]
        assert state.split()[0] == "Z"
    assert not list((tmp_path / "cache").rglob("etcd"))
    assert not list((tmp_path / "cache").rglob(".partial*"))


def test_an_old_go_is_not_used(tmp_path, fake_go):
    fake_go("exit 0", version="go1.19.8")
    assert gobuild.on_path(programs.named("etcd")) is None
    assert "no Go new enough" in gobuild.plan(programs.named("etcd"), tmp_path / "cache")


def test_a_go_that_is_a_managers_script_is_asked(tmp_path, fake_go):
    go = fake_go("exit 0")
    (go.parent.parent / "VERSION").unlink()
    toolchain = gobuild.on_path(programs.named("etcd"))
    assert toolchain is not None
    assert toolchain.numbers == (1, 99, 0)


# What a program is.


@pytest.mark.skipif(shutil.which("go") is None, reason="compares with `go version -m`")
def test_provenance_is_what_go_reads_from_the_program(tmp_path):
    go = Path(str(shutil.which("go"))).resolve()
    said = subprocess.run([go, "version", go], capture_output=True, text=True, check=True).stdout
    result = provenance.of(go, notes=tmp_path)
    assert result.go is not None
    assert said.split()[-1] == result.go
    assert len(result.sha256) == 64


def test_a_file_without_build_information_still_has_a_digest(tmp_path):
    path = tmp_path / "script"
    path.write_text("#!/bin/sh\n")
    result = provenance.of(path, notes=tmp_path / "notes")
    assert (result.module, result.version) == (None, None)
    assert len(result.sha256) == 64
    path.write_text("#!/bin/sh\nexit 1\n")
    assert provenance.of(path, notes=tmp_path / "notes").sha256 != result.sha256


def test_a_digest_is_noted_beside_the_cache(tmp_path):
    path = tmp_path / "script"
    path.write_text("x")
    first = provenance.of(path, notes=tmp_path / "notes")
    [note] = (tmp_path / "notes").glob("*.json")
    assert json.loads(note.read_text())["notes"]["provenance"]["sha256"] == first.sha256
    assert provenance.of(path, notes=tmp_path / "notes") == first
