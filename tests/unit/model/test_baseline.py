"""What a baseline may say, and how mistakes in one are told."""

import textwrap
from pathlib import Path

import pytest

from harness import data
from harness.errors import UsageError
from harness.model import baseline, catalogue
from harness.plugin import collecting, features

GOOD = """\
system: flux-plain
versions:
  source-controller: v1.3.0
deviations:
- scenario: authentication/http::a_token
  requirement: CD-AUTH-03
  reason: Refused before any request.
  evidence: https://example.com/issues/1
- scenario: sync/sync::tree[row-1]
  requirement: CD-SYNC-01
  reason: "It hangs: for ever."
  evidence: seen on 2026-11-23
"""
SHOWN = {
    "authentication/http::a_token": ("CD-AUTH-03", "auth.token"),
    "sync/sync::tree": ("CD-SYNC-01", "CD-SYNC-02"),
}


def parse(text: str) -> baseline.Baseline:
    return baseline.parse(text, catalogue.load(), file="known.yaml")


def test_a_baseline_is_read() -> None:
    read = parse(GOOD)
    assert (read.system, read.versions) == ("flux-plain", {"source-controller": "v1.3.0"})
    assert read.reasons == {
        "authentication/http::a_token": "Refused before any request.",
        "sync/sync::tree[row-1]": "It hangs: for ever.",
    }
    first = read.deviations[0]
    assert (first.requirement, first.line) == ("CD-AUTH-03", 5)
    assert first.evidence == "https://example.com/issues/1"
    read.check_scenarios(SHOWN)
    read.check_system("flux-plain")


def test_a_baseline_may_list_nothing() -> None:
    assert parse("system: x\nversions: {a: v1}\ndeviations: []").reasons == {}


@pytest.mark.parametrize("key", ["scenario", "requirement", "reason", "evidence"])
@pytest.mark.parametrize("value", [None, "", "''", "'  '", "~", "null", "[]"])
def test_a_deviation_says_all_four_things(key: str, value: str | None) -> None:
    lines = GOOD.splitlines()
    [number] = [n for n, line in enumerate(lines[:8]) if line.strip(" -").startswith(f"{key}:")]
    begin = "- " if lines[number].startswith("-") else "  "
    lines[number] = f"{begin}colour: red" if value is None else f"{begin}{key}: {value}"
    if value is None:
        lines[number] = f"{begin}" if begin == "- " else ""
    with pytest.raises(UsageError) as refused:
        parse("\n".join(lines))
    # A key that is missing is missing from the deviation, an empty one has a line of its own.
    missing_at = 6 if (value is None and key == "scenario") else 5
    line = missing_at if value is None else number + 1
    assert str(refused.value).startswith(f"known.yaml, line {line}: ")
    assert key in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "line 1: the file is empty; it needs system, versions and deviations"),
        ("- a", "line 1: a baseline is no mapping"),
        ("system: [", ", line 2: .*; correct the YAML"),
        ("a: 1\x00", "correct the YAML"),
        ("system: x\nversions: {a: v1}", "line 1: the baseline has no deviations; add it"),
        ("versions: {a: v1}\ndeviations: []", "line 1: the baseline has no system; add it"),
        ("system: x\nversions: {}\ndeviations: []", "line 2: versions names no program"),
        ("system: x\nversions: v1\ndeviations: []", "line 2: versions is no mapping"),
        ("system: x\nversions: {a: ~}\ndeviations: []", "line 2: the version of a is empty"),
        ("system: x\nversions: {a: v1}\ndeviations: {}", "line 3: deviations is no list"),
        ("system: x\nversions: {a: v1}\ndeviations: [x]", "line 3: a deviation is no mapping"),
        ("system: x\nsystem: y", "line 2: system is there twice"),
        ("system: x\ncolour: red", "line 2: a baseline has no colour; known are system, versions"),
        (GOOD + "  colour: red\n", "line 13: a deviation has no colour; known are scenario"),
        (
            GOOD.replace("CD-SYNC-01", "CD-SYNC-99"),
            "line 10: there is no requirement CD-SYNC-99; see `gitops-conformance list`",
        ),
        (
            GOOD.replace("sync/sync::tree[row-1]", "authentication/http::a_token"),
            "line 9: authentication/http::a_token is listed in line 5 already; keep one",
        ),
    ],
)
def test_what_is_wrong_is_told_with_its_line(text: str, told: str) -> None:
    with pytest.raises(UsageError, match=rf"^known\.yaml.*{told}"):
        parse(text)


@pytest.mark.parametrize(
    ("shown", "told"),
    [
        ({}, "line 5: there is no scenario authentication/http::a_token; every report lists"),
        (
            {**SHOWN, "sync/sync::tree": ("CD-SYNC-02",)},
            "line 9: sync/sync::tree does not show CD-SYNC-01; name one of its requirements",
        ),
    ],
)
def test_scenarios_are_held_against_the_features(shown: dict[str, object], told: str) -> None:
    with pytest.raises(UsageError, match=rf"known\.yaml, {told}"):
        parse(GOOD).check_scenarios(shown)  # type: ignore[arg-type]


def test_a_row_is_named_whole() -> None:
    with pytest.raises(UsageError, match="ends within its row"):
        parse(GOOD.replace("[row-1]", "[row-1")).check_scenarios(SHOWN)


def test_a_baseline_is_about_one_system() -> None:
    with pytest.raises(UsageError, match="is about flux-plain, but flux is judged"):
        parse(GOOD).check_system("flux")


@pytest.mark.parametrize(
    ("running", "told"),
    [
        ({"source-controller": "v1.3.0", "etcd": "v3"}, None),
        ({"source-controller": "1.3.0"}, None),
        ({}, None),
        ({"source-controller": "v1.2.3"}, "source-controller v1.2.3 runs, not v1.3.0"),
    ],
)
def test_a_baseline_is_about_its_versions(running: dict[str, str], told: str | None) -> None:
    assert parse(GOOD).other_versions(running) == told


def test_a_file_is_named_without_its_folder(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(GOOD)
    assert baseline.read(path, catalogue.load()).file == "mine.yaml"
    with pytest.raises(UsageError, match="cannot be read: No such file"):
        baseline.read(tmp_path / "none.yaml", catalogue.load())
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(UsageError, match="no UTF-8"):
        baseline.read(path, catalogue.load())


def test_what_is_shipped_is_found_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(baseline, "SHIPPED", tmp_path)
    (tmp_path / "flux-plain.yaml").write_text(GOOD)
    assert baseline.shipped("flux-plain") == tmp_path / "flux-plain.yaml"
    assert baseline.shipped("flux") is None
    assert baseline.shipped("../flux-plain") is None


def test_every_shipped_baseline_is_sound() -> None:
    shown = {
        collecting.identifier(node): sketch.tags
        for node, sketch in features.sketches(data.path("features")).items()
    }
    for path in baseline.SHIPPED.glob("*.yaml"):
        read = baseline.read(path, catalogue.load())
        read.check_system(path.stem)
        read.check_scenarios(shown)


def test_the_example_in_the_readme_is_a_baseline() -> None:
    text = (baseline.SHIPPED / "README.md").read_text()
    example = textwrap.dedent(text.partition("```yaml\n")[2].partition("```")[0])
    assert len(parse(example).deviations) == 1
