"""What a controller is as objects: nothing that a pod does not need, and nothing of its secrets."""

from dataclasses import replace

import pytest

from harness.model.objects import Object
from harness.systems import deployment, flux_objects, flux_pods, reference_pods
from harness.systems.deployment import Controller

_MANAGEMENT = reference_pods.management(
    "ours:1", {"management.json": '{"password": "hunter2"}'}, "AUTHORITY", log="controllers-m"
)
_ATTACHED = reference_pods.attached("ours:1", "c1", "page", "AUTHORITY", log="controllers-c1")


def flux(name: str, *, all_powerful: bool = False) -> Controller:
    return flux_pods.controller(
        name,
        "flux:1",
        ["--log-level=info"],
        version="v1.9.5",
        log=name,
        trusted="AUTHORITY",
        environment={"GOGC": "400"},
        all_powerful=all_powerful,
    )


ALL = [_MANAGEMENT, _ATTACHED, flux(flux_objects.SOURCE), flux(flux_objects.KUSTOMIZE)]
EACH = pytest.mark.parametrize("controller", ALL, ids=lambda each: each.name)


def kinds(controller: Controller) -> dict[str, Object]:
    return {obj["kind"]: obj for obj in deployment.objects(controller)}


def pod(controller: Controller) -> Object:
    return kinds(controller)["Deployment"]["spec"]["template"]["spec"]


@EACH
def test_no_pod_is_root_or_may_become_it(controller):
    [container] = pod(controller)["containers"]
    assert pod(controller)["securityContext"]["runAsNonRoot"] is True
    assert pod(controller)["securityContext"]["runAsUser"] >= 10001
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


@EACH
def test_every_pod_is_probed_and_bounded(controller):
    [container] = pod(controller)["containers"]
    assert {"startupProbe", "readinessProbe", "livenessProbe"} <= set(container)
    assert container["livenessProbe"]["periodSeconds"] > 0
    assert set(container["resources"]["requests"]) == {"cpu", "memory"}
    assert "memory" in container["resources"]["limits"]
    assert container["imagePullPolicy"] == "Never"


@EACH
def test_a_deployment_finds_its_pods_and_acts_as_its_account(controller):
    made = kinds(controller)
    spec = made["Deployment"]["spec"]
    labels = spec["template"]["metadata"]["labels"]
    assert spec["selector"]["matchLabels"].items() <= labels.items()
    name, _, value = controller.selector.partition("=")
    assert labels[name] == value
    account = made["ServiceAccount"]["metadata"]
    assert account["name"] == spec["template"]["spec"]["serviceAccountName"]
    [subject] = made["ClusterRoleBinding"]["subjects"]
    assert (subject["name"], subject["namespace"]) == (account["name"], account["namespace"])
    assert made["Deployment"]["metadata"]["namespace"] == account["namespace"]


@EACH
def test_every_volume_that_is_mounted_is_there(controller):
    [container] = pod(controller)["containers"]
    mounted = {mount["name"] for mount in container["volumeMounts"]}
    assert mounted == {volume["name"] for volume in pod(controller)["volumes"]}
    environment = {each["name"]: each["value"] for each in container["env"]}
    folder, _, _ = environment["SSL_CERT_FILE"].rpartition("/")
    assert folder in {mount["mountPath"] for mount in container["volumeMounts"]}


def test_settings_are_in_the_secret_and_nowhere_else():
    made = kinds(_MANAGEMENT)
    assert "hunter2" in str(made.pop("Secret")["stringData"])
    assert "hunter2" not in str(made)
    assert "hunter2" not in repr(_MANAGEMENT)


def test_other_settings_are_another_pod():
    other = replace(_MANAGEMENT, settings={"management.json": "{}"})
    spec = kinds(_MANAGEMENT)["Deployment"]["spec"]["template"]["metadata"]
    assert spec != kinds(other)["Deployment"]["spec"]["template"]["metadata"]


def test_only_who_serves_has_a_service():
    source = kinds(flux(flux_objects.SOURCE))
    [port] = source["Service"]["spec"]["ports"]
    [container] = source["Deployment"]["spec"]["template"]["spec"]["containers"]
    assert port["targetPort"] == container["ports"][0]["containerPort"]
    address = f"{source['Service']['metadata']['name']}.kommander-flux.svc.cluster.local."
    assert f"--storage-adv-addr={address}" in container["args"]
    assert "Service" not in kinds(flux(flux_objects.KUSTOMIZE))
    assert "Service" not in kinds(_ATTACHED)


def test_flux_in_a_pod_is_told_what_it_is_told_on_the_host():
    [container] = pod(flux(flux_objects.KUSTOMIZE))["containers"]
    assert container["args"][0] == "--log-level=info"
    assert container["command"] == ["/kustomize-controller"]
    assert {"name": "GOGC", "value": "400"} in container["env"]
