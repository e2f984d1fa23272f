import stat

import yaml

from harness.cluster import kubeconfig_file
from harness.kit import certs


def test_kubeconfigs_are_private_and_merge_with_all_contexts(tmp_path):
    authority = certs.Authority("ours")
    paths = [
        kubeconfig_file.write(
            tmp_path / f"{name}.yaml",
            context=name,
            server=f"https://127.0.0.1:{port}",
            authority=authority.pem,
            client=authority.issue(common_name="admin"),
            user=f"{name}-admin",
        )
        for name, port in (("management", 1), ("c1", 2))
    ]
    merged = kubeconfig_file.merge(paths, tmp_path / "all")
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in (*paths, merged))
    content = yaml.safe_load(merged.read_text())
    assert content["current-context"] == "management"
    assert [each["name"] for each in content["contexts"]] == ["management", "c1"]
    assert {each["context"]["user"] for each in content["contexts"]} == {
        each["name"] for each in content["users"]
    }


def test_a_token_gives_another_user_on_the_same_cluster(tmp_path):
    authority = certs.Authority("ours")
    admin = kubeconfig_file.write(
        tmp_path / "admin",
        context="c1",
        server="https://127.0.0.1:1",
        authority=authority.pem,
        client=authority.issue(common_name="admin"),
        user="c1-admin",
    )
    made = kubeconfig_file.for_token(
        admin, tmp_path / "source", context="c1", user="source-controller", token="abc"
    )

    content = yaml.safe_load(made.read_text())
    assert stat.S_IMODE(made.stat().st_mode) == 0o600
    assert content["users"] == [{"name": "source-controller", "user": {"token": "abc"}}]
    [given] = yaml.safe_load(admin.read_text())["clusters"]
    given["cluster"]["disable-compression"] = True
    assert content["clusters"] == [given]
    assert content["contexts"][0]["context"]["user"] == "source-controller"
    assert content["current-context"] == "c1"
