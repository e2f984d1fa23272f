"""The fields that Flux adds to the kinds that it knows."""

from harness.controllers import apply_fields
from harness.controllers.kustomization_normal import normalised
from harness.model.objects import Object


def made(kind: str, api_version: str = "v1", **content: object) -> Object:
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": "x"}, **content}


def test_a_service_says_which_protocol_and_that_it_leaves_the_target_open() -> None:
    ports = [{"port": 80}, {"port": 53, "protocol": "UDP", "targetPort": "dns"}]
    given = made("Service", spec={"ports": ports})
    assert normalised(given)["spec"]["ports"] == [
        {"port": 80, "protocol": "TCP", "targetPort": 0},
        {"port": 53, "protocol": "UDP", "targetPort": "dns"},
    ]
    assert given["spec"]["ports"][0] == {"port": 80}, "what was given stays as it was"


def test_a_workload_has_empty_structures_where_go_has_no_pointers() -> None:
    pod = {"spec": {"containers": [{"name": "web", "ports": [{"containerPort": 80}]}]}}
    spec = normalised(made("Deployment", "apps/v1", spec={"template": pod}))["spec"]
    assert spec["strategy"] == {}
    assert spec["template"]["spec"]["containers"] == [
        {"name": "web", "ports": [{"containerPort": 80, "protocol": "TCP"}], "resources": {}}
    ]
    job = {"jobTemplate": {"spec": {"template": pod}}}
    [container] = normalised(made("CronJob", "batch/v1", spec=job))["spec"]["jobTemplate"]["spec"][
        "template"
    ]["spec"]["containers"]
    assert container["resources"] == {}


def test_a_secret_is_sent_encoded() -> None:
    sent = normalised(made("Secret", stringData={"k": "v"}, data={"l": "bA=="}))
    assert sent["data"] == {"k": "dg==", "l": "bA=="}
    assert "stringData" not in sent


def test_empty_maps_of_values_are_not_sent() -> None:
    assert normalised(made("ConfigMap", data={}, binaryData=None)) == made("ConfigMap")
    assert normalised(made("Secret", data={}, type="Opaque")) == made("Secret", type="Opaque")
    assert normalised(made("ConfigMap", data={"k": ""}))["data"] == {"k": ""}


def test_what_is_not_understood_is_left_for_the_server_to_refuse() -> None:
    for odd in (
        made("Service", spec={"ports": 7}),
        made("Service", spec=None),
        made("Deployment", "apps/v1", spec={"template": 3}),
        made("Service", "serving.knative.dev/v1", spec={"ports": [{"port": 1}]}),
        made("ConfigMap", data={"k": "v"}),
    ):
        assert normalised(odd)["spec" if "spec" in odd else "data"] in (
            odd.get("spec", odd.get("data")),
            {**(odd.get("spec") or {}), "strategy": {}},
        )


def test_unknown_fields_of_built_in_kinds_are_dropped() -> None:
    said = (
        "failed to create typed patch object (n/x; /v1, Kind=ConfigMap): errors:\n"
        "  .nonsense: field not declared in schema\n  .spec.a.b: field not declared in schema"
    )
    given = made("ConfigMap", nonsense=True, spec={"a": {"b": 1, "c": 2}})
    assert apply_fields.without_unknown(given, said) == made("ConfigMap", spec={"a": {"c": 2}})
    assert apply_fields.without_unknown(given, "something else") is None
    assert apply_fields.without_unknown(made("ConfigMap"), said) is None, "or it would never end"
    role = made("Role", "rbac.authorization.k8s.io/v1", nonsense=True)
    assert apply_fields.without_unknown(role, said) is None
    assert apply_fields.without_unknown(made("Foo", "example.org/v1", nonsense=1), said) is None


def test_an_empty_value_of_a_variable_is_not_sent() -> None:
    env = [{"name": "A", "value": ""}, {"name": "B", "value": "b"}]
    spec = {"template": {"spec": {"containers": [{"name": "web", "env": env}]}}}
    sent = normalised({"apiVersion": "apps/v1", "kind": "Deployment", "spec": spec})
    [container] = sent["spec"]["template"]["spec"]["containers"]
    assert container["env"] == [{"name": "A"}, {"name": "B", "value": "b"}]
    assert env[0]["value"] == ""
