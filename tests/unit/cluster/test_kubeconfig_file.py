import base64
import stat

import pytest
import yaml

from harness import errors
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


USERS_OWN = {
    "current-context": "work",
    "contexts": [
        {"name": "play", "context": {"cluster": "none", "user": "none"}},
        {"name": "work", "context": {"cluster": "there", "user": "me", "namespace": "x"}},
    ],
    "clusters": [
        {"name": "there", "cluster": {"server": "https://a:1", "certificate-authority": "ca.pem"}}
    ],
    "users": [{"name": "me", "user": {"client-certificate": "me.pem", "client-key": "me.key"}}],
}


def test_a_users_kubeconfig_becomes_complete_in_itself(tmp_path):
    home = tmp_path / "user"
    home.mkdir()
    for name in ("ca.pem", "me.pem", "me.key"):
        (home / name).write_text(f"the {name}")
    (home / "config").write_text(yaml.safe_dump(USERS_OWN))
    made = kubeconfig_file.adopt(home / "config", tmp_path / "ours", "c1")
    content = yaml.safe_load(made.read_text())
    assert stat.S_IMODE(made.stat().st_mode) == 0o600
    assert content["current-context"] == "c1"
    [context] = content["contexts"]
    assert context == {"name": "c1", "context": {"cluster": "c1", "user": "c1-admin"}}
    cluster = content["clusters"][0]["cluster"]
    assert base64.b64decode(cluster["certificate-authority-data"]) == b"the ca.pem"
    assert "certificate-authority" not in cluster
    assert kubeconfig_file.credentials(made) == ["the me.key"]


def test_a_token_in_a_file_stays_there_since_it_changes(tmp_path):
    content = {**USERS_OWN, "users": [{"name": "me", "user": {"tokenFile": "token"}}]}
    content["clusters"] = [{"name": "there", "cluster": {"server": "https://a:1"}}]
    (tmp_path / "config").write_text(yaml.safe_dump(content))
    made = yaml.safe_load(
        kubeconfig_file.adopt(tmp_path / "config", tmp_path / "ours", "c1").read_text()
    )
    assert made["users"][0]["user"] == {"tokenFile": str(tmp_path / "token")}


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("", "NoneType"),
        ("{", "is no kubeconfig"),
        (yaml.safe_dump({**USERS_OWN, "current-context": "other"}), "no context other"),
        (yaml.safe_dump({**USERS_OWN, "users": []}), "ca.pem"),
    ],
)
def test_a_file_that_is_no_kubeconfig_is_named(tmp_path, content, told):
    (tmp_path / "config").write_text(content)
    with pytest.raises(errors.UsageError, match=told) as caught:
        kubeconfig_file.adopt(tmp_path / "config", tmp_path / "ours", "c1")
    assert str(tmp_path / "config") in str(caught.value)
    assert not (tmp_path / "ours").exists()
