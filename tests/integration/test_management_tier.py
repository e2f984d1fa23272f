"""
The management tier as a process, on real API servers and a real Git server.

The attached tier is played by hand (`StandIn.sync`), so that each moment can be looked at.
"""

from __future__ import annotations

import base64
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field

import pytest
import yaml

from harness import data
from harness.cluster import binaries, client, controlplane, errors, fleet
from harness.cluster.client import Cluster
from harness.errors import NotYet
from harness.gitserver import launch
from harness.gitserver.access import Access, Account
from harness.gitserver.client import Repository
from harness.kit import process, wait
from harness.kit.process import Process
from harness.model.objects import Object, Ref

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

SOURCE_API = "source.toolkit.fluxcd.io/v1"
KUSTOMIZE_API = "kustomize.toolkit.fluxcd.io/v1"
DISPATCH = "dispatch.d2iq.io/v1alpha2"
TYPES = "types.kubefed.io/v1beta1"
KOMMANDER = "kommander.mesosphere.io/v1beta1"
WORKSPACES = "workspaces.kommander.mesosphere.io/v1alpha1"
COMMAND = (
    "import sys; from harness.controllers.management import main; sys.exit(main(sys.argv[1:]))"
)


def until(probe: Callable[[], str | None], what: str, within: float = 20.0) -> None:
    wait.eventually(probe, within=within, what=what, every=0.01, failure=NotYet)


@dataclass
class StandIn:
    """What Flux would do on one cluster, when told to."""

    cluster: Cluster
    repository: Repository

    def sync(self, namespace: str, *, suspended_leak: bool = True) -> None:
        """Apply the directory of a namespace and prune what left it; a suspended one leaks."""
        head = self.repository.head() or ""
        folder = f"clusters/{self.cluster.name}/{namespace}/"
        wanted: dict[Ref, Object] = {}
        for path in self.repository.files():
            if path.startswith(folder) and path.endswith(".yaml"):
                for obj in yaml.safe_load_all(self.repository.read(path)):
                    wanted[Ref.of(obj)] = obj
        for obj in wanted.values():
            self.cluster.apply(obj, field_manager="kustomize-controller")
        for api_version, kind in ((KUSTOMIZE_API, "Kustomization"), (SOURCE_API, "GitRepository")):
            for live in self.cluster.list(api_version, kind, namespace).items:
                ref = Ref.of(live)
                if ref not in wanted and ref.name != "project":
                    assert not (kind == "Kustomization" and live["spec"].get("suspend")), (
                        "a suspended Kustomization was removed: its objects would leak"
                    )
                    self.cluster.delete(ref)
        project = Ref(KUSTOMIZE_API, "Kustomization", "project", namespace)
        with suppress(errors.NotFound):  # gone with the project
            self.cluster.patch(
                project,
                {"status": {"lastAppliedRevision": f"main@sha1:{head}"}},
                subresource="status",
            )


@dataclass
class Bench:
    management: Cluster
    members: dict[str, Cluster]
    repository: Repository
    process: Process
    restart: Callable[[], Process]
    stand_ins: dict[str, StandIn] = field(default_factory=dict)

    def namespace_of(self, project: str) -> str:
        ref = Ref(WORKSPACES, "Project", project, "default-workspace")
        until(lambda: None if self.ready(ref) else str(self.status(ref)), f"project {project}")
        return str(self.status(ref)["namespaceRef"]["name"])

    def status(self, ref: Ref) -> Object:
        found = self.management.find(ref)
        return {} if found is None else found.get("status") or {}

    def condition(self, ref: Ref, kind: str = "Ready") -> Object:
        found = self.status(ref).get("conditions") or []
        return next((each for each in found if each["type"] == kind), {})

    def joined(self, ref: Ref) -> Callable[[], str | None]:
        return lambda: None if self.status(ref).get("phase") == "Joined" else str(self.status(ref))

    def ready(self, ref: Ref) -> bool:
        return self.condition(ref).get("status") == "True"

    def project(self, name: str, placement: Object) -> str:
        self.management.create(
            {
                "apiVersion": WORKSPACES,
                "kind": "Project",
                "metadata": {"name": name, "namespace": "default-workspace"},
                "spec": {"placement": placement},
            }
        )
        return self.namespace_of(name)

    def source(self, namespace: str, name: str, **spec: object) -> Ref:
        self.management.create(
            {
                "apiVersion": DISPATCH,
                "kind": "GitopsRepository",
                "metadata": {"name": name, "namespace": namespace},
                "spec": {"cloneUrl": "https://git.example/org/apps", **spec},
            }
        )
        return Ref(DISPATCH, "GitopsRepository", name, namespace)

    def secret(self, namespace: str, name: str, **spec: object) -> Ref:
        self.management.create(
            {
                "apiVersion": TYPES,
                "kind": "FederatedSecret",
                "metadata": {"name": name, "namespace": namespace},
                "spec": {"placement": {"clusterSelector": {}}, **spec},
            }
        )
        return Ref(TYPES, "FederatedSecret", name, namespace)

    def events(self, ref: Ref, reason: str) -> list[Object]:
        fields = f"involvedObject.name={ref.name},reason={reason}"
        return self.management.list("v1", "Event", ref.namespace, fields=fields).items

    def file(self, cluster: str, namespace: str, source: str) -> list[Object]:
        text = self.repository.read(f"clusters/{cluster}/{namespace}/{source}.yaml")
        return list(yaml.safe_load_all(text))


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def equip(cluster: Cluster, folder: str) -> None:
    for path in sorted(data.path("fixtures", "crds", folder).glob("*.yaml")):
        for crd in yaml.safe_load_all(path.read_text()):
            cluster.apply(crd, field_manager="bench")


def attach(management: Cluster, member: fleet.Member) -> None:
    management.create(
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": f"{member.name}-kubeconfig", "namespace": "default-workspace"},
            "stringData": {"kubeconfig": member.kubeconfig.read_text()},
        }
    )
    management.create(
        {
            "apiVersion": KOMMANDER,
            "kind": "KommanderCluster",
            "metadata": {"name": member.name, "namespace": "default-workspace"},
            "spec": {"kubeconfigRef": {"name": f"{member.name}-kubeconfig"}},
        }
    )


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    directory = tmp_path_factory.mktemp("management")
    with fleet.hold(state=directory / "fleets") as lease:
        accounts = (
            Account("writer", "write-me", writer=True),
            Account("c1", "reader-1"),
            Account("c2", "reader-2"),
        )
        launched = launch.launch(
            lease.start,
            directory / "git",
            listeners=["https-trusted"],
            repositories={"kommander/kommander": Access("basic", accounts)},
        )
        with controlplane.local(binaries.provide(), lease, attached=2) as made:
            server = launched.await_ready(within=20)
            repository = server.repository("kommander/kommander")
            clusters = {
                each.name: client.connect(each.kubeconfig, name=each.name) for each in made.members
            }
            management = clusters.pop("management")
            equip(management, "management")
            for cluster in clusters.values():
                equip(cluster, "attached")
            ca = directory / "ca.pem"
            ca.write_text(server.endpoints.authorities["trusted"])
            configuration = directory / "config.json"
            configuration.touch(mode=0o600)
            configuration.write_text(
                json.dumps(
                    {
                        "bootstrap": {
                            "url": repository.url("https-trusted"),
                            "caFile": str(ca),
                            "branch": "main",
                            "writer": {"username": "writer", "password": "write-me"},
                            "readers": {
                                name: {"username": name, "password": f"reader-{name[1]}"}
                                for name in clusters
                            },
                        },
                        "intervals": {"source": "1s", "kustomization": "2s", "management": "1s"},
                        "directory": str(directory / "work"),
                    }
                )
            )

            def start() -> process.Process:
                ready = directory / "ready"
                ready.unlink(missing_ok=True)
                started = lease.start(
                    "management-tier",
                    [
                        *(sys.executable, "-c", COMMAND),
                        *("--kubeconfig", made.management.kubeconfig),
                        *("--config", configuration, "--ready", ready),
                    ],
                )
                process.await_ready(
                    started, lambda: None if ready.exists() else "not ready", within=30
                )
                return started

            def crds_served() -> str | None:
                with suppress(errors.ClusterError):
                    management.list(DISPATCH, "GitopsRepository")
                    management.list(WORKSPACES, "Workspace")
                    return None
                return "not served"

            until(crds_served, "CRDs")
            bench = Bench(management, clusters, repository, start(), start)
            bench.stand_ins = {
                name: StandIn(cluster, repository) for name, cluster in clusters.items()
            }
            management.create(
                {
                    "apiVersion": WORKSPACES,
                    "kind": "Workspace",
                    "metadata": {"name": "default-workspace"},
                    "spec": {},
                }
            )
            workspace = Ref(WORKSPACES, "Workspace", "default-workspace")
            until(lambda: None if bench.ready(workspace) else "not ready", "workspace")
            for member in made.attached:
                attach(management, member)
            for name in clusters:
                ref = Ref(KOMMANDER, "KommanderCluster", name, "default-workspace")
                until(bench.joined(ref), f"{name} joined")
            yield bench
            bench.process.stop()
            log = bench.process.log.read_text()
            for cluster in (management, *clusters.values()):
                cluster.close()
            server.close()
            assert "Traceback" not in log, log
            assert "write-me" not in log
            assert "reader-1" not in log


def test_attaching_gives_a_cluster_its_flux_source(bench: Bench) -> None:
    ref = Ref(SOURCE_API, "GitRepository", "management", "kommander-flux")
    found = bench.members["c1"].get(ref)
    assert found["spec"]["url"].endswith("/kommander/kommander.git")
    assert found["spec"]["ref"] == {"branch": "main"}
    secret = bench.members["c1"].get(
        Ref("v1", "Secret", "kommander-git-credentials", "kommander-flux")
    )
    assert set(secret["data"]) == {"username", "password", "caFile"}
    kubefed = bench.management.get(
        Ref("core.kubefed.io/v1beta1", "KubeFedCluster", "c1", "kube-federation-system")
    )
    assert kubefed["status"]["conditions"][0]["reason"] == "ClusterReady"


def test_a_project_is_on_its_clusters_only(bench: Bench) -> None:
    namespace = bench.project("alpha", {"clusters": [{"name": "c1"}]})
    assert namespace.startswith("alpha-")
    assert len(namespace) == len("alpha-") + 5
    c1, c2 = bench.members["c1"], bench.members["c2"]
    assert c2.find(Ref("v1", "Namespace", namespace)) is None
    for api_version, kind in (
        ("v1", "ServiceAccount"),
        ("rbac.authorization.k8s.io/v1", "Role"),
        ("rbac.authorization.k8s.io/v1", "RoleBinding"),
    ):
        c1.get(Ref(api_version, kind, namespace, namespace))
    assert f"clusters/c1/{namespace}/.gitkeep" in bench.repository.files()
    account = c1.impersonate(f"system:serviceaccount:{namespace}:{namespace}")
    account.create(
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "mine", "namespace": namespace},
        }
    )
    account.list(SOURCE_API, "GitRepository", namespace)
    with pytest.raises(errors.Forbidden):
        account.delete(Ref("v1", "Namespace", namespace))


def test_the_first_source_brings_what_applies_it(bench: Bench) -> None:
    namespace = bench.project("first", {"clusters": [{"name": "c1"}]})
    c1 = bench.members["c1"]
    applier = Ref(KUSTOMIZE_API, "Kustomization", "project", namespace)
    follower = Ref(SOURCE_API, "GitRepository", namespace, "kommander-flux")
    assert (c1.find(applier), c1.find(follower)) == (None, None)
    bench.source(namespace, "apps")
    until(lambda: None if c1.find(applier) else "no Kustomization project", "it comes")
    assert c1.get(applier)["spec"]["path"] == f"./clusters/c1/{namespace}"
    assert c1.get(follower)["spec"]["ref"] == {"branch": f"projects/{namespace}"}
    assert bench.members["c2"].find(follower) is None


def test_placement_by_label_follows_the_label(bench: Bench) -> None:
    namespace = bench.project("labelled", {"clusterSelector": {"matchLabels": {"tier": "gold"}}})
    c2 = bench.members["c2"]
    komm = Ref(KOMMANDER, "KommanderCluster", "c2", "default-workspace")
    bench.management.patch(komm, {"metadata": {"labels": {"tier": "gold"}}})
    role = Ref("rbac.authorization.k8s.io/v1", "Role", namespace, namespace)

    def joined() -> str | None:
        return None if c2.find(role) else "no Role"

    until(joined, "c2 in the project")
    bench.management.patch(komm, {"metadata": {"labels": {"tier": None}}})
    until(
        lambda: "still there" if c2.find(Ref("v1", "Namespace", namespace)) else None,
        "the namespace leaves c2",
    )
    until(
        lambda: (
            "still there"
            if f"clusters/c2/{namespace}/.gitkeep" in bench.repository.files()
            else None
        ),
        "the directory leaves",
    )


def test_a_federated_secret_arrives_is_corrected_and_goes(bench: Bench) -> None:
    namespace = bench.project("secrets", {"clusterSelector": {}})
    ref = bench.secret(
        namespace,
        "token",
        template={"data": {"password": encoded("s3cret")}},
        overrides=[
            {
                "clusterName": "c2",
                "clusterOverrides": [{"path": "/data/password", "value": encoded("other")}],
            }
        ],
    )
    until(
        lambda: (
            None
            if bench.condition(ref, "Propagation").get("status") == "True"
            and len(bench.status(ref).get("clusters", [])) == 2
            else str(bench.status(ref))
        ),
        "propagation",
    )
    here = Ref("v1", "Secret", "token", namespace)
    c1, c2 = bench.members["c1"], bench.members["c2"]
    copy = c1.get(here)
    assert copy["type"] == "Opaque"
    assert copy["metadata"]["labels"] == {"kubefed.io/managed": "true"}
    assert c2.get(here)["data"]["password"] == encoded("other")

    c1.patch(here, {"data": {"password": encoded("drift")}})
    until(
        lambda: None if c1.get(here)["data"]["password"] == encoded("s3cret") else "drift", "drift"
    )
    c1.delete(here)
    until(lambda: None if c1.find(here) else "gone", "recreation")

    bench.management.patch(ref, {"spec": {"placement": {"clusters": [{"name": "c2"}]}}})
    until(lambda: "there" if c1.find(here) else None, "removal from c1")
    assert c2.find(here) is not None
    bench.management.delete(ref)
    until(lambda: "there" if bench.management.find(ref) else None, "deletion")
    assert c2.find(here) is None


def test_a_source_is_published_then_announced(bench: Bench) -> None:
    namespace = bench.project("sources", {"clusterSelector": {}})
    bench.secret(namespace, "pat", template={"data": {"password": encoded("t0ken")}})
    ref = bench.source(
        namespace, "apps", secret="pat", template={"path": "./apps", "ref": {"branch": "dev"}}
    )
    until(
        lambda: None if bench.events(ref, "ManifestSyncSuccess") else str(bench.status(ref)),
        "the event",
    )
    event = bench.events(ref, "ManifestSyncSuccess")[0]
    assert event["type"] == "Normal"
    assert event["source"]["component"] == "GitopsRepositoryController"
    assert event["message"] == "manifests synced to bootstrap repo"
    repository, kustomization = bench.file("c1", namespace, "apps")
    assert repository["spec"]["url"] == "https://git@git.example/org/apps"
    assert repository["spec"]["secretRef"] == {"name": "pat"}
    assert repository["spec"]["ref"] == {"branch": "dev"}
    assert kustomization["spec"]["serviceAccountName"] == namespace
    until(lambda: None if bench.ready(ref) else str(bench.status(ref)), "Ready")
    assert bench.status(ref)["observedGeneration"] == 1

    bench.management.patch(ref, {"spec": {"template": {"suspend": True}}})
    until(
        lambda: (
            None
            if all(each["spec"]["suspend"] for each in bench.file("c2", namespace, "apps"))
            else "not suspended"
        ),
        "suspension",
    )
    bench.management.patch(ref, {"spec": {"cloneUrl": "git@git.example:org/apps"}})
    until(
        lambda: None if bench.condition(ref).get("reason") == "InvalidURL" else "not yet",
        "InvalidURL",
    )
    assert bench.events(ref, "InvalidURL")[0]["type"] == "Warning"
    assert bench.file("c1", namespace, "apps")[0]["spec"]["url"].startswith("https://")
    bench.management.patch(ref, {"spec": {"cloneUrl": "https://git.example/org/apps"}})
    until(lambda: None if bench.ready(ref) else str(bench.status(ref)), "healed")


def test_deleting_a_suspended_source_lifts_first_and_then_removes(bench: Bench) -> None:
    namespace = bench.project("deleting", {"clusterSelector": {}})
    ref = bench.source(namespace, "apps")
    until(lambda: None if bench.ready(ref) else "not ready", "Ready")
    for stand_in in bench.stand_ins.values():
        stand_in.sync(namespace)
    bench.management.patch(ref, {"spec": {"template": {"suspend": True}}})
    until(lambda: None if bench.status(ref).get("observedGeneration") == 2 else "old", "suspension")
    for stand_in in bench.stand_ins.values():
        stand_in.sync(namespace)
    bench.management.delete(ref)
    until(
        lambda: None if bench.condition(ref).get("reason") == "Deleting" else "not yet", "deletion"
    )
    repository, kustomization = bench.file("c1", namespace, "apps")
    assert (repository["spec"]["suspend"], kustomization["spec"]["suspend"]) == (True, False)
    bench.management.patch(ref, {"spec": {"template": {"suspend": False}}})
    bench.stand_ins["c1"].sync(namespace)
    until(
        lambda: (
            "still there"
            if f"clusters/c1/{namespace}/apps.yaml" in bench.repository.files()
            else None
        ),
        "removal from c1",
    )
    assert f"clusters/c2/{namespace}/apps.yaml" in bench.repository.files()
    assert bench.file("c2", namespace, "apps")[0]["spec"]["suspend"] is True
    bench.stand_ins["c1"].sync(namespace)
    until(
        lambda: None if "c1" not in bench.condition(ref).get("message", "") else "c1", "c1 is done"
    )
    assert "c2" in bench.condition(ref)["message"]
    bench.stand_ins["c2"].sync(namespace)
    until(
        lambda: (
            "still there"
            if f"clusters/c2/{namespace}/apps.yaml" in bench.repository.files()
            else None
        ),
        "removal from c2",
    )
    bench.stand_ins["c2"].sync(namespace)
    until(lambda: "there" if bench.management.find(ref) else None, "the source goes")


def test_an_unwritable_bootstrap_repository_is_reported_and_heals(bench: Bench) -> None:
    namespace = bench.project("broken", {"clusters": [{"name": "c1"}]})
    bench.repository.set_fault("500")
    try:
        ref = bench.source(namespace, "late")
        until(
            lambda: (
                None
                if bench.condition(ref).get("reason") == "BootstrapUnavailable"
                else str(bench.status(ref))
            ),
            "the error",
        )
        assert bench.events(ref, "ManifestSyncSuccess") == []
    finally:
        bench.repository.clear_fault()
    until(lambda: None if bench.ready(ref) else str(bench.status(ref)), "recovery")
    assert bench.events(ref, "ManifestSyncSuccess")


def test_a_restart_changes_nothing(bench: Bench) -> None:
    namespace = bench.project("restart", {"clusterSelector": {}})
    ref = bench.source(namespace, "apps")
    until(lambda: None if bench.ready(ref) else "not ready", "Ready")
    head = bench.repository.head()
    before = set(bench.repository.files())
    bench.process.stop()
    bench.process = bench.restart()
    late = bench.source(namespace, "late")
    until(
        lambda: None if len(bench.status(late).get("clusters", [])) == 2 else "not ready",
        "a source after the restart",
    )
    # The first commits may be one for each cluster that comes back; none may remove anything.
    commits = [each.sha for each in bench.repository.commits()]
    for commit in commits[: commits.index(head or "")]:
        files = set(bench.repository.files(at=commit))
        assert before <= files
        assert files - before <= {
            f"clusters/{name}/{namespace}/late.yaml" for name in bench.members
        }
    assert bench.events(ref, "ManifestSyncSuccess")[0]["count"] == 1


def test_a_source_outside_of_projects_is_inert(bench: Bench) -> None:
    ref = bench.source("default", "nowhere")
    until(
        lambda: None if bench.condition(ref).get("reason") == "NoProject" else "not yet",
        "NoProject",
    )
    assert not [path for path in bench.repository.files() if "nowhere" in path]
    bench.management.delete(ref)
    assert bench.management.find(ref) is None


def test_detaching_a_cluster_leaves_what_is_on_it(bench: Bench) -> None:
    namespace = bench.project("detaching", {"clusterSelector": {}})
    source = bench.source(namespace, "apps")
    until(lambda: None if bench.ready(source) else "not ready", "Ready")
    bench.stand_ins["c2"].sync(namespace)
    ref = Ref(KOMMANDER, "KommanderCluster", "c2", "default-workspace")
    kubefed = Ref("core.kubefed.io/v1beta1", "KubeFedCluster", "c2", "kube-federation-system")
    attached = bench.management.get(ref)
    bench.management.delete(ref)
    until(lambda: "there" if bench.management.find(ref) else None, "the detachment")
    assert bench.management.find(kubefed) is None
    until(
        lambda: None if bench.status(source).get("clusters") == ["c1"] else "still two", "one left"
    )
    kustomization = Ref(KUSTOMIZE_API, "Kustomization", "apps", namespace)
    uid = bench.members["c2"].get(kustomization)["metadata"]["uid"]
    assert f"clusters/c2/{namespace}/apps.yaml" in bench.repository.files()
    metadata = {key: attached["metadata"][key] for key in ("name", "namespace")}
    bench.management.create({**attached, "metadata": metadata, "status": {}})
    until(bench.joined(ref), "c2 is back")
    until(
        lambda: None if len(bench.status(source).get("clusters", [])) == 2 else "one", "both again"
    )
    assert bench.members["c2"].get(kustomization)["metadata"]["uid"] == uid


def test_deleting_a_project_leaves_nothing(bench: Bench) -> None:
    namespace = bench.project("leaving", {"clusterSelector": {}})
    bench.secret(namespace, "token", template={"data": {"password": encoded("x")}})
    source = bench.source(namespace, "apps")
    until(lambda: None if bench.ready(source) else "not ready", "Ready")
    for stand_in in bench.stand_ins.values():
        stand_in.sync(namespace)
    ref = Ref(WORKSPACES, "Project", "leaving", "default-workspace")
    bench.management.delete(ref)
    until(
        lambda: (
            "there"
            if any(f"/{namespace}/apps.yaml" in path for path in bench.repository.files())
            else None
        ),
        "the manifests go",
    )
    for stand_in in bench.stand_ins.values():
        stand_in.sync(namespace)
    until(lambda: str(bench.status(ref)) if bench.management.find(ref) else None, "the end", 60)
    for cluster in (bench.management, *bench.members.values()):
        assert cluster.find(Ref("v1", "Namespace", namespace)) is None
    for cluster in bench.members.values():
        follower = Ref(SOURCE_API, "GitRepository", namespace, "kommander-flux")
        assert cluster.find(follower) is None, "it would fail until Kubernetes collects it"
    assert not [path for path in bench.repository.files() if namespace in path]
