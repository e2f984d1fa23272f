"""
Claims: who uses a cluster that somebody else made, and what is to be removed when they are done.

A claim is a namespace with a Lease of the coordination API in it, as controllers elect their
leader: who makes the namespace has the cluster, and renews the Lease while it lives. A claim that
nobody renews is of a run that was killed; the next run takes it over, removes what that run has
installed, and claims the cluster anew. Claims are recorded in the directory of their fleet before
they are made, so that whoever ends the fleet gives the clusters back (as `holdings` for Docker).
"""

import contextlib
import json
import logging
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from harness.cluster import client, removal, statefile
from harness.cluster.client import Cluster
from harness.cluster.errors import AlreadyExists, ApiError, ClusterError
from harness.errors import SetupError
from harness.kit.clock import SYSTEM
from harness.model import installed, objects
from harness.model.objects import Object, Ref

NAMESPACE = "gitops-conformance-run"
LASTS = 30
"""Seconds without a renewal after which a claim is of the dead."""

_RENEWAL = 5.0
_HOLDER = "gitops-conformance/holder"
_SPARED = "gitops-conformance/spared"
_FILE = "claims.json"
_LEASE = Ref("coordination.k8s.io/v1", "Lease", "run", NAMESPACE)
_HOME = Ref("v1", "Namespace", NAMESPACE)
_MANAGER = "gitops-conformance-setup"

_log = logging.getLogger(__name__)

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Claims:
    """Whose claims they are, and on which clusters (name -> kubeconfig)."""

    holder: str
    clusters: Mapping[str, Path]

    def connected(self) -> list[Cluster]:
        """The clusters; no request is made yet."""
        return [client.connect(path, name=name) for name, path in self.clusters.items()]


def record(directory: Path, clusters: Mapping[str, Path]) -> Claims:
    """A new holder's claims, kept before anything exists."""
    made = Claims(f"{socket.gethostname()}/{directory.name}", dict(clusters))
    content = {"holder": made.holder, "clusters": {n: str(p) for n, p in clusters.items()}}
    statefile.write(directory / _FILE, content)
    return made


def read(directory: Path) -> Claims | None:
    """What is recorded there, if anything."""
    content = statefile.read(directory / _FILE)
    if content is None:
        return None
    paths = {name: Path(path) for name, path in content["clusters"].items()}
    return Claims(content["holder"], paths)


def release(directory: Path) -> list[str]:
    """Give the clusters back as they were; say what was removed. SetupError where that fails."""
    held = read(directory)
    if held is None:
        return []
    clusters = held.connected()
    with renewed(held), ThreadPoolExecutor(len(clusters)) as pool:
        given_back = list(pool.map(lambda cluster: _attempt(cluster, held.holder), clusters))
    failures = [each for each in given_back if isinstance(each, Exception)]
    if failures:
        raise SetupError(
            f"What was installed could not be removed everywhere; `gitops-conformance down` or the "
            f"next start tries again (if the clusters are no more, delete {directory}): "
            f"{'; '.join(map(str, failures))}"
        )
    (directory / _FILE).unlink(missing_ok=True)
    return [line for each in given_back if isinstance(each, list) for line in each]


def _attempt(cluster: Cluster, holder: str) -> list[str] | Exception:
    """One cluster's failure must not keep the others."""
    try:
        return _give_back(cluster, holder)
    except (ClusterError, SetupError) as error:
        return error
    finally:
        cluster.close()


def take(cluster: Cluster, holder: str, tell: Tell) -> None:
    """
    Claim a cluster; SetupError when somebody else uses it.

    What a dead run has left there is removed first, for which its claim is waited out.
    """
    if (home := cluster.find(_HOME)) is not None:
        _inherit(cluster, home, holder, tell)
    spared = [installed.told(Ref.of(obj)) for obj in removal.removable(cluster)]
    try:
        cluster.create(_home(holder, spared), field_manager=_MANAGER)
        cluster.create(_lease(holder), field_manager=_MANAGER)
    except AlreadyExists:
        raise SetupError(_in_use(cluster, cluster.find(_LEASE))) from None
    if why := _occupied(cluster):  # by what was made since it was looked at
        raise SetupError(why)


def obstacle(cluster: Cluster) -> str | None:
    """Why a cluster that nobody has claimed cannot be; None when it can, or when it is claimed."""
    home = cluster.find(_HOME)
    if home is not None:
        if installed.is_marked(home):
            return None
        return (
            f"{cluster.name} has a namespace {NAMESPACE} that is not of this suite, which needs "
            "the name: rename yours, or take another cluster."
        )
    return _occupied(cluster)


def _occupied(cluster: Cluster) -> str | None:
    """Whose installation is in the way of ours."""
    there = [obj for obj in removal.removable(cluster) if installed.in_the_way(obj)]
    if not there:
        return None
    names = ", ".join(installed.told(Ref.of(obj)) for obj in there[:3])
    more = f" and {len(there) - 3} more" if len(there) > 3 else ""
    return (
        f"{cluster.name} has {names}{more} already, of another system or an earlier installation: "
        "the suite must install its own and would remove them. Take a cluster without Flux and "
        "Kommander, or remove them with `kubectl delete`."
    )


@contextlib.contextmanager
def renewed(held: Claims) -> Iterator[None]:
    """The claims are renewed, as far as they are still held, until the block ends."""
    ended = threading.Event()
    threads = [
        threading.Thread(target=_renew, args=(cluster, held.holder, ended), daemon=True)
        for cluster in held.connected()
    ]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        ended.set()


def _renew(cluster: Cluster, holder: str, ended: threading.Event) -> None:
    while True:
        with contextlib.suppress(ClusterError):  # not there yet, no more, or not reached just now
            cluster.patch(_LEASE, _renewal(holder), kind="json")
        if ended.wait(_RENEWAL):
            cluster.close()
            return


def _give_back(cluster: Cluster, holder: str) -> list[str]:
    """Remove what a holder installed, and its claim; nothing where it has none (any more)."""
    home, lease = cluster.find(_HOME), cluster.find(_LEASE)
    if home is None or not installed.is_marked(home):
        return []
    # Who has made the namespace a moment ago has no Lease yet; who takes a claim over has one.
    claimed = objects.spec(lease)["holderIdentity"] if lease else objects.annotations(home)[_HOLDER]
    return _clear(cluster, home) if claimed == holder else []


def _clear(cluster: Cluster, home: Object) -> list[str]:
    spared = json.loads(objects.annotations(home).get(_SPARED) or "[]")
    removed = removal.remove(cluster, [*spared, installed.told(_HOME)])
    removal.delete(cluster, [_HOME])
    return [f"{each} of {cluster.name}" for each in removed]


def _inherit(cluster: Cluster, home: Object, holder: str, tell: Tell) -> None:
    """Remove what a dead run left; SetupError when it lives."""
    if objects.deleting(home):  # all else is removed by then
        removal.delete(cluster, [_HOME])
        return
    tell(f"{cluster.name} is claimed already; seeing whether that run is alive (at most {LASTS} s)")
    lease = _silent(cluster)
    try:
        if lease is None:
            cluster.create(_lease(holder), field_manager=_MANAGER)
        else:
            cluster.patch(_LEASE, _takeover(lease, holder), kind="json")
    except ApiError as error:
        raise SetupError(f"{_in_use(cluster, cluster.find(_LEASE))} ({error})") from None
    for line in _clear(cluster, home):
        _log.info("removed %s", line)
    tell(f"removed what a killed run had left on {cluster.name}")


def _silent(cluster: Cluster) -> Object | None:
    """The Lease, which nobody has renewed for as long as it lasts; SetupError if somebody does."""
    listing = cluster.list(_LEASE.api_version, _LEASE.kind, NAMESPACE)
    known = next((each for each in listing.items if objects.name(each) == _LEASE.name), None)
    for event, obj in cluster.watch(
        _LEASE.api_version, _LEASE.kind, NAMESPACE,
        resource_version=listing.resource_version, timeout=LASTS,
    ):  # fmt: skip
        if event == "DELETED":
            known = None
        elif event != "BOOKMARK":
            raise SetupError(_in_use(cluster, obj))
    return known


def _in_use(cluster: Cluster, lease: Object | None) -> str:
    spec = objects.spec(lease or {})
    return (
        f"{cluster.name} is in use by the run {spec.get('holderIdentity', 'that has just begun')} "
        f"since {spec.get('acquireTime', 'now')}, and two would disturb each other: wait for its "
        "end, or take another cluster."
    )


def _home(holder: str, spared: list[str]) -> Object:
    annotations = {_HOLDER: holder, _SPARED: json.dumps(spared)}
    return installed.marked(
        {
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {"name": NAMESPACE, "annotations": annotations},
        }
    )


def _lease(holder: str) -> Object:
    now = _now()
    return {
        "apiVersion": _LEASE.api_version,
        "kind": _LEASE.kind,
        "metadata": {"name": _LEASE.name, "namespace": NAMESPACE},
        "spec": {
            "holderIdentity": holder,
            "leaseDurationSeconds": LASTS,
            "acquireTime": now,
            "renewTime": now,
        },
    }


def _renewal(holder: str) -> list[Object]:
    # The server compares and writes at once: a claim that was taken over stays so.
    return [
        {"op": "test", "path": "/spec/holderIdentity", "value": holder},
        {"op": "replace", "path": "/spec/renewTime", "value": _now()},
    ]


def _takeover(lease: Object, holder: str) -> list[Object]:
    version = lease["metadata"]["resourceVersion"]
    return [
        {"op": "test", "path": "/metadata/resourceVersion", "value": version},
        {"op": "replace", "path": "/spec/holderIdentity", "value": holder},
        {"op": "replace", "path": "/spec/renewTime", "value": _now()},
    ]


def _now() -> str:
    """Now, as the API writes a MicroTime."""
    return SYSTEM.now().strftime("%Y-%m-%dT%H:%M:%S.%fZ")
