"""What is left of an object once what can never be the same is gone."""

from typing import Any

import pytest

from harness.differential import snapshot
from harness.model.objects import Object


def config_map(**metadata: Any) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "a", "namespace": "ns", "uid": "u1", **metadata},
        "data": {"k": "1"},
    }


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("stat /tmp/x-1/kustomization-123/app: no", "stat <folder>/app: no"),
        ("finished in 12.5ms, next run in 1h30m0s", "finished in <time>, next run in <time>"),
        ("(combined from similar events): done", "done"),
        ("read 127.0.0.1:5->127.0.0.1:6", "read <address>->127.0.0.1:6"),
        ("revision main@sha1:12ab5m", "revision main@sha1:12ab5m"),
        ("team-5m and v1.5m.x", "team-5m and v1.5m.x"),
    ],
)
def test_messages_lose_what_is_new_each_time(said: str, kept: str) -> None:
    assert snapshot.text(said) == kept


def test_uids_and_versions_go_and_a_new_object_shows() -> None:
    incarnations: dict[str, list[str]] = {}
    first = snapshot.take([config_map(resourceVersion="1")], incarnations)
    again = snapshot.take([config_map(resourceVersion="2")], incarnations)
    assert first == again
    anew = snapshot.take([config_map(uid="u2")], incarnations)
    assert anew["objects"]["ConfigMap/a"]["incarnation"] == 2


def test_an_object_that_is_going_shows() -> None:
    going = snapshot.content(config_map(deletionTimestamp="2024-01-01T00:00:00Z"))
    assert going["metadata"]["deleting"] is True


def test_what_kubernetes_makes_is_left_out() -> None:
    root = config_map()
    root["metadata"]["name"] = "kube-root-ca.crt"
    assert snapshot.take([root], {})["objects"] == {}


def test_secrets_are_digests() -> None:
    secret = {**config_map(), "kind": "Secret", "data": {"k": "c2VjcmV0"}}
    kept = snapshot.content(secret)["data"]
    assert set(kept) == {"k"}
    assert "c2VjcmV0" not in str(kept)


def test_managers_are_told_by_field_and_kubernetes_is_not() -> None:
    fields: Object = {"f:data": {".": {}, "f:k": {}}}
    entries = [
        {"manager": "kustomize-controller", "operation": "Apply", "fieldsV1": fields},
        {"manager": "gotk", "operation": "Update", "subresource": "status", "fieldsV1": fields},
        {"manager": "kube-controller-manager", "operation": "Update", "fieldsV1": fields},
    ]
    assert snapshot.managers(config_map(managedFields=entries)) == {
        "kustomize-controller Apply": {
            "": "has", "/f:data/.": "has", "/f:data/f:k": "has",
        },
        "gotk Update status": {"": "has"},
    }  # fmt: skip


def test_events_keep_their_order_and_the_same_again_counts_once() -> None:
    def event(message: str, kind: str = "Kustomization") -> Object:
        about = {"kind": kind, "name": "app"}
        return {"type": "Normal", "reason": "R", "message": message, "involvedObject": about}

    told = snapshot.events([event("a"), event("a"), event("b"), event("a"), event("x", "Pod")])
    assert told == {"Kustomization/app": ["Normal R: a", "Normal R: b", "Normal R: a"]}


@pytest.mark.parametrize(
    ("observed", "said"),
    [
        (-1, "nothing"),
        (None, "nothing"),
        (1, "an earlier generation"),
        (2, "this generation"),
    ],
)
def test_how_far_a_status_has_come(observed: int | None, said: str) -> None:
    obj = config_map(generation=2)
    obj["status"] = {"observedGeneration": observed, "artifact": {"revision": "main@sha1:1"}}
    assert snapshot.revisions(obj)["observes"] == said
    assert snapshot.revisions(obj)["artifact"] == "main@sha1:1"
