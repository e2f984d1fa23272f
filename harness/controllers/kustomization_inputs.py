"""
What a Kustomization is made of: its source's archive, the Kustomizations before it, its values.

Each question raises Failure with what the conditions are to say when the answer is missing.
"""

from __future__ import annotations

import base64
from typing import Any, Final

from harness.cluster.client import Cluster
from harness.controllers import attached_fields as fields
from harness.controllers.artifact import Tree
from harness.controllers.attached_fields import Failure
from harness.controllers.attached_objects import Objects
from harness.controllers.kustomization_artifact import Downloads
from harness.controllers.runtime import Key
from harness.model import conditions, objects
from harness.model.objects import Object, Ref

DEPENDENCY_NOT_READY: Final = "DependencyNotReady"
ARTIFACT_FAILED: Final = "ArtifactFailed"
SOON: Final = 2.0
"""Until the next attempt when something else has to come first (Flux: --requeue-dependency)."""


class Inputs:
    """Answers from what is watched, and from the source's file server."""

    def __init__(self, cluster: Cluster, sources: Objects, kustomizations: Objects) -> None:
        self._cluster = cluster
        self._sources = sources
        self._kustomizations = kustomizations
        self._downloads = Downloads()

    def artifact(self, kustomization: Object) -> dict[str, Any]:
        """What the source offers now."""
        kind = objects.spec(kustomization)["sourceRef"]["kind"]
        key = fields.source_key(kustomization)
        source = self._sources.get(key) if kind == "GitRepository" else None
        if source is None:
            raise _failed(f'{kind}.{fields.SOURCE_GROUP} "{key.name}" not found')
        offered = objects.status(source).get("artifact")
        if not offered:
            raise _failed(f"Source artifact not found, retrying in {SOON:.0f}s")
        return dict(offered)

    def tree(self, offered: dict[str, Any]) -> Tree:
        """The content of the archive."""
        return self._downloads.get(offered)

    def check_dependencies(self, kustomization: Object, revision: str) -> None:
        """Refuse to go on before the Kustomizations that this one depends on."""
        for item in objects.spec(kustomization).get("dependsOn") or []:
            namespace = item.get("namespace") or objects.namespace(kustomization) or ""
            key = Key(namespace, item["name"])
            other = self._kustomizations.get(key)
            if problem := dependency_problem(kustomization, key, other, revision):
                raise Failure(DEPENDENCY_NOT_READY, problem)

    def values(self, kustomization: Object) -> dict[str, str]:
        """The values for variables; those written in the spec win."""
        post_build = objects.spec(kustomization).get("postBuild") or {}
        found: dict[str, str] = {}
        for item in post_build.get("substituteFrom") or []:
            found.update(self._values_from(item, objects.namespace(kustomization)))
        return {**found, **(post_build.get("substitute") or {})}

    def _values_from(self, item: Object, namespace: str | None) -> dict[str, str]:
        holder = self._cluster.find(Ref("v1", item["kind"], item["name"], namespace))
        if holder is None:
            if item.get("optional"):
                return {}
            where = f"'{item['kind']}/{item['name']}'"
            raise Failure("BuildFailed", f"substitute from {where} error: not found")
        data = holder.get("data") or {}
        if item["kind"] == "ConfigMap":
            return dict(data)
        return {name: base64.b64decode(value).decode() for name, value in data.items()}


def dependency_problem(
    kustomization: Object, key: Key, other: Object | None, revision: str
) -> str | None:
    """Why a dependency holds this Kustomization up, or None."""
    if other is None:
        return (
            f"dependency '{key}' not found: "
            f'{"Kustomization." + fields.KUSTOMIZE_GROUP} "{key.name}" not found'
        )
    ready = conditions.find(other, "Ready") or {}
    if not fields.is_current(other) or ready.get("status") != "True":
        return f"dependency '{key}' is not ready"
    same_source = fields.source_key(other) == fields.source_key(kustomization)
    if same_source and objects.status(other).get("lastAppliedRevision") != revision:
        return f"dependency '{key}' revision is not up to date"
    return None


def depends_on_the_cluster(kustomization: Object) -> bool:
    """Whether the build takes values from objects that may change at any time."""
    return bool((objects.spec(kustomization).get("postBuild") or {}).get("substituteFrom"))


def _failed(message: str) -> Failure:
    return Failure(ARTIFACT_FAILED, message)
