import copy
from types import SimpleNamespace
from typing import Any

import pytest

from harness.model.objects import Ref
from harness.model.oracle import Expectation
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


def test_what_is_deployed_is_judged_anew_whenever_an_object_is_another_one():
    wanted, extra = config_map("a", text="x"), Ref("v1", "ConfigMap", "old", "demo")
    live: dict[tuple[str, Ref], Any] = {}
    world: Any = SimpleNamespace(
        clusters=("c1", "c2"),
        expected=lambda source, commit: Expectation((wanted,), frozenset()),
        every_ref=lambda source: {Ref.of(wanted), extra},
        scope=SimpleNamespace(lookup=lambda cluster, ref: live.get((cluster, ref))),
    )
    source: Any = SimpleNamespace(repository=SimpleNamespace(head="commit"))
    probe = judging.deployed(world, source)

    def put(cluster, ref, obj):
        live[cluster, ref] = obj
        return probe() or ""

    assert "does not exist" in (probe() or "")
    assert put("c1", Ref.of(wanted), config_map("a", text="x")).startswith("c2: ")
    assert "text" in put("c2", Ref.of(wanted), config_map("a", text="y"))
    assert put("c2", Ref.of(wanted), config_map("a", text="x")) == ""
    assert "old" in put("c1", extra, config_map("old"))
    assert put("c1", extra, None) == ""
    assert "does not exist" in put("c1", Ref.of(wanted), None)
