"""
The provider `given`: clusters that somebody else made and runs, by their kubeconfigs.

None is created and none deleted. Each is claimed while it is used (`claims`), and is afterwards as
it was before. What runs on the clusters is no business of this module.
"""

import contextlib
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

from harness.cluster import claims, client, fleet, kubeconfig_file, providing
from harness.cluster.client import Cluster
from harness.cluster.errors import ApiError, ClusterError, Unreachable
from harness.errors import SetupError, UsageError
from harness.model import objects
from harness.model.objects import Ref

NAME = "given"
SUFFIX = ".kubeconfig"

_MEMBER = re.compile(r"[a-z0-9]([-a-z0-9]{0,38}[a-z0-9])?")
_UNAUTHORIZED = 401

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Given:
    """One cluster: what we call it, the user's file, and ours."""

    name: str
    source: Path
    kubeconfig: Path

    def connect(self) -> Cluster:
        return client.connect(self.kubeconfig, name=self.name)


def members(folder: Path) -> tuple[str, ...]:
    """The clusters of a folder of kubeconfigs, the management cluster first."""
    found = sorted(
        path.name.removesuffix(SUFFIX) for path in folder.glob(f"*{SUFFIX}") if path.is_file()
    )
    if providing.MANAGEMENT not in found or len(found) < 2:
        what = ", ".join(f"{name}{SUFFIX}" for name in found) or "nothing"
        raise UsageError(
            f"--kubeconfigs {folder} holds {what}: it needs {providing.MANAGEMENT}{SUFFIX} and one "
            f"file for each attached cluster, such as c1{SUFFIX}."
        )
    for name in found:
        if not _MEMBER.fullmatch(name):
            raise UsageError(
                f"--kubeconfigs: {folder / name}{SUFFIX} names a cluster {name!r}; a name has "
                "small letters, digits and dashes, at most 40 of them."
            )
    found.remove(providing.MANAGEMENT)
    return (providing.MANAGEMENT, *found)


def check(request: providing.Request) -> None:
    """Raise when a cluster cannot be reached, may not be used, or is not free for the suite."""
    with TemporaryDirectory(prefix="gitops-conformance-") as directory:
        found = _adopted(_folder(request), Path(directory))
        identities = _on_all(found, _checked)
    seen: dict[str, str] = {}
    for each, identity in zip(found, identities, strict=True):
        if identity in seen:
            raise SetupError(
                f"{seen[identity]} and {each.source} are the same cluster; each needs its own."
            )
        seen[identity] = str(each.source)


@contextlib.contextmanager
def lend(
    binaries: providing.Programs,  # noqa: ARG001 - as every provider
    lease: fleet.Lease,
    request: providing.Request,
) -> Iterator[fleet.Fleet]:
    """The clusters, claimed; given back as they were when the block ends, unless they stay."""
    try:
        yield _claim(lease, request)
    except BaseException:
        lease.give_up()
        raise
    if lease.mode == "run":
        lease.stop()


def _claim(lease: fleet.Lease, request: providing.Request) -> fleet.Fleet:
    found = _adopted(_folder(request), lease.directory)
    held = claims.record(lease.directory, {each.name: each.kubeconfig for each in found})
    request.tell(f"claiming {len(found)} clusters")
    lease.start("claims", [sys.executable, "-m", "harness.cluster.claim_keeper", lease.directory])

    def take(each: _Given) -> fleet.Member:
        with contextlib.closing(each.connect()) as cluster:
            claims.take(cluster, held.holder, request.tell)
            return fleet.Member(each.name, each.kubeconfig, each.name, cluster.server_version())

    management, *attached = _on_all(found, take)
    made = fleet.Fleet(management, tuple(attached), lease.directory)
    kubeconfig_file.merge([member.kubeconfig for member in made.members], made.kubeconfig)
    lease.record(made)
    if request.meanwhile:
        request.meanwhile()
    return made


def _folder(request: providing.Request) -> Path:
    if request.kubeconfigs is None:
        raise UsageError(
            "--clusters given needs --kubeconfigs DIR, with one file for each cluster."
        )
    return request.kubeconfigs


def _adopted(folder: Path, directory: Path) -> list[_Given]:
    """Copies of the kubeconfigs, with our names and nothing beside them that they need."""
    made = []
    for name in members(folder):
        source, home = folder / f"{name}{SUFFIX}", directory / name
        home.mkdir(mode=0o700)
        made.append(_Given(name, source, kubeconfig_file.adopt(source, home / "kubeconfig", name)))
    return made


def _on_all(found: Sequence[_Given], task: Callable[[_Given], T]) -> list[T]:
    """On all at once; the first failure, as a sentence that names the user's file, is raised."""

    def explained(each: _Given) -> T:
        try:
            return task(each)
        except ClusterError as error:
            raise SetupError(_explained(each, error)) from error

    with ThreadPoolExecutor(len(found)) as pool:
        return list(pool.map(explained, found))


def _checked(each: _Given) -> str:
    """What tells the cluster from others, once nothing stands against its use."""
    with contextlib.closing(each.connect()) as cluster:
        if not _may_do_all(cluster):
            raise SetupError(
                f"The account of {each.source} may not do all on {each.name} (`kubectl auth can-i "
                "'*' '*'` says no); the suite installs kinds, roles and namespaces, and grants "
                "what it has: give it the role cluster-admin."
            )
        if why := claims.obstacle(cluster):
            raise SetupError(why)
        return objects.uid(cluster.get(Ref("v1", "Namespace", "kube-system")))


def _may_do_all(cluster: Cluster) -> bool:
    everything = {"verb": "*", "group": "*", "resource": "*"}
    answer = cluster.create(
        {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "metadata": {},
            "spec": {"resourceAttributes": everything},
        }
    )
    return bool(objects.status(answer).get("allowed"))


def _explained(each: _Given, error: ClusterError) -> str:
    if isinstance(error, Unreachable):
        return (
            f"{error} - the address in {each.source} must be reachable from where this runs, and "
            "its certificate must be of the authority in that file."
        )
    if isinstance(error, ApiError) and error.status == _UNAUTHORIZED:
        return f"{each.name} does not accept the credentials in {each.source}: {error}"
    return f"{each.name} ({each.source}): {error}"
