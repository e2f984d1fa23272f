import json
from pathlib import Path

from harness.cluster import kind_config

MADE = kind_config.cluster(6443, Path("/lease/c1/patches"))


def patches():
    found = [json.loads(each) for each in MADE["kubeadmConfigPatches"]]
    return [each for each in found if each["kind"] == "ClusterConfiguration"]


def test_both_versions_of_kubeadm_are_told_the_same():
    old, new = patches()

    assert old["apiVersion"].endswith("/v1beta3")
    assert new["apiVersion"].endswith("/v1beta4")
    for component in ("apiServer", "controllerManager", "scheduler"):
        listed = {each["name"]: each["value"] for each in new[component]["extraArgs"]}
        assert listed == old[component]["extraArgs"]
        assert listed["profiling"] == "false"
    assert old["etcd"]["local"]["extraArgs"]["unsafe-no-fsync"] == "true"
    assert new["etcd"]["local"]["extraArgs"][0] == {"name": "unsafe-no-fsync", "value": "true"}


def test_the_api_server_is_for_this_machine_alone_and_answers_as_kubeadm_sets_it_up():
    assert MADE["networking"] == {"apiServerAddress": "127.0.0.1", "apiServerPort": 6443}
    for patch in patches():
        told = json.dumps(patch["apiServer"])
        assert "admission" not in told
        assert "authorization" not in told


def test_kubeadm_finds_its_patches_where_they_are_mounted():
    [init] = [each for each in map(json.loads, MADE["kubeadmConfigPatches"]) if "patches" in each]
    [mount] = MADE["nodes"][0]["extraMounts"]

    assert mount["hostPath"] == "/lease/c1/patches"
    assert mount["containerPath"] == init["patches"]["directory"]
    assert mount["readOnly"]
    changed = {name: json.loads(text) for name, text in kind_config.patches().items()}
    assert changed.keys() == {
        f"{name}+strategic.json"
        for name in ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler")
    }
    for name, change in changed.items():
        [container] = change["spec"]["containers"]
        assert f"{container['name']}+strategic.json" == name
        assert {"name": "GOGC", "value": "400"} in container["env"]
        assert ("readinessProbe" in container) == (container["name"] in ("etcd", "kube-apiserver"))


def test_keys_are_of_a_kind_that_is_quickly_made():
    """Each version of kubeadm's configuration has its own way to say so, and refuses the other."""
    old, new = patches()

    assert old["featureGates"] == {"PublicKeysECDSA": True}
    assert "encryptionAlgorithm" not in old
    assert new["encryptionAlgorithm"] == "ECDSA-P256"
    assert "featureGates" not in new
