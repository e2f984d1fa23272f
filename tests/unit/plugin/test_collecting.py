import pytest

from harness.errors import HarnessBug, Inconclusive, Nonconformance, NotYet, SetupError, UsageError
from harness.plugin import collecting


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (Nonconformance("no"), "failed"),
        (NotYet("no"), "failed"),
        (Inconclusive("deadline", "no"), "inconclusive"),
        (SetupError("no"), "errored"),
        (HarnessBug("no"), "errored"),
        (UsageError("no"), "errored"),
        (AssertionError("our own"), "errored"),
        (ValueError("our own"), "errored"),
        (KeyboardInterrupt(), "interrupted"),
        (pytest.skip.Exception("no"), "skipped"),
    ],
)
def test_who_must_act_decides_the_outcome(error, outcome):
    """Only what the system did wrong is a failure; our own mistakes never are."""
    assert collecting.outcome_of(error) == outcome


def test_our_own_sentences_stand_alone_and_others_come_with_their_kind():
    assert collecting.message_of(NotYet("after 3 s: no Secret")) == "after 3 s: no Secret"
    assert collecting.message_of(ValueError("3")) == "ValueError: 3"


@pytest.mark.parametrize(
    ("nodeid", "identifier"),
    [
        ("sync/sync.feature::test_a_new_source", "sync/sync::a_new_source"),
        ("a.feature::test_row[http-1]", "a::row[http-1]"),
    ],
)
def test_an_id_is_the_feature_and_the_name(nodeid, identifier):
    assert collecting.identifier(nodeid) == identifier


def test_a_slug_is_a_legal_folder_and_tells_twins_apart():
    long = "sync/sync.feature::test_" + "a" * 200
    slugs = {collecting.slug(text) for text in (long, long + "b", "A b", "a-b", "../..")}

    assert len(slugs) == 5
    assert all(set(slug) <= set("abcdefghijklmnopqrstuvwxyz0123456789-") for slug in slugs)
    assert all(len(slug) <= 70 for slug in slugs)
