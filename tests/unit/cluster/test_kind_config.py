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
    [(name, text)] = kind_config.patches().items()
    assert name == "kube-apiserver+strategic.json"
    assert json.loads(text)["spec"]["containers"][0]["env"][0] == {"name": "GOGC", "value": "400"}
