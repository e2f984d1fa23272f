"""Conditions, manifests, revisions, quantities, profiles and names."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import HarnessBug, UsageError
from harness.model import conditions, eras, manifest, naming, profile, revision
from harness.model.quantity import amount

SHA = "0123456789abcdef0123456789abcdef01234567"


def obj(*found: dict[str, Any], generation: int = 2, observed: int | None = 2) -> dict[str, Any]:
    status: dict[str, Any] = {"conditions": list(found)}
    if observed is not None:
        status["observedGeneration"] = observed
    return {
        "apiVersion": "v1",
        "kind": "Thing",
        "metadata": {"name": "n", "namespace": "ns", "generation": generation},
        "status": status,
    }


def condition(type: str = "Ready", status: str = "True", **more: str) -> dict[str, Any]:
    return {"type": type, "status": status, **more}


def test_ready_means_true_for_the_present_generation() -> None:
    assert conditions.explain_ready(obj(condition())) is None
    assert conditions.ready(obj(condition(), observed=None))


@pytest.mark.parametrize(
    ("thing", "said"),
    [
        (obj(), "Thing ns/n has no condition Ready"),
        (obj(condition("Healthy")), "Thing ns/n has no condition Ready (it has Healthy)"),
        (
            obj(condition(status="False", reason="CloneFailed", message="no")),
            "Thing ns/n: Ready=False, reason CloneFailed: no",
        ),
        (
            obj(condition(), observed=1),
            "Thing ns/n is Ready for generation 1, but its specification is at generation 2",
        ),
        (
            obj(condition(), condition("Reconciling", reason="Progressing")),
            "Thing ns/n: Reconciling=True, reason Progressing",
        ),
    ],
)
def test_why_an_object_is_not_ready_is_one_sentence(thing: dict[str, Any], said: str) -> None:
    assert conditions.explain_ready(thing) == said


@pytest.mark.parametrize(
    ("text", "ref"),
    [
        (f"main/{SHA}", "main"),
        (f"main@sha1:{SHA}", "main"),
        (f"feature/a/{SHA}", "feature/a"),
        (f"refs/heads/main@sha1:{SHA}", "refs/heads/main"),
        (f"HEAD/{SHA}", "HEAD"),
        (f"sha1:{SHA}", None),
        (SHA, None),
    ],
)
def test_all_forms_of_a_revision_are_one(text: str, ref: str | None) -> None:
    assert revision.normalise(text) == revision.Revision(ref, SHA)
    assert revision.commit_of(text) == SHA


@pytest.mark.parametrize("text", ["main", f"main/{SHA[:39]}", f"main/{SHA}0", "", f"{SHA}/x"])
def test_what_is_no_revision_is_refused(text: str) -> None:
    assert revision.commit_of(text) is None
    with pytest.raises(ValueError, match="no Git revision"):
        revision.normalise(text)


@pytest.mark.parametrize("name", profile.DIALECTS)
def test_a_dialect_reads_what_it_writes(name: str) -> None:
    spoken = profile.dialect(name)
    written = spoken.revision("main", SHA)
    assert spoken.revision_in(spoken.message(written)) == written
    assert revision.normalise(written) == revision.Revision("main", SHA)
    assert spoken.revision_in("authentication required") is None


def test_page_and_modern_differ_in_three_words_only() -> None:
    assert (
        profile.PAGE.message(profile.PAGE.revision("main", SHA)) == f"Fetched revision: main/{SHA}"
    )
    modern = profile.MODERN
    said = f"stored artifact for revision 'main@sha1:{SHA}'"
    assert modern.message(modern.revision("main", SHA)) == said
    assert (profile.PAGE.source_ready_reason, modern.source_ready_reason) == (
        "GitOperationSucceed",
        "Succeeded",
    )
    assert profile.PAGE.era == modern.era == eras.E6


def test_a_variant_is_noted_only_where_the_wording_differs() -> None:
    claims = {"capabilities": profile.CORE, "may_poke": True}
    assert profile.Profile("a", dialect=profile.PAGE, **claims).variant is None  # type: ignore[arg-type]
    noted = profile.Profile("b", dialect=profile.MODERN, **claims).variant  # type: ignore[arg-type]
    assert noted is not None
    assert "Succeeded" in noted


def test_unclaimed_capabilities_are_found_among_tags() -> None:
    claimed = profile.Profile("a", profile.CORE - {"auth.ssh"}, profile.PAGE, may_poke=False)
    assert claimed.unclaimed(["@auth.ssh", "sync", "CD-AUTH-04", "disruptive"]) == ("auth.ssh",)
    with pytest.raises(UsageError, match="no capability is called 'telepathy'"):
        profile.Profile("a", frozenset({"telepathy"}), profile.PAGE, may_poke=False)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("500m", "0.5"),
        ("1Gi", "1073741824"),
        ("1e3", "1000"),
        ("2k", "2000"),
        (2, "2"),
        ("1.5Gi", "1610612736"),
    ],
)
def test_quantities_are_numbers(text: str | int, number: str) -> None:
    assert amount(text) == amount(number)


@pytest.mark.parametrize("text", ["", "a", "1Q", True, None, "1 Gi", "--1", "NaN"])
def test_what_is_no_quantity_has_no_amount(text: Any) -> None:
    assert amount(text) is None


def test_yaml_is_read_as_kustomize_reads_it() -> None:
    text = "a: 2001-01-01\nb: 12:30:45\nc: yes\nd: 1e3\ne: 0644\nf: ~\nh: true\nn: '1'\n"
    text += "m: {<<: {q: 1}, r: 2}"
    [document] = manifest.documents(text)
    assert document == {
        "a": "2001-01-01",
        "b": "12:30:45",
        "c": "yes",
        "d": 1000.0,
        "e": 0o644,
        "f": None,
        "h": True,
        "n": "1",
        "m": {"q": 1, "r": 2},
    }


@pytest.mark.parametrize(
    "text",
    [
        "a: 1\na: 2",
        "a: [",
        "- kind: x",
        "kind: A",
        "kind: A\napiVersion: v1",
        "x: !!python/none 1",
        "kind: List\nitems: [1]",
        "{[1]: 2}",
        "a: <<",
        "\x00",
    ],
)
def test_what_is_no_manifest_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(manifest.ManifestError) as caught:
        manifest.objects(text)
    assert "\n" not in str(caught.value)


def test_names_are_repeatable_valid_and_never_twice() -> None:
    kinds = ["project", "source", "secret", "config", "app", "user", "team"]

    def some(seed: int) -> list[str]:
        names = naming.Names(seed, "salt")
        return [names.word(kind) for kind in kinds for _ in range(200)]

    made = some(1)
    assert made == some(1)
    assert len(set(made)) == len(made)
    assert not set(made) & set(some(2))
    for name in made:
        assert re.fullmatch(r"[a-z]([-a-z0-9]*[a-z0-9])?", name)
        assert len(name) <= 45
        assert not re.search("test|conform|e2e|demo|sample|example|harness|suite|fixture", name)


def test_labels_and_repositories_have_their_form() -> None:
    names = naming.Names(1)
    assert re.fullmatch(r"[a-z0-9-]+\.io/[a-z-]+", names.label())
    assert re.fullmatch(r"[a-z0-9-]+/[a-z0-9-]+", names.repository())
    assert len(names.password()) == 24


def test_placeholders_are_filled_in_paths_and_contents() -> None:
    files = {"__app__/a.yaml": b"name: __config_b__", "logo.png": b"\xff__app__"}
    assert naming.placeholders_of(files) == {"app", "config_b"}
    filled = naming.substitute_files(files, {"app": "web", "config_b": "limits"})
    assert filled == {"web/a.yaml": b"name: limits", "logo.png": b"\xff__app__"}


def test_an_unknown_placeholder_is_an_error_that_names_it() -> None:
    with pytest.raises(HarnessBug, match=r"a\.yaml: no value for __app__; known are __config__"):
        naming.substitute_files({"a.yaml": b"__app__"}, {"config": "x"})
    with pytest.raises(HarnessBug, match="__namespace__ cannot be made up"):
        naming.Names(1).values({"namespace"})


@given(st.text())
def test_text_without_placeholders_is_left_alone(text: str) -> None:
    if not naming.placeholders(text):
        assert naming.substitute(text, {}) == text
