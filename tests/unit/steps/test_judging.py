import copy

import pytest

from harness.steps import judging
from tests.fakes import config_map


def _object(**metadata):
    return {**config_map("a", text="x"), "status": {"phase": "x"}} | {
        "metadata": {"name": "a", "namespace": "demo", "uid": "1", **metadata}
    }


@pytest.mark.parametrize(
    "bookkeeping",
    [
        {"resourceVersion": "9"},
        {"generation": 3},
        {"managedFields": [{"manager": "x"}]},
        {"annotations": {"deployment.kubernetes.io/revision": "2"}},
    ],
)
def test_bookkeeping_is_no_change(bookkeeping):
    plain = judging.substance(_object(annotations={}))
    kept = judging.substance(_object(**{"annotations": {}, **bookkeeping}))

    assert kept == plain


@pytest.mark.parametrize(
    "written",
    [
        {"labels": {"a": "b"}},
        {"annotations": {"a": "b"}},
        {"uid": "2"},
        {"deletionTimestamp": "now"},
    ],
)
def test_what_somebody_wrote_is_a_change(written):
    assert judging.substance(_object(**written)) != judging.substance(_object())


def test_content_is_a_change_and_status_is_not():
    changed, told = copy.deepcopy(_object()), copy.deepcopy(_object())
    changed["data"] = {"text": "y"}
    told["status"] = {"phase": "y"}

    assert judging.substance(changed) != judging.substance(_object())
    assert judging.substance(told) == judging.substance(_object())


@pytest.mark.parametrize(
    ("kind", "status", "commit"),
    [
        ("GitRepository", {"artifact": {"revision": "main@sha1:" + "a" * 40}}, "a" * 40),
        ("GitRepository", {"artifact": {"revision": "main/" + "a" * 40}}, "a" * 40),
        ("GitRepository", {}, None),
        ("Kustomization", {"lastAppliedRevision": "main@sha1:" + "b" * 40}, "b" * 40),
        ("Kustomization", {"lastAttemptedRevision": "main@sha1:" + "b" * 40}, None),
    ],
)
def test_the_commit_is_read_in_every_dialect(kind, status, commit):
    assert judging.revision_of({"kind": kind, "status": status}) == commit
