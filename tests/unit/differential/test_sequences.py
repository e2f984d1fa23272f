"""What is played: sequences made by hand and generated ones."""

import pytest

from harness import data
from harness.differential import fixtures, running, settling, strategies
from harness.differential.operations import Commit, edit
from harness.errors import UsageError
from harness.model.objects import Object


def test_every_repository_is_played_commit_by_commit() -> None:
    folders = {p.name for p in data.path("fixtures", "repositories").iterdir() if p.is_dir()}
    played = {one.name: one for one in fixtures.repositories()}
    assert set(played) == {f"repository {name}" for name in folders}
    shop = played["repository shop"]
    assert sum(isinstance(one, Commit) for one in shop.operations) == 3
    assert not any("__" in path + text for path, text in shop.first)


def test_names_are_unique() -> None:
    names = [one.name for one in fixtures.sequences()]
    assert len(names) == len(set(names))


def test_a_seed_gives_the_same_sequences_again() -> None:
    some = strategies.collect(8, 3)
    assert len(some) == 8
    assert some == strategies.collect(8, 3)
    assert some != strategies.collect(8, 4)
    assert all(3 <= len(one.operations) <= 7 for one in some)
    assert strategies.collect(0, 3) == []


def test_the_choice_of_sequences() -> None:
    chosen = running.sequences(running.Choice("reference", "flux", 1, 2, only="shop"))
    assert [one.name for one in chosen] == ["repository shop"]
    with pytest.raises(UsageError):
        running.sequences(running.Choice("reference", "flux", 1, 0, only="nothing of the kind"))


def test_edits_are_values() -> None:
    assert edit("Kustomization", prune=True, path=None) == edit(
        "Kustomization", path=None, prune=True
    )


@pytest.mark.parametrize(
    ("conditions", "suspended", "is_busy"),
    [
        ([], False, True),
        ([], True, False),
        ([{"type": "Ready", "status": "True"}], False, False),
        ([{"type": "Ready", "status": "Unknown"}], False, True),
        (
            [
                {"type": "Ready", "status": "False"},
                {"type": "Reconciling", "status": "True", "reason": "ProgressingWithRetry"},
            ],
            False,
            False,
        ),
        (
            [
                {"type": "Ready", "status": "True"},
                {"type": "Reconciling", "status": "True", "reason": "Progressing"},
            ],
            False,
            True,
        ),
    ],
)
def test_when_an_object_is_at_rest(
    conditions: list[Object], suspended: bool, is_busy: bool
) -> None:
    obj = {
        "apiVersion": "v1",
        "kind": "Kustomization",
        "metadata": {"name": "app"},
        "spec": {"suspend": suspended},
        "status": {"conditions": conditions},
    }
    assert (settling.busy(obj) is not None) is is_busy
