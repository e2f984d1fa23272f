"""
The provider `local`: real control planes as processes of this machine, on loopback.

One etcd for all (each cluster under a prefix of its own), and per cluster a kube-apiserver with its
own authority and a kube-controller-manager. There is no kubelet: workloads exist as objects only.
What runs on the clusters, and how they are talked to, is no business of this module.
"""

import contextlib
import http.client
import json
import os
import ssl
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from harness import errors
from harness.cluster import fleet, kubeconfig_file
from harness.cluster.providing import Programs, Progress, Request
from harness.kit import certs, ports, process, wait

CONTROLLERS = (
    "namespace-controller",
    "garbage-collector-controller",
    "serviceaccount-controller",
    "root-ca-certificate-publisher-controller",
    "deployment-controller",
    "replicaset-controller",
    # Without these two the ClusterRoles admin, edit and view are empty and quotas count nothing.
    "clusterrole-aggregation-controller",
    "resourcequota-controller",
)

_ISSUER = "https://kubernetes.default.svc.cluster.local"
_SERVICES = "10.96.0.0/24"
_NAMES = (
    ports.LOOPBACK,
    "10.96.0.1",
    "localhost",
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
    "kubernetes.default.svc.cluster.local",
)

# A socket in the private directory instead of a port: etcd would let everybody in who asks. The
# name is relative to the working directory, since the path of a socket may not exceed 108 bytes.
_ETCD = "unix://localhost:1"
_ETCD_PEERS = "unix://localhost:2"

# Fewer collections while the API server builds its world; the limit keeps it from growing later.
_GO_API = {"GOGC": "400", "GOMEMLIMIT": "1536MiB"}
_GO_MANAGER = {"GOGC": "200", "GOMEMLIMIT": "150MiB"}


@dataclass(slots=True)
class _Plane:
    """One cluster on its way up."""

    name: str
    directory: Path
    port: int
    authority: certs.Authority
    admin: certs.Leaf
    context: ssl.SSLContext
    api: process.Process
    manager: process.Process | None = None
    version: str = ""
    missing: str = field(default="has not been asked yet")

    @property
    def server(self) -> str:
        return f"https://{ports.LOOPBACK}:{self.port}"

    @property
    def kubeconfig(self) -> Path:
        return self.directory / "kubeconfig"

    def get(self, path: str) -> tuple[int, bytes]:
        """The API server's answer; any trouble on the way to it is an OSError."""
        connection = http.client.HTTPSConnection(
            ports.LOOPBACK, self.port, context=self.context, timeout=5
        )
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, response.read()
        except http.client.HTTPException as error:
            raise ConnectionError(str(error) or type(error).__name__) from error
        finally:
            connection.close()

    def found(self, *paths: str) -> bool:
        """Whether all of these are served; remembers what is not."""
        for path in paths:
            try:
                status, _ = self.get(path)
            except OSError as error:
                self.missing = f"{self.server}{path}: {error}"
                return False
            if status != http.HTTPStatus.OK:
                self.missing = f"{self.server}{path} answered {status}"
                return False
        return True


@contextlib.contextmanager
def local(
    programs: Programs,
    lease: fleet.Lease,
    *,
    attached: int = 3,
    on_progress: Progress | None = None,
    patience: wait.Patience | None = None,
) -> Iterator[fleet.Fleet]:
    """
    A management cluster and `attached` others, usable: a new namespace gets its ServiceAccount.

    They end with the block, unless the lease was told to leave them running. To be called from the
    main thread, with which all processes end if it is killed.
    """
    names = list(Request(attached).members)
    report = on_progress or (lambda _: None)
    within = (patience or wait.Patience()).cluster_ready
    try:
        yield _start(programs, lease, names, report, within)
    except BaseException:
        lease.stop()
        raise
    if lease.mode == "run":
        lease.stop()


def _start(
    programs: Programs, lease: fleet.Lease, names: list[str], report: Progress, within: float
) -> fleet.Fleet:
    report(f"starting etcd and {len(names)} control planes")
    etcd = _start_etcd(programs, lease)
    planes = [
        _start_api_server(programs, lease, name, port)
        for name, port in zip(names, ports.free(len(names)), strict=True)
    ]
    _await_all(programs, lease, etcd, planes, report, within)
    members = [fleet.Member(each.name, each.kubeconfig, each.name, each.version) for each in planes]
    made = fleet.Fleet(members[0], tuple(members[1:]), lease.directory)
    kubeconfig_file.merge([member.kubeconfig for member in members], made.kubeconfig)
    lease.record(made)
    return made


def _start_etcd(programs: Programs, lease: fleet.Lease) -> process.Process:
    return lease.start(
        "etcd",
        [
            programs.path("etcd"),
            f"--data-dir={lease.directory / 'etcd'}",
            f"--listen-client-urls={_ETCD}",
            f"--listen-peer-urls={_ETCD_PEERS}",
            # Addresses that nobody ever calls, but without which a single member does not start.
            "--advertise-client-urls=http://localhost:2379",
            "--initial-advertise-peer-urls=http://localhost:2380",
            "--initial-cluster=default=http://localhost:2380",
            # The data may be lost with the machine; waiting for the disk is not worth it.
            "--unsafe-no-fsync",
            "--snapshot-count=10000",
            "--max-snapshots=1",
            "--max-wals=1",
            "--backend-batch-interval=1s",
            "--log-level=warn",
        ],
        cwd=lease.directory,
    )


def _start_api_server(programs: Programs, lease: fleet.Lease, name: str, port: int) -> _Plane:
    directory = lease.directory / name
    directory.mkdir(mode=0o700)
    authority = certs.Authority(f"gitops-conformance {name}")
    trusted = authority.write(directory / "ca.crt")
    serving = authority.issue(*_NAMES).write(directory, "serving")
    accounts = authority.issue(common_name="service-accounts").write(directory, "accounts")
    admin = authority.issue(common_name="admin", organization="system:masters")
    api = lease.start(
        f"{name}-kube-apiserver",
        [
            programs.path("kube-apiserver"),
            f"--etcd-servers={_ETCD}",
            f"--etcd-prefix=/{name}",
            f"--bind-address={ports.LOOPBACK}",
            f"--advertise-address={ports.LOOPBACK}",
            f"--secure-port={port}",
            f"--cert-dir={directory}",
            f"--tls-cert-file={serving.cert}",
            f"--tls-private-key-file={serving.key}",
            f"--client-ca-file={trusted}",
            f"--service-account-key-file={accounts.key}",
            f"--service-account-signing-key-file={accounts.key}",
            f"--service-account-issuer={_ISSUER}",
            f"--service-cluster-ip-range={_SERVICES}",
            # Address of the `kubernetes` Service: nobody keeps it up to date on loopback.
            "--endpoint-reconciler-type=none",
            "--authorization-mode=RBAC",
            "--anonymous-auth=false",
            "--allow-privileged=true",
            # Fairness between users costs more than it gives with one user; plain limits instead.
            "--enable-priority-and-fairness=false",
            "--max-requests-inflight=1000",
            "--max-mutating-requests-inflight=500",
            "--delete-collection-workers=4",
            "--profiling=false",
            "--shutdown-delay-duration=0s",
            "--v=1",
        ],
        env={**os.environ, **_GO_API},
        cwd=lease.directory,
    )
    context = _context(authority, admin, directory)
    return _Plane(name, directory, port, authority, admin, context, api)


def _context(authority: certs.Authority, client: certs.Leaf, directory: Path) -> ssl.SSLContext:
    files = client.write(directory, "admin")
    context = ssl.create_default_context(cadata=authority.pem.decode("ascii"))
    context.load_cert_chain(files.cert, files.key)
    return context


def _await_all(
    programs: Programs,
    lease: fleet.Lease,
    etcd: process.Process,
    planes: list[_Plane],
    report: Progress,
    within: float,
) -> None:
    """
    Return when every cluster is usable.

    All are asked in turn by the main thread, which alone may start the controller managers, each as
    soon as its API server is ready; nobody waits for anybody else.
    """
    began = time.monotonic()
    pending = list(planes)

    def missing() -> str | None:
        etcd.check()
        for plane in tuple(pending):
            if _advance(programs, lease, plane):
                pending.remove(plane)
                ready = len(planes) - len(pending)
                elapsed = time.monotonic() - began
                report(f"{plane.name} is ready ({ready} of {len(planes)}, {elapsed:.1f} s)")
        return "; ".join(f"{plane.name}: {plane.missing}" for plane in pending) or None

    try:
        wait.eventually(missing, within=within, what="All clusters are usable", every=0.03)
    except errors.SetupError as error:
        if not pending or not all(plane.api.alive for plane in pending) or not etcd.alive:
            raise
        last = pending[0].manager or pending[0].api
        raise errors.SetupError(f"{error}\n{last.explain()}") from None


def _advance(programs: Programs, lease: fleet.Lease, plane: _Plane) -> bool:
    """Take a cluster one step further if it is ready for it; say whether it is usable."""
    plane.api.check()
    if plane.manager is None:
        if plane.found("/readyz"):
            _configure(plane)
            plane.manager = _start_manager(programs, lease, plane)
        return False
    plane.manager.check()
    return plane.found(
        "/api/v1/namespaces/default/serviceaccounts/default",
        "/api/v1/namespaces/default/configmaps/kube-root-ca.crt",
    )


def _configure(plane: _Plane) -> None:
    plane.version = str(json.loads(plane.get("/version")[1])["gitVersion"])
    kubeconfig_file.write(
        plane.kubeconfig,
        context=plane.name,
        server=plane.server,
        authority=plane.authority.pem,
        client=plane.admin,
        user=f"{plane.name}-admin",
    )


def _start_manager(programs: Programs, lease: fleet.Lease, plane: _Plane) -> process.Process:
    directory = plane.directory
    kubeconfig = kubeconfig_file.write(
        directory / "controller-manager.kubeconfig",
        context=plane.name,
        server=plane.server,
        authority=plane.authority.pem,
        # Its controllers share one identity (no token of its own for each), so it may do all.
        client=plane.authority.issue(
            common_name="system:kube-controller-manager", organization="system:masters"
        ),
        user="system:kube-controller-manager",
    )
    return lease.start(
        f"{plane.name}-kube-controller-manager",
        [
            programs.path("kube-controller-manager"),
            f"--kubeconfig={kubeconfig}",
            f"--controllers={','.join(CONTROLLERS)}",
            f"--root-ca-file={directory / 'ca.crt'}",
            f"--service-account-private-key-file={directory / 'accounts.key'}",
            "--use-service-account-credentials=false",
            "--leader-elect=false",
            "--secure-port=0",
            "--kube-api-qps=500",
            "--kube-api-burst=1000",
            "--concurrent-namespace-syncs=20",
            "--concurrent-serviceaccount-token-syncs=5",
            "--profiling=false",
            "--v=1",
        ],
        env={**os.environ, **_GO_MANAGER},
        cwd=lease.directory,
    )
