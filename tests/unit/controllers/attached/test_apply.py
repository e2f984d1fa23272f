"""The rules of applying, pruning and keeping: order, differences, whose fields, what is ours."""

import pytest

from harness.cluster import errors
from harness.controllers import apply, apply_fields, apply_order, kustomization_inventory
from harness.controllers.apply import Desired, Verified
from harness.model.objects import Object, Ref

GROUP = "kustomize.toolkit.fluxcd.io"
OWNER = {f"{GROUP}/name": "app", f"{GROUP}/namespace": "team"}


def config(name: str = "one", *, labels: Object | None = None, **more: object) -> Object:
    metadata: Object = {"name": name, "namespace": "team", "resourceVersion": "5", "uid": "u"}
    if labels is not None:
        metadata["labels"] = labels
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, **more}


def entry(manager: str, operation: str, fields: Object, **more: object) -> Object:
    return {"manager": manager, "operation": operation, "fieldsV1": fields, **more}


def test_what_others_need_comes_first() -> None:
    kinds = ["Foo", "Deployment", "ConfigMap", "Role", "Namespace", "CustomResourceDefinition"]
    refs = [Ref("v1", kind, "x") for kind in kinds]
    ordered = [ref.kind for ref in sorted(refs, key=apply_order.sort_key)]
    assert ordered == [*reversed(kinds[1:]), "Foo"]
    stages = [apply_order.stage(Ref("v1", kind, "x")) for kind in ("Namespace", "IngressClass")]
    assert stages == [1, 2]


@pytest.mark.parametrize(
    ("live", "wanted", "differs"),
    [
        (None, config(), True),
        (config(data={"k": "1"}), config(data={"k": "1"}), False),
        (config(data={"k": "2"}), config(data={"k": "1"}), True),
        (config(status={"a": 1}), config(), False),
        (config(labels={"a": "b"}), config(labels={"a": "b", "c": "d"}), True),
        (config(labels={"a": "b", "c": "d"}), config(labels={"a": "b"}), True),
        (config(labels={}), config(), False),
    ],
)
def test_a_difference_is_one_in_content(live: Object | None, wanted: Object, differs: bool) -> None:
    assert apply_fields.differs(live, wanted) is differs


def test_fields_of_kubectl_become_ours_and_those_of_others_stay_theirs() -> None:
    entries = [
        entry("kustomize-controller", "Apply", {"f:data": {"f:a": {}}}, time="t"),
        entry("kubectl-edit", "Update", {"f:data": {"f:b": {}}}),
        entry("lens", "Update", {"f:data": {"f:c": {}}}),
        entry("kubectl", "Update", {"f:spec": {"f:replicas": {}}}, subresource="scale"),
    ]
    assert apply_fields.is_taken_over(entries)
    taken = apply_fields.taken_over(entries, api_version="v1")
    assert [item["manager"] for item in taken] == ["lens", "kubectl", "kustomize-controller"]
    assert taken[-1]["fieldsV1"] == {"f:data": {"f:a": {}, "f:b": {}}}
    assert not apply_fields.is_taken_over(taken)


def test_traces_of_kubectl_apply_are_removed() -> None:
    live = config()
    live["metadata"]["annotations"] = {"kubectl.kubernetes.io/last-applied-configuration": "{}"}
    patch = apply_fields.clean_up(live)
    assert patch[0] == {
        "op": "remove",
        "path": "/metadata/annotations/kubectl.kubernetes.io~1last-applied-configuration",
    }
    assert patch[-1]["path"] == "/metadata/resourceVersion"
    assert apply_fields.clean_up(config()) == []


@pytest.mark.parametrize(
    ("desired", "live", "alone"),
    [
        ({}, None, False),
        ({f"{GROUP}/reconcile": "disabled"}, None, True),
        ({}, {f"{GROUP}/reconcile": "Disabled"}, True),
        ({f"{GROUP}/ssa": "Ignore"}, None, True),
        ({f"{GROUP}/ssa": "IfNotPresent"}, None, False),
        ({f"{GROUP}/ssa": "IfNotPresent"}, {}, True),
    ],
)
def test_a_mark_keeps_an_object_untouched(
    desired: Object, live: Object | None, alone: bool
) -> None:
    existing = None if live is None else config(labels=live)
    assert apply.is_left_alone(config(labels=desired), existing) is alone


@pytest.mark.parametrize(
    ("status", "force", "labels", "replaced"),
    [
        (422, False, {}, False),
        (422, True, {}, True),
        (422, False, {f"{GROUP}/force": "enabled"}, True),
        (409, True, {}, True),
        (403, True, {}, False),
        (400, True, {}, False),
    ],
)
def test_only_a_wish_replaces_an_object(
    status: int, force: bool, labels: Object, replaced: bool
) -> None:
    error = errors.ApiError(status, "Invalid", "no", {})
    assert apply.may_replace(config(labels=labels), error, force=force) is replaced


class Seen:
    """Stands for the watched copy."""

    def version(self, ref: Ref) -> str | None:
        return {"one": "5"}.get(ref.name)


@pytest.mark.parametrize(
    ("name", "memory", "unsure"),
    [
        ("one", None, True),
        ("one", Verified("5", "d"), False),
        ("one", Verified("4", "d"), True),
        ("one", Verified("5", "other"), True),
        ("gone", Verified("5", "d"), True),
    ],
)
def test_only_what_changed_is_asked_for(name: str, memory: Verified | None, unsure: bool) -> None:
    ref = Ref("v1", "ConfigMap", name, "team")
    known = {ref: memory} if memory else {}
    assert apply.needs_check(Desired(ref, {}, "d"), known, Seen()) is unsure  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("ref", "written"),
    [
        (Ref("v1", "ConfigMap", "cm-a", "proj"), {"id": "proj_cm-a__ConfigMap", "v": "v1"}),
        (
            Ref("apiextensions.k8s.io/v1", "CustomResourceDefinition", "foos.ex.io"),
            {"id": "_foos.ex.io_apiextensions.k8s.io_CustomResourceDefinition", "v": "v1"},
        ),
        (
            Ref("rbac.authorization.k8s.io/v1", "ClusterRole", "system:x"),
            {"id": "_system__x_rbac.authorization.k8s.io_ClusterRole", "v": "v1"},
        ),
    ],
)
def test_an_inventory_entry_can_be_read_back(ref: Ref, written: dict[str, str]) -> None:
    assert kustomization_inventory.entry(ref) == written
    assert kustomization_inventory.reference(written) == ref


def test_what_left_the_source_goes_in_reverse_order() -> None:
    def refs(*names: str, version: str = "v1") -> list[Ref]:
        return [Ref(f"apps/{version}", "Deployment", name, "n") for name in names]

    namespace = Ref("v1", "Namespace", "n")
    gone = kustomization_inventory.prune_candidates([namespace, *refs("a", "b", "c")], refs("b"))
    assert gone == [*reversed(refs("a", "c")), namespace]
    moved = kustomization_inventory.prune_candidates(refs("a"), refs("a", version="v2"))
    assert moved == [], "another version of the API is the same object"


@pytest.mark.parametrize(
    ("labels", "may"),
    [
        (OWNER, True),
        ({}, False),
        ({**OWNER, f"{GROUP}/name": "other"}, False),
        ({**OWNER, f"{GROUP}/namespace": "other"}, False),
        ({**OWNER, f"{GROUP}/prune": "Disabled"}, False),
        ({**OWNER, f"{GROUP}/reconcile": "disabled"}, False),
    ],
)
def test_only_what_is_still_ours_is_deleted(labels: Object, may: bool) -> None:
    assert kustomization_inventory.may_delete(config(labels=labels), OWNER) is may
