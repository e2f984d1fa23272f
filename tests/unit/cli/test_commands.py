"""What users type, and what they get; nothing here starts a fleet."""

import shutil
import signal

import pytest

from harness import __version__
from harness.cli import failing
from harness.cli.commands import cli
from harness.cluster import binaries, fleet
from harness.model import catalogue


@pytest.fixture
def say(capsys, monkeypatch, tmp_path):
    """Run a command line as the console script does: (exit code, stdout, stderr)."""
    monkeypatch.chdir(tmp_path)

    def no_fleet(*_, **__):
        raise AssertionError("a fleet would have been started")

    for name in ("hold", "reap_stale"):
        monkeypatch.setattr(fleet, name, no_fleet)
    before = signal.getsignal(signal.SIGTERM)

    def run(*arguments: str) -> tuple[int, str, str]:
        status = failing.exit_status(
            lambda: cli.main(list(arguments), prog_name="gitops-conformance", standalone_mode=False)
        )
        said = capsys.readouterr()
        return status, said.out, said.err

    yield run
    signal.signal(signal.SIGTERM, before)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        pytest.param(["run", "--bogus"], "No such option '--bogus'", id="option"),
        pytest.param(["rnu"], "No such command 'rnu'", id="command"),
        pytest.param(["run", "--attached", "0"], "0 is not in the range", id="range"),
        pytest.param(["run", "--attached", "x"], "is not a valid integer", id="number"),
        pytest.param(["run", "--clusters", "moon"], "'moon' is not", id="provider"),
        pytest.param(["run", "--system", "moon"], "'moon' is not", id="system"),
        pytest.param(["run", "--fail-on", "never"], "'never' is not", id="level"),
        pytest.param(["run", "--seed", "-1"], "is not in the range", id="seed"),
        pytest.param(["run", "extra"], "unexpected extra argument", id="argument"),
        pytest.param(
            ["run", "--requirement", "CD-SYNC-99"], "no requirement CD-SYNC-99", id="requirement"
        ),
        pytest.param(
            ["run", "--scenario", "sync/sync::nothing"],
            "no scenario sync/sync::nothing",
            id="scenario",
        ),
        pytest.param(["run", "--tags", "@sync and"], "no tag expression", id="expression"),
        pytest.param(["run", "--tags", "@snyc"], "there is no tag @snyc", id="tag"),
        pytest.param(["run", "--tags", "@helm"], "No scenario matches", id="nothing"),
        pytest.param(
            ["run", "--tags", "@suspend", "--requirement", "CD-AUTH-04"],
            "No scenario matches --tags '@suspend' --requirement CD-AUTH-04",
            id="nothing in common",
        ),
        pytest.param(["run", "--shard", "2-5"], "not of the form NUMBER/OF", id="shard"),
        pytest.param(["run", "--shard", "6/5"], "the numbers are 1 to 5", id="shard number"),
        pytest.param(["run", "--shard", "auto/5"], "which is not set here", id="shard index"),
        pytest.param(
            ["run", "--requirement", "CD-SYNC-05", "--shard", "1/90"],
            "too few for 90 shards",
            id="empty shard",
        ),
        pytest.param(["run", "--clusters", "given"], "go together", id="given"),
        pytest.param(["run", "--kubeconfigs", "."], "go together", id="kubeconfigs"),
        pytest.param(
            ["run", "--clusters", "given", "--kubeconfigs", "nowhere"],
            "does not exist",
            id="folder",
        ),
        pytest.param(
            ["run", "--clusters", "given", "--kubeconfigs", "."],
            "needs management.kubeconfig and one file for each attached cluster",
            id="no kubeconfigs",
        ),
        pytest.param(
            ["run", "--clusters", "given", "--kubeconfigs", ".", "--attached", "2"],
            "--attached 2: with `--clusters given` every cluster",
            id="given and attached",
        ),
        pytest.param(["job"], "--image is missing", id="job"),
        pytest.param(["job", "--image", "i", "--shards", "0"], "0 is not in", id="job of nothing"),
        pytest.param(
            ["job", "--image", "i", "--", "--tgas", "@sync"], "No such option", id="job's run"
        ),
        pytest.param(
            ["job", "--image", "i", "--", "--out", "x"], "--out is for the Job", id="job's own"
        ),
        pytest.param(
            ["job", "--image", "i", "--", "--system", "flux"], "holds the reference only", id="flux"
        ),
        pytest.param(["merge"], "Missing argument", id="merge"),
        pytest.param(["merge", "a"], "a cannot be read: No such file", id="merge nothing"),
        pytest.param(["list", "--level", "PERHAPS"], "'PERHAPS' is not", id="list"),
    ],
)
def test_wrong_usage_gets_one_sentence_and_exit_code_2(say, arguments, told, tmp_path):
    status, out, err = say(*arguments)

    assert status == 2
    assert told in err
    assert err.startswith("gitops-conformance: ")
    assert err.count("\n") == 1
    assert out == ""
    assert list(tmp_path.iterdir()) == [], "nothing was made for a run that never began"


BASELINE = """\
system: reference
versions: {etcd: v3}
deviations:
- scenario: authentication/token::a_token_without_a_user_name
  requirement: CD-AUTH-05
  reason: It is refused.
  evidence: seen on 2026-11-23
"""


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("  reason: It is refused.\n", ""), "line 4: the deviation has no reason; say why"),
        (("It is refused.", "''"), "line 6: reason is empty; say why it fails"),
        (("token::a", "token::no"), "line 4: there is no scenario authentication/token::no_"),
        (("CD-AUTH-05", "CD-SYNC-01"), "does not show CD-SYNC-01"),
        (("CD-AUTH-05", "CD-AUTH-99"), "line 5: there is no requirement CD-AUTH-99"),
        (("system: reference", "system: flux"), "is about flux, but reference is judged"),
    ],
)
def test_a_baseline_that_is_wrong_stops_the_run(say, tmp_path, tmp_path_factory, change, told):
    file = tmp_path_factory.mktemp("mine") / "known.yaml"
    file.write_text(BASELINE.replace(*change))
    status, _, err = say("run", "--baseline", str(file))

    assert status == 2
    assert err.startswith("gitops-conformance: known.yaml")
    assert told in err
    assert err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_baseline_that_is_not_there_stops_the_run(say):
    status, _, err = say("run", "--baseline", "known.yaml")

    assert status == 2
    assert "The baseline known.yaml cannot be read: No such file" in err


def test_a_folder_that_holds_something_is_not_written_to(say, tmp_path):
    kept = tmp_path / "reports" / "mine"
    kept.mkdir(parents=True)
    (kept / "notes.txt").write_text("mine")
    status, _, err = say("run", "--out", str(kept))

    assert status == 2
    assert f"{kept} is not empty" in err
    assert [path.name for path in kept.iterdir()] == ["notes.txt"]


def test_a_file_is_no_folder(say, tmp_path):
    (tmp_path / "file").touch()
    status, _, err = say("run", "--out", str(tmp_path / "file"))

    assert status == 2
    assert err.count("\n") == 1


def test_version_is_told_by_command_and_option(say):
    for asked in (["version"], ["--version"]):
        status, out, _ = say(*asked)
        assert status == 0
        assert __version__ in out


def test_list_has_a_line_for_each_requirement(say):
    status, out, _ = say("list")

    assert status == 0
    assert [line.split()[0] for line in out.splitlines()] == [r.id for r in catalogue.load()]


def test_list_can_be_narrowed_to_a_level(say):
    _, out, _ = say("list", "--level", "SHOULD")

    assert {line.split()[1] for line in out.splitlines()} == {"SHOULD"}


@pytest.mark.parametrize(
    "command",
    ["run", "up", "down", "same-verdicts", "list", "assets", "doctor", "version", None],
)
def test_every_command_has_help(say, command):
    status, out, _ = say(*filter(None, [command]), "--help")

    assert status == 0
    assert out.startswith("Usage: gitops-conformance")
    assert len(out.splitlines()) > 3


@pytest.mark.parametrize("missing", [None, "git", "ssh"])
def test_doctor_says_what_is_missing_and_exits_3_if_a_run_could_not_begin(
    say, monkeypatch, missing
):
    monkeypatch.setattr(binaries, "survey", lambda *_: [])
    monkeypatch.setattr(fleet, "load", lambda: None)
    monkeypatch.setattr(shutil, "which", lambda name: None if name == missing else f"bin/{name}")
    status, out, _ = say("doctor")

    assert status == (3 if missing else 0)
    assert ("MISSING: install it" in out) is bool(missing)
    assert "Fleet left running by `up`: none" in out


@pytest.mark.parametrize(
    ("up", "stale", "told"),
    [
        (True, [], "The fleet is stopped"),
        (False, [], "No fleet is running."),
        (False, ["fleet-7"], "ended what a killed run had left"),
    ],
)
def test_down_says_what_it_did(say, monkeypatch, up, stale, told):
    monkeypatch.setattr(fleet, "reap_stale", lambda: stale)
    monkeypatch.setattr(fleet, "down", lambda: up)
    status, out, _ = say("down")

    assert status == 0
    assert told in out
    assert out.count("\n") == 1


def test_reuse_needs_a_fleet(say, monkeypatch, tmp_path):
    monkeypatch.setattr(fleet, "load", lambda: None)
    monkeypatch.setattr(fleet, "reap_stale", list)
    status, _, err = say("run", "--reuse", "--out", str(tmp_path / "out"))

    assert status == 2
    assert "start one with `gitops-conformance up`" in err
