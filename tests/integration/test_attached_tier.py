"""The attached tier as a process, with a real API server, a real Git server and real programs."""

from __future__ import annotations

import base64
import os
import secrets
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import asyncssh
import pytest
import yaml

from harness import data
from harness.cluster import binaries, client, controlplane, fleet
from harness.cluster.client import Cluster
from harness.errors import NotYet
from harness.gitserver import launch
from harness.gitserver.access import Access, Account, Key
from harness.gitserver.client import GitServer, Repository
from harness.kit import process, wait
from harness.kit.process import Process
from harness.model import conditions, manifest
from harness.model.objects import Object, Ref

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

SOURCE_API = "source.toolkit.fluxcd.io/v1"
KUSTOMIZE_API = "kustomize.toolkit.fluxcd.io/v1"
PASSWORD = "pw-" + secrets.token_hex(8)


def until(probe: Callable[[], str | None], what: str, within: float = 30.0) -> None:
    wait.eventually(probe, within=within, what=what, every=0.02, failure=NotYet)


def config_map(name: str, **data_: str) -> str:
    return manifest.dump(
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data_}
    )


@dataclass
class Source:
    """One source with its Kustomization, in a namespace of its own."""

    bench: Bench
    namespace: str
    repository: Repository

    def git(self, **spec: object) -> None:
        defaults = {"url": self.repository.url(), "interval": "1s", "ref": {"branch": "main"}}
        self._apply(SOURCE_API, "GitRepository", {**defaults, **spec})

    def kustomization(self, **spec: object) -> None:
        defaults = {
            "interval": "1s",
            "prune": True,
            "sourceRef": {"kind": "GitRepository", "name": "app"},
            "targetNamespace": self.namespace,
        }
        self._apply(KUSTOMIZE_API, "Kustomization", {**defaults, **spec})

    def _apply(self, api_version: str, kind: str, spec: Object) -> None:
        metadata = {"name": "app", "namespace": self.namespace}
        obj = {"apiVersion": api_version, "kind": kind, "metadata": metadata, "spec": spec}
        self.bench.cluster.apply(obj, field_manager="test")

    def secret(self, name: str, **values: str) -> None:
        self.bench.cluster.apply(
            {
                "apiVersion": "v1",
                "kind": "Secret",
                "metadata": {"name": name, "namespace": self.namespace},
                "stringData": values,
            },
            field_manager="test",
        )

    def ref(self, kind: str) -> Ref:
        version = SOURCE_API if kind == "GitRepository" else KUSTOMIZE_API
        return Ref(version, kind, "app", self.namespace)

    def get(self, kind: str) -> Object:
        return self.bench.cluster.get(self.ref(kind))

    def config(self, name: str) -> Object | None:
        return self.bench.cluster.find(Ref("v1", "ConfigMap", name, self.namespace))

    def edit(self, name: str, manager: str, **data_: str) -> None:
        ref = Ref("v1", "ConfigMap", name, self.namespace)
        self.bench.cluster.patch(ref, {"data": data_}, field_manager=manager)

    def await_ready(self, kind: str = "Kustomization") -> Object:
        until(lambda: conditions.explain_ready(self.get(kind)), f"{kind} is ready")
        return self.get(kind)

    def await_at(self, sha: str) -> None:
        def behind() -> str | None:
            status = self.get("Kustomization").get("status") or {}
            revision = str(status.get("lastAppliedRevision"))
            return None if revision.endswith(sha) else f"it is at {revision}"

        until(behind, f"{sha} is applied")

    def await_failure(self, kind: str, reason: str, text: str) -> Object:
        def other() -> str | None:
            said = conditions.find(self.get(kind), "Ready") or {}
            fits = said.get("reason") == reason and text in said.get("message", "")
            return None if fits and said["status"] == "False" else str(said)

        until(other, f"{kind} says {reason}")
        return self.get(kind)

    def await_data(self, name: str, expected: dict[str, str] | None) -> None:
        def other() -> str | None:
            found = self.config(name)
            seen = None if found is None else found.get("data")
            return None if seen == expected else f"it holds {seen}"

        until(other, f"ConfigMap {name} holds {expected}")

    def pass_time(self) -> None:
        """Return when this healthy source has been synced twice: others had their turn too."""
        for _ in range(2):
            self.await_at(
                self.repository.commit({"tick.yaml": config_map("t", n=secrets.token_hex(3))})
            )


@dataclass
class Bench:
    cluster: Cluster
    git: GitServer
    process: Process
    restart: Callable[[], Process]
    log: Path
    count: int = 0

    def source(self, **files: str) -> Source:
        return self.private_source(Access(), **files)

    def private_source(self, access: Access, **files: str) -> Source:
        self.count += 1
        namespace = f"team-{self.count}"
        self.cluster.create(
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}
        )
        made = self.git.create_repository(f"org/{namespace}", access=access)
        made.commit({name.replace("__", "/") + ".yaml": text for name, text in files.items()})
        return Source(self, namespace, made)

    def healthy(self, **files: str) -> Source:
        source = self.source(**files)
        source.git()
        source.kustomization()
        source.await_ready()
        return source


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    directory = tmp_path_factory.mktemp("attached")
    programs = binaries.provide()
    with fleet.hold(state=directory / "fleets") as lease:
        launched = launch.launch(lease.start, directory / "git")
        with controlplane.local(programs, lease, attached=0) as made:
            server = launched.await_ready(within=20)
            member = made.management
            cluster = client.connect(member.kubeconfig, name="c1")
            for path in sorted(data.path("fixtures", "crds", "attached").glob("*.yaml")):
                cluster.apply(yaml.safe_load(path.read_text()), field_manager="test")
            trusted = directory / "trusted.pem"
            trusted.write_text(server.endpoints.authorities["trusted"])
            ready = directory / "ready"

            def start() -> Process:
                ready.unlink(missing_ok=True)
                command: list[str | Path] = [
                    *(sys.executable, "-m", "harness.controllers", "attached", "--name", "c1"),
                    *("--kubeconfig", member.kubeconfig, "--storage", directory / "storage"),
                    *("--kubectl", programs.path("kubectl"), "--ready", ready),
                ]
                env = {**os.environ, "SSL_CERT_FILE": str(trusted)}
                log = directory / "attached.log"
                started = process.start("attached", command, log=log, env=env)
                process.await_ready(
                    started, lambda: None if ready.exists() else "not yet", within=30
                )
                return started

            made_bench = Bench(cluster, server, start(), start, directory / "attached.log")
            try:
                yield made_bench
            finally:
                made_bench.process.stop()
                cluster.close()
                server.close()
    log_text = made_bench.log.read_text()
    assert "Traceback" not in log_text
    assert PASSWORD not in log_text


@pytest.fixture(scope="module")
def control(bench: Bench) -> Source:
    """A source that is never touched: when it has been synced, the others had their turn."""
    return bench.healthy(tick=config_map("t"))


def test_a_repository_becomes_objects_and_stays_so(bench: Bench) -> None:
    source = bench.source(one=config_map("one", k="1"), sub__two=config_map("two", k="1"))
    source.git()
    source.kustomization()
    kustomization = source.await_ready()
    head = source.repository.head()
    repository = source.get("GitRepository")
    assert conditions.reason(repository) == "GitOperationSucceed"
    assert conditions.message(repository) == f"Fetched revision: main/{head}"
    assert conditions.reason(kustomization) == "ReconciliationSucceeded"
    assert conditions.message(kustomization) == f"Applied revision: main/{head}"
    assert [entry["id"] for entry in kustomization["status"]["inventory"]["entries"]] == [
        f"{source.namespace}_one__ConfigMap",
        f"{source.namespace}_two__ConfigMap",
    ]

    sha = source.repository.commit({"one.yaml": config_map("one", k="2")}, delete=("sub/two.yaml",))
    source.await_at(sha)
    source.await_data("one", {"k": "2"})
    assert source.config("two") is None


def test_nothing_is_written_while_nothing_changes(bench: Bench, control: Source) -> None:
    source = bench.healthy(one=config_map("one", k="1"))
    control.pass_time()
    before = [source.get("GitRepository"), source.get("Kustomization"), source.config("one")]
    control.pass_time()
    assert before == [
        source.get("GitRepository"),
        source.get("Kustomization"),
        source.config("one"),
    ]


def test_drift_is_corrected_but_fields_of_other_managers_stay(
    bench: Bench, control: Source
) -> None:
    source = bench.healthy(one=config_map("one", k="1"))
    source.edit("one", "lens", k="drift", theirs="stays")
    source.await_data("one", {"k": "1", "theirs": "stays"})
    source.edit("one", "kubectl-edit", extra="goes")
    source.await_data("one", {"k": "1", "theirs": "stays"})
    bench.cluster.delete(Ref("v1", "ConfigMap", "one", source.namespace))
    source.await_data("one", {"k": "1"})
    source.edit("one", "lens", theirs="stays")
    control.pass_time()
    source.await_data("one", {"k": "1", "theirs": "stays"})


def test_a_suspended_kustomization_is_left_alone_until_it_is_resumed(
    bench: Bench, control: Source
) -> None:
    source = bench.healthy(one=config_map("one", k="1"), two=config_map("two", k="1"))
    source.kustomization(suspend=True)
    source.edit("one", "kubectl-edit", k="manual")
    bench.cluster.delete(Ref("v1", "ConfigMap", "two", source.namespace))
    source.repository.commit({"three.yaml": config_map("three", k="1")}, delete=("two.yaml",))
    last = source.repository.commit({"four.yaml": config_map("four")}, delete=("three.yaml",))
    control.pass_time()
    source.await_data("one", {"k": "manual"})
    assert [source.config(name) for name in ("two", "three", "four")] == [None, None, None]
    assert len(source.get("Kustomization")["status"]["inventory"]["entries"]) == 2
    source.kustomization(suspend=False)
    source.await_at(last)
    source.await_data("one", {"k": "1"})
    assert source.config("four")
    assert source.config("three") is None


def test_a_suspended_source_is_not_fetched_even_when_asked(bench: Bench, control: Source) -> None:
    source = bench.healthy(one=config_map("one", k="1"))
    source.git(suspend=True)
    until(lambda: _observes(source), "the suspension is seen")
    seen = bench.git.position()
    source.repository.commit({"one.yaml": config_map("one", k="2")})
    request = {"metadata": {"annotations": {"reconcile.fluxcd.io/requestedAt": "now"}}}
    bench.cluster.patch(source.ref("GitRepository"), request)
    control.pass_time()
    assert source.get("GitRepository")["status"]["lastHandledReconcileAt"] == "now"
    fetches = [entry for entry in source.repository.log(since=seen) if entry.operation != "push"]
    assert fetches == []
    # What it offers survives a restart of the process, and drift is still corrected to it.
    bench.process.signal(signal.SIGTERM)
    until(lambda: "it runs" if bench.process.alive else None, "it ends on SIGTERM")
    assert bench.process.returncode == 0
    bench.process = bench.restart()
    bench.cluster.delete(Ref("v1", "ConfigMap", "one", source.namespace))
    source.await_data("one", {"k": "1"})
    source.git(suspend=False)
    source.await_data("one", {"k": "2"})


def _observes(source: Source) -> str | None:
    found = source.get("GitRepository")
    seen = found["status"]["observedGeneration"]
    return None if seen == found["metadata"]["generation"] else f"it has seen {seen}"


@pytest.mark.parametrize(
    ("spec", "kept"),
    [({}, False), ({"prune": False}, True), ({"suspend": True}, True)],
    ids=["active", "no prune", "suspended"],
)
def test_deletion_removes_what_was_applied(bench: Bench, spec: Object, kept: bool) -> None:
    source = bench.healthy(one=config_map("one", k="1"))
    source.kustomization(**spec)
    bench.cluster.delete(source.ref("Kustomization"))
    until(
        lambda: "it is there" if bench.cluster.find(source.ref("Kustomization")) else None,
        "the Kustomization goes",
    )
    assert (source.config("one") is not None) is kept
    bench.cluster.delete(source.ref("GitRepository"))
    until(
        lambda: "it is there" if bench.cluster.find(source.ref("GitRepository")) else None,
        "the GitRepository goes",
    )


@pytest.mark.parametrize(
    ("name", "text", "reason", "message"),
    [
        ("bad", "a: [\n", "BuildFailed", "/bad.yaml: "),
        ("bad", "just: values\n", "BuildFailed", "missing Resource metadata"),
        (
            "bad",
            "apiVersion: v1\nkind: Service\nmetadata: {name: x}\nspec: {ports: 7}\n",
            "ReconciliationFailed",
            "dry-run failed",
        ),
        (
            "bad",
            "apiVersion: none.io/v1\nkind: Foo\nmetadata: {name: x}\n",
            "ReconciliationFailed",
            'no matches for kind "Foo" in version "none.io/v1"',
        ),
    ],
    ids=["no yaml", "no object", "refused", "unknown kind"],
)
def test_a_bad_commit_changes_nothing_and_heals(
    bench: Bench, name: str, text: str, reason: str, message: str
) -> None:
    source = bench.healthy(one=config_map("one", k="1"))
    good = source.repository.head()
    source.repository.commit(
        {f"{name}.yaml": text, "one.yaml": config_map("one", k="2"), "new.yaml": config_map("new")}
    )
    failed = source.await_failure("Kustomization", reason, message)
    assert source.config("new") is None
    source.await_data("one", {"k": "1"})
    assert failed["status"]["lastAppliedRevision"] == f"main/{good}"
    assert conditions.reason(failed, "Reconciling") == "ProgressingWithRetry"
    source.repository.commit({}, delete=(f"{name}.yaml",))
    source.await_ready()
    source.await_data("one", {"k": "2"})


def test_a_missing_path_prunes_nothing_and_an_empty_one_prunes_all(bench: Bench) -> None:
    source = bench.source(app__one=config_map("one", k="1"), other=config_map("other"))
    source.git()
    source.kustomization(path="./app")
    source.await_ready()
    source.repository.commit({}, delete=("app/one.yaml",))
    source.await_failure("Kustomization", "ArtifactFailed", "kustomization path not found: stat /")
    source.await_data("one", {"k": "1"})
    source.await_at(source.repository.commit({"app/.gitkeep": ""}))
    assert source.config("one") is None


def test_credentials_open_a_private_repository_and_never_show(bench: Bench) -> None:
    key = asyncssh.generate_private_key("ssh-ed25519")
    accounts = (Account("reader", PASSWORD),)
    access = Access("basic", accounts, (Key("key", key.get_fingerprint()),))
    source = bench.private_source(access, one=config_map("one", k="1"))
    known_hosts = bench.git.endpoints.known_hosts
    private = bench.git.endpoints.authorities["private"]
    identity = key.export_private_key().decode()
    source.secret("right", username="reader", password=PASSWORD, caFile=private)
    source.secret("wrong", username="reader", password=f"no-{PASSWORD}")
    source.secret("half", password=PASSWORD)
    source.secret("key", identity=identity, known_hosts=known_hosts["ssh"])
    source.secret("other-host", identity=identity, known_hosts=known_hosts["mismatch"])

    def use(secret: str, url: str) -> None:
        source.git(url=url, secretRef={"name": secret})

    url = source.repository.url
    use("none", url())
    message = (
        "failed to configure authentication options: "
        f"failed to get secret '{source.namespace}/none': secrets \"none\" not found"
    )
    source.await_failure("GitRepository", "AuthenticationFailed", message)
    use("half", url())
    source.await_failure("GitRepository", "AuthenticationFailed", "requires 'username' to be set")
    use("wrong", url())
    source.await_failure("GitRepository", "GitOperationFailed", "authentication required")
    use("right", url())
    source.await_ready("GitRepository")
    use("right", url("https-private"))
    source.await_ready("GitRepository")
    use("wrong", url("https-private"))
    source.await_failure(
        "GitRepository", "GitOperationFailed", "x509: certificate signed by unknown"
    )
    use("half", url("https-trusted", user="reader"))
    source.await_ready("GitRepository")
    use("right", url("https-expired"))
    source.await_failure("GitRepository", "GitOperationFailed", "x509: certificate has expired")
    use("right", url("https-wrong-name"))
    source.await_failure("GitRepository", "GitOperationFailed", "x509: certificate is valid for")
    use("other-host", url("ssh"))
    source.await_failure("GitRepository", "GitOperationFailed", "knownhosts: key mismatch")
    use("key", url("ssh"))
    repository = source.await_ready("GitRepository")
    events = bench.cluster.list("v1", "Event", source.namespace).items
    assert PASSWORD not in str(repository["status"]) + str(events)
    assert base64.b64encode(PASSWORD.encode()).decode() not in str(events)


def test_an_archive_outlives_a_failing_server(bench: Bench) -> None:
    source = bench.healthy(one=config_map("one", k="1"))
    source.repository.set_fault("500")
    failed = source.await_failure("GitRepository", "GitOperationFailed", "unable to list remote")
    assert (conditions.find(failed, "ArtifactInStorage") or {})["status"] == "True"
    bench.cluster.delete(Ref("v1", "ConfigMap", "one", source.namespace))
    source.await_data("one", {"k": "1"})
    source.repository.clear_fault()
    source.await_ready("GitRepository")


def test_the_account_of_the_project_limits_what_is_written(bench: Bench) -> None:
    source = bench.source(one=config_map("one", k="1"))
    account = {"name": source.namespace, "namespace": source.namespace}
    bench.cluster.create({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": account})
    source.git()
    source.kustomization()
    user = f"system:serviceaccount:{source.namespace}:{source.namespace}"
    source.await_failure("Kustomization", "ReconciliationFailed", f'User "{user}" cannot patch')
    rbac = "rbac.authorization.k8s.io"
    bench.cluster.create(
        {
            "apiVersion": f"{rbac}/v1",
            "kind": "RoleBinding",
            "metadata": {"name": "edit", "namespace": source.namespace},
            "roleRef": {"apiGroup": rbac, "kind": "ClusterRole", "name": "cluster-admin"},
            "subjects": [{"kind": "ServiceAccount", **account}],
        }
    )
    source.await_ready()
    # Without the right to delete, a deletion is refused and tried again.
    bench.cluster.delete(Ref(f"{rbac}/v1", "RoleBinding", "edit", source.namespace))
    bench.cluster.delete(source.ref("Kustomization"))
    # As in Flux, its reason is that of the Ready condition, which speaks of the last apply.
    fields = "involvedObject.name=app,type=Warning"
    told = "pruning for deleted resource failed"
    until(
        lambda: (
            None
            if any(
                event["message"].startswith(told)
                for event in bench.cluster.list(
                    "v1", "Event", source.namespace, fields=fields
                ).items
            )
            else "no event"
        ),
        "the refusal is told",
    )
    assert bench.cluster.find(source.ref("Kustomization"))
    # Once the account is gone nobody may delete: the object stays.
    bench.cluster.delete(Ref("v1", "ServiceAccount", source.namespace, source.namespace))
    until(
        lambda: "it is there" if bench.cluster.find(source.ref("Kustomization")) else None,
        "the Kustomization goes",
    )


def test_definitions_come_before_what_needs_them_and_force_replaces(bench: Bench) -> None:
    group = "things.example.org"
    crd = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"foos.{group}"},
        "spec": {
            "group": group,
            "scope": "Cluster",
            "names": {"kind": "Foo", "listKind": "FooList", "plural": "foos", "singular": "foo"},
            "versions": [
                {
                    "name": "v1",
                    "served": True,
                    "storage": True,
                    "schema": {"openAPIV3Schema": {"type": "object"}},
                }
            ],
        },
    }
    foo = f"apiVersion: {group}/v1\nkind: Foo\nmetadata: {{name: one}}\n"
    secret = (
        "apiVersion: v1\nkind: Secret\nmetadata: {{name: s}}\n"
        "immutable: true\nstringData: {{k: '{}'}}\n"
    )
    source = bench.healthy(crd=yaml.safe_dump(crd), foo=foo, secret=secret.format(1))
    assert bench.cluster.find(Ref(f"{group}/v1", "Foo", "one"))
    source.repository.commit({"secret.yaml": secret.format(2)})
    source.await_failure("Kustomization", "ReconciliationFailed", "field is immutable")
    source.kustomization(force=True)
    source.await_ready()
    found = bench.cluster.get(Ref("v1", "Secret", "s", source.namespace))
    assert found["data"] == {"k": "Mg=="}
