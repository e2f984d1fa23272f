"""YAML as the tools of Kubernetes read it, both ways."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.model import manifest

LOOKS_LIKE_ANOTHER_TYPE = [
    "72e100", "1e3", "1E3", "1.5e3", "-1e-3", ".5e3", "1_0e3", "0o14", "0x1f", "012", "1_000",
    "1.0", "true", "yes", "on", "null", "~", "", "2026-11-24", "12:30:45", "<<", "=", "- a", "a: b",
    "#", ".inf", ".nan", "0b1",
]  # fmt: skip


@pytest.mark.parametrize("text", LOOKS_LIKE_ANOTHER_TYPE)
def test_text_that_looks_like_another_type_stays_text(text):
    written = manifest.dump({text or "empty": text})
    assert manifest.documents(written) == [{text or "empty": text}]


@pytest.mark.parametrize("text", ["72e100", "1E3", "1.5e3", ".5e3", "0o14"])
def test_what_only_go_takes_for_a_number_is_quoted(text):
    assert manifest.dump({"k": text}) == f"k: '{text}'\n"


@pytest.mark.parametrize("text", ["72e100a", "e100", "1.2.3", "main", "v1"])
def test_other_text_stands_bare(text):
    assert manifest.dump({"k": text}) == f"k: {text}\n"


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text("0123456789eE.+-_xoab \n") | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text("019e.x-~tn", min_size=1), inner),
    )
)
def test_what_is_written_is_read_again(value):
    assert manifest.documents(manifest.dump({"k": value})) == [{"k": value}]


def test_what_is_the_same_is_written_twice():
    same = {"a": 1}
    assert manifest.dump({"x": same, "y": same}) == "x:\n  a: 1\ny:\n  a: 1\n"


def test_documents_are_separated():
    assert manifest.dump({"a": 1}, {"b": 2}) == "---\na: 1\n---\nb: 2\n"
