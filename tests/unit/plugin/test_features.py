from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pytest_bdd.scenario import scenario_wrapper_template_registry

from harness import data
from harness.errors import HarnessBug, UsageError
from harness.model.sharding import Shard
from harness.plugin import features

FEATURE = """
@suspend
Feature: Tiny

  @CD-SYNC-01
  Scenario: One
    Given a start

  Rule: A rule
    @CD-SYNC-02 @auth.http
    Scenario Outline: Two <n>
      Given a start

      Examples:
        | n |
        | 1 |
        | 2 |
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "tiny.feature").write_text(FEATURE)
    return tmp_path


def _item(nodeid: str, *tags: str) -> Any:
    marks = [SimpleNamespace(name=tag) for tag in (*tags, "usefixtures")]
    return SimpleNamespace(nodeid=nodeid, iter_markers=lambda: iter(marks))


ITEMS = [
    _item("sync/sync.feature::test_one", "CD-SYNC-01", "sync"),
    _item("sync/sync.feature::test_two[a-b]", "CD-SYNC-02", "suspend", "auth.https-self-signed"),
    _item("delete.feature::test_three", "CD-SYNC-02", "sync", "disruptive"),
]


@pytest.mark.parametrize(
    ("expression", "requirements", "scenarios", "chosen"),
    [
        ("", (), (), [0, 1, 2]),
        ("@sync", (), (), [0, 2]),
        ("@CD-SYNC-02 and not @disruptive", (), (), [1]),
        ("@auth.https-self-signed or @CD-SYNC-01", (), (), [0, 1]),
        ("", ("CD-SYNC-02",), (), [1, 2]),
        ("@sync", ("CD-SYNC-02", "CD-SYNC-09"), (), [2]),
        ("", (), ("sync/sync::two[a-b]",), [1]),
        ("@sync", (), ("sync/sync::two[a-b]",), []),
    ],
)
def test_a_choice_is_by_tags_and_requirements_and_ids(expression, requirements, scenarios, chosen):
    wanted, left = features.select(list(ITEMS), expression, requirements, scenarios)

    assert wanted == [ITEMS[n] for n in chosen]
    assert len(wanted) + len(left) == len(ITEMS)


def test_tags_are_ours_and_not_pytests():
    assert features.tags_of(ITEMS[1]) == ("CD-SYNC-02", "auth.https-self-signed", "suspend")


@pytest.mark.parametrize(
    ("expression", "told"),
    [
        ("@sync and", "no tag expression. and: Too few operands"),
        ("(@sync", "no tag expression. Unclosed"),
        ("@sync @suspend", "no tag expression."),
        ("@suspendd", "there is no tag @suspendd"),
        ("sync", "there is no tag sync"),
        ("@CD-SYNC-99", "there is no tag @CD-SYNC-99"),
    ],
)
def test_a_wrong_expression_is_refused_in_one_sentence(folder, expression, told):
    with pytest.raises(UsageError, match=r"^--tags .*") as caught:
        features.count(folder, expression, ())

    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("expression", "requirements", "number"),
    [("", (), 3), ("@suspend", (), 3), ("@auth.http", (), 2), ("", ("CD-SYNC-01",), 1)],
)
def test_scenarios_are_counted_without_running_them(folder, expression, requirements, number):
    assert features.count(folder, expression, requirements) == number


def test_a_sketch_is_what_the_feature_file_says(folder):
    one, two = features.sketches(folder).items()

    assert one == (
        "deep/tiny.feature::test_one",
        features.Sketch("deep/tiny.feature", "Tiny", "One", 6, ("CD-SYNC-01", "suspend")),
    )
    assert two[0] == "deep/tiny.feature::test_two_n"
    assert two[1].tags == ("CD-SYNC-02", "auth.http", "suspend")


def test_cases_are_what_pytest_will_call_them(folder):
    found = features.cases(folder, "", ())

    assert list(found) == [
        "deep/tiny.feature::test_one",
        "deep/tiny.feature::test_two_n[1]",
        "deep/tiny.feature::test_two_n[2]",
    ]
    assert [case.name for case in found.values()] == ["One", "Two 1", "Two 2"]
    assert list(features.cases(folder, "@auth.http", (), ["deep/tiny::two_n[2]"])) == [
        "deep/tiny.feature::test_two_n[2]"
    ]


def test_what_runs_alone_is_dealt_after_the_others():
    chosen = {
        name: features.Sketch("a", "A", name, 1, (features.DISRUPTIVE,) if name in "bd" else ())
        for name in "abcdef"
    }
    hands = [list(features.dealt(chosen, Shard(number, 2))) for number in (1, 2)]

    assert hands == [["a", "e", "b"], ["c", "f", "d"]]
    assert list(features.dealt(chosen, None)) == ["a", "c", "e", "f", "b", "d"]


def test_a_file_that_is_no_feature_is_named(tmp_path):
    (tmp_path / "bad.feature").write_text("Feature: Bad\n  Scenario: One\n    Given a\n  typo\n")

    with pytest.raises(HarnessBug, match=r"bad\.feature is no feature file"):
        features.sketches(tmp_path)


def test_what_waits_longest_comes_first(monkeypatch) -> None:
    def item(*steps: str) -> Any:
        def obj() -> None: ...

        scenario: Any = SimpleNamespace(steps=[SimpleNamespace(name=step) for step in steps])
        kept.append(obj)  # the registry holds functions weakly
        monkeypatch.setitem(scenario_wrapper_template_registry, obj, scenario)
        return SimpleNamespace(obj=obj)

    kept: list[Any] = []
    sync = item('a synced GitOps source "shop"', "a")
    long, short = item(*"abcdefgh"), item("a")
    assert features.in_turn([short, sync, long]) == [sync, long, short]
    assert features.patience(SimpleNamespace()) == 0  # type: ignore[arg-type]

    quiets = [item(*["while a control source is synced"] * n) for n in (2, 3, 4)]
    others = [item(*"a" * n) for n in range(8, 0, -1)]
    assert features.in_turn([*others, *quiets]) == [
        quiets[2], *others[:3], quiets[1], *others[3:6], quiets[0], *others[6:]
    ]  # fmt: skip
    assert features.in_turn([*quiets, short]) == [quiets[2], short, *quiets[1::-1]], "none is lost"


def test_the_suite_speaks_of_what_waits_as_the_order_expects() -> None:
    text = "".join(path.read_text() for path in data.path("features").rglob("*.feature"))
    assert all(words in text for words in features._INTERVALS + features._SYNCS)
