import json
import stat
import threading

import pytest

from harness import config, data
from harness.config import Session
from harness.errors import HarnessError, Inconclusive, Nonconformance, NotYet, UsageError


@pytest.fixture
def session(tmp_path) -> Session:
    return Session(
        directory=str(tmp_path),
        clusters={"management": "m.yaml", "c1": "c1.yaml"},
        git_control="http://127.0.0.1:1",
        git_token="hunter2",
        system="reference",
        dialect="page",
        capabilities=("source", "sync"),
        may_poke=True,
        kubectl="kubectl",
        workspace="w",
        seed=7,
        evidence="evidence",
        patience={"sync": 3.0},
        bootstrap_control="http://127.0.0.1:2",
        bootstrap_token="hunter3",
    )


def test_a_session_comes_back_as_it_was_written(session):
    assert Session.read(session.write()) == session


def test_only_its_owner_reads_a_session(session):
    path = session.write()

    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_session_does_not_tell_its_tokens(session):
    assert "hunter" not in repr(session)


def test_the_order_of_the_clusters_stays(session):
    assert list(Session.read(session.write()).clusters) == ["management", "c1"]


@pytest.mark.parametrize("content", [None, "", "no json"])
def test_what_is_no_session_is_named(tmp_path, content):
    path = tmp_path / "session.json"
    if content is not None:
        path.write_text(content)

    with pytest.raises(UsageError, match=f"{path} is no session"):
        Session.read(path)


def test_the_journal_takes_lines_from_many_at_once(session):
    def write(who: int) -> None:
        for n in range(50):
            config.note(session.journal, "project", f"p-{who}-{n}")

    threads = [threading.Thread(target=write, args=[n]) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(config.noted(session.journal)) == sorted(
        ("project", f"p-{who}-{n}") for who in range(4) for n in range(50)
    )
    assert stat.S_IMODE(session.journal.stat().st_mode) == 0o600


def test_a_journal_that_nobody_wrote_is_empty(session):
    assert config.noted(session.journal) == []


def test_a_line_of_the_journal_is_json(session):
    config.note(session.journal, "secret", "a\nb")

    assert json.loads(session.journal.read_text()) == {"kind": "secret", "name": "a\nb"}


def test_a_late_success_is_a_failure_of_the_system_and_an_assertion():
    assert issubclass(NotYet, Nonconformance)
    assert issubclass(Nonconformance, AssertionError)
    assert not issubclass(Inconclusive, AssertionError)
    assert issubclass(Inconclusive, HarnessError)


def test_features_and_fixtures_are_found():
    assert data.path("features").is_dir()
    assert data.path("fixtures", "crds", "management").is_dir()
