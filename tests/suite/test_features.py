"""Names, tags and coverage of the features: the specification has no hole and no twin."""

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from pytest_bdd.scenario import get_python_name_generator

from harness import data
from harness.model import catalogue, profile
from harness.plugin import collecting, features, wiring
from tests.suite import vocabulary


def _ids(area: str, *numbers: int) -> list[str]:
    return [f"CD-{area}-{number:02}" for number in numbers]


# What the spine must show; later pieces add to it and never take away.
DEMANDED = [
    *_ids("AUTH", *range(1, 11)),
    *_ids("SECRET", 1, 3, 5),
    *_ids("SOURCE", 1, 2, 3, 6, 12),
    *_ids("SYNC", *range(1, 7)),
    *_ids("STATUS", 1, 2, 3, 4),
    *_ids("EVENT", 1),
    *_ids("SUSPEND", 1, 2, 3, 4, 5),
    *_ids("RESUME", 1, 2, 3),
    *_ids("DELETE", 1, 2, 3, 4, 5, 6, 11),
    *_ids("MULTI", 1),
    *_ids("CLI", 1),
]
every_scenario = pytest.mark.parametrize(
    "scenario", vocabulary.scenarios(), ids=lambda s: f"{s.path}:{s.line}"
)


def test_scenario_names_are_unique():
    """Of two scenarios of one name in a file pytest-bdd drops the first, silently."""
    names = Counter(scenario.name for scenario in vocabulary.scenarios())

    assert [name for name, times in names.items() if times > 1] == []


def test_scenario_names_stay_unique_as_names_of_tests():
    """`A b` and `A-b` are one Python name: the second would replace the first."""
    names = Counter(
        (scenario.path, next(iter(get_python_name_generator(scenario.name))))
        for scenario in vocabulary.scenarios()
    )

    assert [name for name, times in names.items() if times > 1] == []


def test_rows_of_an_outline_have_names_of_their_own():
    names = Counter((pickle.path, pickle.name) for pickle in vocabulary.pickles())

    assert [name for name, times in names.items() if times > 1] == []


def test_cases_are_called_as_pytest_calls_them():
    """Shards are dealt by these names, before pytest has seen a feature."""
    done = subprocess.run(
        [
            sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "harness.plugin.wiring",
            "-c", str(Path(wiring.__file__).with_name("pytest.ini")),
            f"--rootdir={data.path('features')}", str(data.path("features")),
        ],
        capture_output=True, text=True, check=True,
        env={k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")},
    )  # fmt: skip
    collected = [line for line in done.stdout.splitlines() if "::" in line]

    assert collected == list(features.cases(data.path("features"), "", ()))


@every_scenario
def test_a_scenario_shows_one_to_three_requirements_and_a_capability(scenario):
    requirements = [tag for tag in scenario.tags if catalogue.is_requirement_tag(tag)]

    assert 1 <= len(requirements) <= 3
    assert any(profile.is_capability(tag) for tag in scenario.tags)
    assert len(set(scenario.tags)) == len(scenario.tags)


@every_scenario
def test_every_tag_is_known(scenario):
    known = {requirement.tag for requirement in catalogue.load()}
    known |= {f"@{capability.name}" for capability in profile.CAPABILITIES}
    known.add(f"@{features.DISRUPTIVE}")

    assert set(scenario.tags) - known == set()


@every_scenario
def test_a_requirement_that_is_shown_can_be_observed(scenario):
    shown = catalogue.load().of_tags(scenario.tags)

    assert [r.id for r in shown if r.observable is not catalogue.Observable.API] == []


def test_the_demanded_requirements_are_shown():
    shown = {tag.removeprefix("@") for s in vocabulary.scenarios() for tag in s.tags}

    assert [name for name in DEMANDED if name not in shown] == []


def test_every_core_capability_is_shown():
    shown = {tag.removeprefix("@") for s in vocabulary.scenarios() for tag in s.tags}

    assert sorted(profile.CORE - shown) == []


def test_every_scenario_says_when_and_then():
    for pickle in vocabulary.pickles():
        kinds = [step.kind for step in pickle.steps]
        assert kinds[0] == "given", f"{pickle.name}: begins with what is given"
        assert kinds[-1] == "then", f"{pickle.name}: ends with what must be seen"


def test_a_scenario_id_is_short_of_its_folder_and_of_pytest():
    assert (
        collecting.identifier("sync/sync.feature::test_a_new_source[shop]")
        == "sync/sync::a_new_source[shop]"
    )


@pytest.mark.parametrize("path", vocabulary.feature_files(), ids=lambda path: path.name)
def test_feature_files_are_short(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 120
