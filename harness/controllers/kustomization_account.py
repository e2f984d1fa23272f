"""
In whose name a Kustomization writes to the cluster.

The account that its spec names; else the default one where that exists; else the controller's own.
"""

from __future__ import annotations

from harness.cluster.client import Cluster
from harness.model import objects
from harness.model.objects import Object, Ref


class Accounts:
    """Clusters as service accounts see them."""

    def __init__(self, cluster: Cluster, *, default: str) -> None:
        self._cluster = cluster
        self._default = default
        """Name of the account where the spec names none; `{namespace}` stands for the namespace."""

    def named(self, kustomization: Object) -> str | None:
        """The account to write in the name of; None for the controller's own identity."""
        if name := objects.spec(kustomization).get("serviceAccountName"):
            return str(name)
        namespace = objects.namespace(kustomization) or ""
        name = self._default.replace("{namespace}", namespace)
        return name if name and self.exists(kustomization, name) else None

    def exists(self, kustomization: Object, name: str) -> bool:
        """Whether the cluster has that account."""
        namespace = objects.namespace(kustomization)
        return self._cluster.find(Ref("v1", "ServiceAccount", name, namespace)) is not None

    def cluster(self, kustomization: Object, account: str | None) -> Cluster:
        """The cluster, asked in the name of the account."""
        if account is None:
            return self._cluster
        return self._cluster.impersonate(user(kustomization, account))


def user(kustomization: Object, account: str) -> str:
    """The user name of a service account in the namespace of the Kustomization."""
    return f"system:serviceaccount:{objects.namespace(kustomization)}:{account}"
