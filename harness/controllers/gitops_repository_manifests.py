"""
The CD manifests of a source: one GitRepository and one Kustomization, both named like it; pure.

Each function here is one documented behaviour of the written manifests.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import yaml

from harness.controllers import gitops_repository_url
from harness.controllers import management_objects as kinds
from harness.model import manifest, objects
from harness.model.objects import Object

DEFAULT_BRANCH = "master"

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_REF_MEMBERS = ("branch", "tag", "semver", "commit")


@dataclass(frozen=True, slots=True)
class Pace:
    """How often and how long the written objects work."""

    source: str = "1m0s"
    kustomization: str = "1m0s"
    timeout: str = "20s"


@dataclass(frozen=True, slots=True)
class Remedies:
    """What is done so that the page's word holds although Flux alone would not keep it."""

    token_user: bool = True
    """A lone token gets a user name in the URL (decision 4)."""
    lift_before_delete: bool = True
    """A suspension is lifted before the deletion, or Flux keeps what it applied (decision 2)."""
    account: bool = True
    """Sources act as the project's account, which may not touch namespaces (decision 1)."""


REMEDIES = Remedies()
NO_REMEDIES = Remedies(token_user=False, lift_before_delete=False, account=False)


def manifests(
    source: Object, keys: Collection[str], pace: Pace, remedies: Remedies = REMEDIES
) -> list[Object]:
    """The two objects for a cluster on which the source's secret has these `keys`."""
    return [
        git_repository(source, keys, pace, remedies),
        kustomization(source, pace, remedies),
    ]


def git_repository(
    source: Object, keys: Collection[str], pace: Pace, remedies: Remedies = REMEDIES
) -> Object:
    """What is fetched, and with what."""
    url = objects.spec(source)["cloneUrl"]
    spec: dict[str, Any] = {
        "url": gitops_repository_url.with_user(url, keys) if remedies.token_user else url,
        "ref": ref(source),
        "interval": pace.source,
        "timeout": pace.timeout,
        "suspend": suspended_fetch(source),
    }
    if secret(source):
        spec["secretRef"] = {"name": secret(source)}
    return _object(kinds.FLUX_SOURCE, "GitRepository", source, spec)


def kustomization(source: Object, pace: Pace, remedies: Remedies = REMEDIES) -> Object:
    """What is applied of it, and as whom."""
    namespace = objects.namespace(source)
    spec: dict[str, Any] = {
        "path": path(source),
        "prune": prune(source),
        "sourceRef": {"kind": "GitRepository", "name": objects.name(source)},
        # Manifests without a namespace land in the project's. It also renames Namespace
        # manifests to the project's own: the account may not touch namespaces, so that is refused.
        "targetNamespace": namespace,
        "interval": pace.kustomization,
        "suspend": suspended_apply(source),
    }
    if remedies.account:
        spec["serviceAccountName"] = namespace
    return _object(kinds.FLUX_KUSTOMIZE, "Kustomization", source, spec)


def ref(source: Object) -> dict[str, str]:
    """The Git reference; the branch `master` when none is given."""
    given = _template(source).get("ref") or {}
    chosen = {key: given[key] for key in _REF_MEMBERS if given.get(key)}
    return chosen or {"branch": DEFAULT_BRANCH}


def path(source: Object) -> str:
    """The directory of the repository that is deployed; its root when none is given."""
    return str(_template(source).get("path") or "./")


def prune(source: Object) -> bool:  # noqa: ARG001 # a seam: every source prunes
    """Whether what disappears from Git disappears from the cluster."""
    return True


def secret(source: Object) -> str:
    """The name of the Secret, on the cluster, that gives access; empty for none."""
    return str(objects.spec(source).get("secret") or "")


def suspended(source: Object) -> bool:
    """Whether the user suspended the source."""
    return bool(_template(source).get("suspend"))


def suspended_fetch(source: Object) -> bool:
    """`suspend` of the GitRepository."""
    return suspended(source)


def suspended_apply(source: Object) -> bool:
    """`suspend` of the Kustomization: without it drift would still be corrected."""
    return suspended(source)


def text(manifests: list[Object]) -> str:
    """The file of the bootstrap repository that holds `manifests`."""
    return manifest.dump(*manifests)


def parsed(content: str) -> list[Object]:
    """The manifests that a file of the bootstrap repository holds."""
    documents = yaml.load_all(content, Loader=_LOADER)  # the safe one
    return [each for each in documents if isinstance(each, dict)]


def _template(source: Object) -> dict[str, Any]:
    return objects.spec(source).get("template") or {}


def _object(api_version: str, kind: str, source: Object, spec: dict[str, Any]) -> Object:
    metadata = {"name": objects.name(source), "namespace": objects.namespace(source)}
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, "spec": spec}
