"""Which commit is meant when several fields say something, and how it is written."""

import pytest

from harness.controllers import source_revision, source_semver
from harness.controllers.source_revision import Dialect, Unresolved, wanted

SHA, OTHER = "a" * 40, "b" * 40
PULL = "refs/pull/7/head"
REFERENCES = {
    "refs/heads/main": SHA,
    PULL: OTHER,
    "refs/tags/v1.0.0": SHA,
    "refs/tags/v1.1.0": OTHER,
    "refs/tags/v1.1.0^{}": SHA,
}


@pytest.mark.parametrize(
    ("ref", "by", "value"),
    [
        ({}, "branch", "master"),
        ({"branch": "main"}, "branch", "main"),
        ({"branch": "main", "semver": ">1"}, "semver", ">1"),
        ({"semver": ">1", "tag": "v1"}, "tag", "v1"),
        ({"tag": "v1", "name": "refs/heads/x"}, "name", "refs/heads/x"),
        ({"name": "refs/heads/x", "commit": SHA}, "commit", SHA),
    ],
)
def test_one_field_wins(ref: dict[str, str], by: str, value: str) -> None:
    found = wanted(ref)
    assert (found.by, found.value) == (by, value)


@pytest.mark.parametrize(
    ("ref", "page", "modern"),
    [
        ({"branch": "main"}, f"main/{SHA}", f"main@sha1:{SHA}"),
        ({"tag": "v1.1.0"}, f"v1.1.0/{SHA}", f"v1.1.0@sha1:{SHA}"),
        ({"semver": "~1.0"}, f"v1.0.0/{SHA}", f"v1.0.0@sha1:{SHA}"),
        ({"name": PULL}, f"{PULL}/{OTHER}", f"{PULL}@sha1:{OTHER}"),
        ({"commit": OTHER, "branch": "main"}, f"main/{OTHER}", f"main@sha1:{OTHER}"),
        ({"commit": OTHER}, f"HEAD/{OTHER}", f"sha1:{OTHER}"),
    ],
)  # fmt: skip
def test_a_revision_is_written_in_the_dialect(ref: dict[str, str], page: str, modern: str) -> None:
    target = source_revision.resolve(wanted(ref), REFERENCES)
    dialects: tuple[tuple[Dialect, str], ...] = (("page", page), ("modern", modern))
    for dialect, expected in dialects:
        written = source_revision.text(target.label, target.commit, dialect)
        assert written == expected
        assert source_revision.commit_of(written) == target.commit


@pytest.mark.parametrize(
    ("ref", "message"),
    [
        ({"branch": "x"}, 'couldn\'t find remote ref "refs/heads/x"'),
        ({"tag": "x"}, 'couldn\'t find remote ref "refs/tags/x"'),
        ({"name": "refs/x"}, "unable to resolve ref 'refs/x' to a specific commit"),
        ({"semver": ">9"}, "no match found for semver: >9"),
        ({"semver": "not a range"}, "semver parse error: improper constraint"),
        ({"commit": "abc"}, "unable to resolve commit object for 'abc': object not found"),
    ],
)
def test_what_is_missing_is_named(ref: dict[str, str], message: str) -> None:
    with pytest.raises(Unresolved) as missing:
        source_revision.resolve(wanted(ref), REFERENCES)
    assert str(missing.value) == message


TAGS = ["v0.9.0", "1.0.0", "v1.2.0", "v1.2.3", "v1.10.0", "v2.0.0-rc.1", "v2.0.0", "latest"]


@pytest.mark.parametrize(
    ("expression", "highest"),
    [
        ("*", "v2.0.0"),
        (">=1.0.0", "v2.0.0"),
        (">=1.0.0 <2.0.0", "v1.10.0"),
        (">=1.0.0, <1.10", "v1.2.3"),
        ("~1.2", "v1.2.3"),
        ("^1.2.0", "v1.10.0"),
        ("^0.9", "v0.9.0"),
        ("1.2.x", "v1.2.3"),
        ("1.x || 0.x", "v1.10.0"),
        ("1.0.0 - 1.2", "v1.2.3"),
        ("=1.2.0", "v1.2.0"),
        (">2.0.0-alpha <2.0.0", "v2.0.0-rc.1"),
        ("!=2.0.0", "v1.10.0"),
        (">1.2", "v2.0.0"),
        ("<=1.2", "v1.2.3"),
        (">=3", None),
    ],
)
def test_the_highest_version_of_a_range_is_found(expression: str, highest: str | None) -> None:
    assert source_semver.highest(TAGS, expression) == highest
