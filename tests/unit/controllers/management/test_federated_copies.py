"""What a copy looks like, which step it needs, and what the status says of it."""

import base64
from typing import Any

import pytest

from harness.controllers import federation, federation_copies, federation_sync


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def federated(template: Any = None, overrides: Any = None, **more: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": "token", "namespace": "shop", "generation": 1},
        "spec": {"template": template or {}, "overrides": overrides or []},
        **more,
    }


def override(cluster: str, *operations: dict[str, Any]) -> dict[str, Any]:
    return {"clusterName": cluster, "clusterOverrides": list(operations)}


def test_a_copy_has_the_name_of_the_federated_object_the_label_and_a_type() -> None:
    template = {"metadata": {"name": "x", "labels": {"a": "b"}}, "data": {"k": encoded("v")}}
    assert federation.secret_copy(federated(template), "c1") == {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "Opaque",
        "metadata": {
            "name": "token",
            "namespace": "shop",
            "labels": {"a": "b", "kubefed.io/managed": "true"},
        },
        "data": {"k": encoded("v")},
    }


def test_annotations_and_finalizers_of_a_template_are_dropped_with_a_word() -> None:
    template = {"metadata": {"annotations": {"a": "b"}, "finalizers": ["f/g"]}}
    copy = federation.secret_copy(federated(template), "c1")
    assert set(copy["metadata"]) == {"name", "namespace", "labels"}
    reasons = [reason for reason, _ in federation.dropped(federated(template))]
    assert reasons == ["AnnotationsNotSupported", "FinalizersNotSupported"]


def test_string_data_becomes_data_and_base64_becomes_canonical() -> None:
    template = {"stringData": {"a": "b"}, "data": {"c": "ZA==", "bad": "%"}}
    copy = federation.secret_copy(federated(template), "c1")
    assert copy["data"] == {"a": encoded("b"), "c": "ZA==", "bad": "%"}


def test_data_put_directly_into_the_template_is_no_data() -> None:
    assert "data" not in federation.secret_copy(federated({"password": encoded("x")}), "c1")


def test_an_override_is_for_its_cluster_and_replaces_by_default() -> None:
    template = {"data": {"k": encoded("v")}}
    changed = federated(template, [override("c2", {"path": "/data/k", "value": encoded("w")})])
    assert federation.secret_copy(changed, "c1")["data"] == {"k": encoded("v")}
    assert federation.secret_copy(changed, "c2")["data"] == {"k": encoded("w")}


def test_an_override_may_add_and_remove_but_not_take_the_label_off() -> None:
    operations = (
        {"op": "add", "path": "/data/user", "value": encoded("u")},
        {"op": "remove", "path": "/data/k"},
        {"op": "replace", "path": "/metadata/labels", "value": {}},
    )
    changed = federated({"data": {"k": encoded("v")}}, [override("c1", *operations)])
    copy = federation.secret_copy(changed, "c1")
    assert copy["data"] == {"user": encoded("u")}
    assert copy["metadata"]["labels"] == {"kubefed.io/managed": "true"}


@pytest.mark.parametrize(
    "overrides",
    [
        [override("c1", {"path": "/metadata/name", "value": "x"})],
        [override("c1", {"path": "/kind", "value": "x"})],
        [override("c1"), override("c1")],
        [override("c1", {"path": "/data/k", "value": "x"}, {"path": "/data/k", "value": "y"})],
        [override("c1", {"op": "remove", "path": "/data/absent"})],
    ],
    ids=["name", "kind", "cluster twice", "path twice", "absent path"],
)
def test_a_bad_override_is_refused_without_quoting_the_secret(overrides: Any) -> None:
    with pytest.raises(federation.OverrideError) as caught:
        federation.secret_copy(federated({"data": {"k": encoded("s3cret")}}, overrides), "c1")
    assert encoded("s3cret") not in str(caught.value)


def test_an_update_keeps_what_the_cluster_added() -> None:
    wanted = federation.secret_copy(federated({"data": {"k": encoded("v")}}), "c1")
    live = {
        **wanted,
        "metadata": {
            **wanted["metadata"],
            "resourceVersion": "7",
            "annotations": {"local": "yes"},
            "finalizers": ["a/b"],
        },
    }
    assert federation.matches(live, wanted)
    drifted = {**live, "data": {"k": encoded("drift")}}
    assert not federation.matches(drifted, wanted)
    written = federation.merged(drifted, wanted)
    assert written["data"] == {"k": encoded("v")}
    assert written["metadata"]["annotations"] == {"local": "yes"}
    assert written["metadata"]["finalizers"] == ["a/b"]
    assert written["metadata"]["resourceVersion"] == "7"


WANTED = {"kind": "Secret", "metadata": {"name": "a", "labels": {}}, "data": {"k": "v"}}
DRIFTED = {**WANTED, "data": {"k": "w"}}
LEAVING = {**WANTED, "metadata": {**WANTED["metadata"], "deletionTimestamp": "now"}}  # type: ignore[dict-item]


@pytest.mark.parametrize(
    ("selected", "ready", "live", "orphan", "expected"),
    [
        (True, True, None, False, "create"),
        (True, True, WANTED, False, "nothing"),
        (True, True, DRIFTED, False, "update"),
        (True, True, LEAVING, False, "wait"),
        (True, False, None, False, "report"),
        (True, False, WANTED, False, "report"),
        (False, True, WANTED, False, "remove"),
        (False, True, LEAVING, False, "wait"),
        (False, True, None, False, "nothing"),
        (False, False, WANTED, False, "nothing"),
        (False, True, WANTED, True, "release"),
    ],
)
def test_each_copy_needs_one_step(
    selected: bool, ready: bool, live: Any, orphan: bool, expected: str
) -> None:
    step = federation_copies.decide(
        selected=selected,
        ready=ready,
        live=live,
        wanted=WANTED if selected else None,
        orphan=orphan,
    )
    assert step == expected


def test_success_has_no_reason_and_healthy_clusters_have_only_a_name() -> None:
    status = federation_sync.federated_status(
        federated(), {"c2": "", "c1": ""}, namespace=True, now="T1"
    )
    assert status["conditions"] == [
        {
            "type": "Propagation",
            "status": "True",
            "lastTransitionTime": "T1",
            "lastUpdateTime": "T1",
        }
    ]
    assert status["clusters"] == [{"name": "c1"}, {"name": "c2"}]


def test_selecting_nothing_is_healthy_in_a_federated_namespace_and_only_there() -> None:
    inside = federation_sync.federated_status(federated(), {}, namespace=True, now="T")
    outside = federation_sync.federated_status(federated(), {}, namespace=False, now="T")
    assert inside["conditions"][0]["status"] == "True"
    assert outside["conditions"][0]["reason"] == "NamespaceNotFederated"


def test_times_move_only_with_what_they_are_about() -> None:
    old = federation_sync.federated_status(federated(), {"c1": ""}, namespace=True, now="T1")
    known = federated(status=old)
    same = federation_sync.federated_status(known, {"c1": ""}, namespace=True, now="T2")
    assert same == old
    more = federation_sync.federated_status(known, {"c1": "", "c2": ""}, namespace=True, now="T2")
    assert more["conditions"][0]["lastTransitionTime"] == "T1"
    assert more["conditions"][0]["lastUpdateTime"] == "T2"
    worse = federation_sync.federated_status(
        known, {"c1": "ClusterNotReady"}, namespace=True, now="T2"
    )
    assert worse["conditions"][0]["reason"] == "CheckClusters"
    assert worse["conditions"][0]["lastTransitionTime"] == "T2"
