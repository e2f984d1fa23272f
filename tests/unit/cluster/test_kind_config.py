import json

from harness.cluster import kind_config


def patches():
    return [json.loads(each) for each in kind_config.cluster(6443)["kubeadmConfigPatches"]]


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
    made = kind_config.cluster(6443)

    assert made["networking"] == {"apiServerAddress": "127.0.0.1", "apiServerPort": 6443}
    for patch in patches():
        told = json.dumps(patch["apiServer"])
        assert "admission" not in told
        assert "authorization" not in told
