"""Rows explain what they are about and nothing else; the document is made of them."""

from typing import Any

import pytest

from harness import data
from harness.differential import comparing, rows
from harness.differential.comparing import Difference
from harness.errors import HarnessBug

FOUND = Difference("events", 2, "GitRepository/app", "entry", "absent", "Normal Said: nothing new")


def row(**changes: str) -> dict[str, Any]:
    return {
        "id": "said",
        "class": "events",
        "kind": "accepted",
        "subject": "GitRepository/.*",
        "path": "entry",
        "left": "absent",
        "right": "Normal Said: .*",
        "why": "so it is",
        **changes,
    }


def ledger(*raw: dict[str, Any]) -> rows.Ledger:
    return rows.Ledger(rows.parse(raw))


def test_a_row_explains_its_difference_and_counts() -> None:
    book = ledger(row(), row(id="other", right="Warning .*"))
    assert book.unexplained([FOUND, FOUND]) == []
    assert book.hits == {"said": 2}
    assert book.unused() == ["other"]


def test_only_a_race_may_be_idle() -> None:
    book = ledger(row(kind="race"), row(id="other", kind="flux"))
    assert book.unused() == ["other"]


@pytest.mark.parametrize(
    "foreign",
    [
        Difference("conditions", 2, "GitRepository/app", "entry", "absent", FOUND.right),
        Difference("events", 2, "Kustomization/app", "entry", "absent", FOUND.right),
        Difference("events", 2, "GitRepository/app", "other", "absent", FOUND.right),
        Difference("events", 2, "GitRepository/app", "entry", "something", FOUND.right),
        Difference("events", 2, "GitRepository/app", "entry", "absent", "Warning Said: x"),
        Difference("events", 2, "GitRepository/app", "entry", "absent", f"and {FOUND.right}"),
        FOUND.swapped(),
    ],
)
def test_a_row_swallows_no_foreign_difference(foreign: Difference) -> None:
    book = ledger(row())
    assert book.unexplained([foreign]) == [foreign]
    assert book.unused() == ["said"]


def test_systems_may_stand_the_other_way_round() -> None:
    assert rows.Ledger(rows.parse([row()]), swapped=True).unexplained([FOUND.swapped()]) == []
    assert rows.ledger("flux", "reference").swapped
    assert rows.ledger("reference", "reference").rows == ()


@pytest.mark.parametrize(
    "wrong",
    [
        [row(), row()],
        [row(**{"class": "weather"})],
        [row(kind="whatever")],
        [row(extra="x")],
        [{"id": "short"}],
    ],
)
def test_a_mistake_in_the_file_is_told(wrong: list[dict[str, Any]]) -> None:
    with pytest.raises(HarnessBug):
        rows.parse(wrong)


@pytest.mark.parametrize("kind", comparing.CLASSES)
def test_no_row_swallows_an_injected_difference(kind: str) -> None:
    injected = Difference(kind, 0, "ConfigMap/injected", "data.k", "one", "two")
    assert rows.ledger(*rows.PAIR).unexplained([injected]) == [injected]


def test_no_row_swallows_a_wrong_outcome() -> None:
    """Whatever the wording: ready against failed is never explained away."""
    for subject in ("GitRepository/app", "Kustomization/app"):
        for left, right in (("True", "False"), ("False", "True")):
            wrong = Difference("conditions", 0, subject, "Ready.status", left, right)
            assert rows.ledger(*rows.PAIR).unexplained([wrong]) == [wrong]


def test_the_document_is_up_to_date() -> None:
    path = data.root() / "docs" / "differences.md"
    assert path.read_text("utf-8") == rows.document(rows.load()), (
        "run: python -m harness.differential.rows > docs/differences.md"
    )
