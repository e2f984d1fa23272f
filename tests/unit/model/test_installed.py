"""What a run may have made is told from what was there before."""

import pytest
import yaml

from harness import data
from harness.controllers import federation, management_objects, project_objects
from harness.model import installed, objects
from harness.model.objects import Object, Ref


def thing(kind: str, name: str, **metadata: object) -> Object:
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": name, **metadata}}


def test_every_kind_that_is_shipped_is_in_the_way_of_another_installation():
    shipped = [
        yaml.safe_load(path.read_text()) for path in data.path("fixtures", "crds").rglob("*.yaml")
    ]

    assert shipped
    assert all(installed.in_the_way(crd) for crd in shipped)
    assert {objects.spec(crd)["group"] for crd in shipped} == set(installed.GROUPS)


def test_the_namespaces_are_those_of_the_controllers():
    for name in (management_objects.FLUX_NAMESPACE, management_objects.FEDERATION_NAMESPACE):
        assert installed.in_the_way(thing("Namespace", name))


PROJECT = {"metadata": {"name": "shop", "namespace": "default-workspace", "uid": "u"}}
FEDERATED = {"apiVersion": "v1", "kind": "FederatedNamespace",
             "metadata": {"name": "shop", "namespace": "shop"}}  # fmt: skip
APPLIED = {
    "kustomize.toolkit.fluxcd.io/name": "web",
    "kustomize.toolkit.fluxcd.io/namespace": "shop",
}


@pytest.mark.parametrize(
    ("obj", "ours"),
    [
        pytest.param(project_objects.namespace(PROJECT, "shop"), True, id="a project's"),
        pytest.param(federation.namespace_copy(FEDERATED, "c1"), True, id="its copy"),
        pytest.param(thing("ClusterRole", "x", labels=APPLIED), True, id="applied"),
        pytest.param(thing("ClusterRole", "x", labels={"a": "b"}), False, id="a role"),
        pytest.param(thing("Namespace", "kube-system"), False, id="a namespace"),
        pytest.param(
            thing("ClusterRole", "x", labels={federation.MANAGED: "true"}), False, id="no namespace"
        ),
        pytest.param(installed.marked(thing("ClusterRole", "x")), True, id="marked"),
    ],
)
def test_what_a_run_has_made_is_recognised(obj, ours):
    assert bool(installed.of_a_run([obj])) is ours


def test_a_mark_keeps_other_labels_and_the_original():
    obj = thing("ClusterRole", "x", labels={"a": "b"})

    assert installed.marked(obj)["metadata"]["labels"] == {
        "a": "b",
        installed.MANAGED_BY: "gitops-conformance",
    }
    assert obj["metadata"]["labels"] == {"a": "b"}


def test_an_object_is_told_as_kubectl_takes_it():
    assert installed.told(Ref("v1", "Namespace", "shop")) == "namespace shop"
