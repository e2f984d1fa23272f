"""
Our controllers as Deployments: what each may do on its cluster, and nothing else.

Pure. Every rule stands for a request that a controller makes; `tests/integration/test_in_cluster`
runs scenarios with them and looks for refusals.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from harness.model.objects import Object
from harness.systems import deployment
from harness.systems.deployment import DATA, SETTINGS, Controller, Probes, Rule
from harness.systems.installation import FLUX_NAMESPACE

MANAGEMENT = "management-controllers"
ATTACHED = "attached-controllers"
ATTACHMENT = "attachment"
"""The account of an attached cluster that the management tier acts as."""

HOME = "kommander"
"""The namespace of our own controllers, and of the accounts that they use elsewhere."""

CONFIGURATION = "management.json"
AUTHORITY = "bootstrap-ca.pem"

_USER = 10001
"""The user of the image of the harness."""
_MEMORY = "512Mi"
_READY = f"{DATA}/ready"
_KUBECTL = "/usr/local/bin/kubectl"

_GET = ["get"]
_FOLLOW = ["list", "watch"]
_READ = ["get", *_FOLLOW]
_APPLY = ["create", "patch"]  # what a server-side apply asks for
_EVENTS: Rule = {"apiGroups": [""], "resources": ["events"], "verbs": _APPLY}

_SOURCES = "source.toolkit.fluxcd.io"
_KUSTOMIZATIONS = "kustomize.toolkit.fluxcd.io"
_RBAC = "rbac.authorization.k8s.io"

MANAGEMENT_RULES: Sequence[Rule] = (
    {
        "apiGroups": ["workspaces.kommander.mesosphere.io"],
        "resources": ["workspaces", "projects"],
        "verbs": [*_READ, "patch"],
    },
    {
        "apiGroups": ["workspaces.kommander.mesosphere.io"],
        "resources": ["workspaces/status", "projects/status"],
        "verbs": ["patch"],
    },
    {
        "apiGroups": ["kommander.mesosphere.io"],
        "resources": ["kommanderclusters"],
        "verbs": [*_READ, "patch"],
    },
    {
        "apiGroups": ["kommander.mesosphere.io"],
        "resources": ["kommanderclusters/status"],
        "verbs": ["patch"],
    },
    {
        "apiGroups": ["dispatch.d2iq.io"],
        "resources": ["gitopsrepositories"],
        "verbs": [*_READ, "patch", "delete"],
    },
    {
        "apiGroups": ["dispatch.d2iq.io"],
        "resources": ["gitopsrepositories/status"],
        "verbs": ["patch"],
    },
    {
        "apiGroups": ["core.kubefed.io"],
        "resources": ["kubefedclusters"],
        "verbs": [*_READ, *_APPLY, "delete"],
    },
    {
        "apiGroups": ["core.kubefed.io"],
        "resources": ["kubefedclusters/status"],
        "verbs": ["patch"],
    },
    {
        "apiGroups": ["types.kubefed.io"],
        "resources": ["federatednamespaces", "federatedsecrets"],
        "verbs": [*_READ, *_APPLY, "delete"],
    },
    {
        "apiGroups": ["types.kubefed.io"],
        "resources": ["federatednamespaces/status", "federatedsecrets/status"],
        "verbs": ["patch"],
    },
    {"apiGroups": [""], "resources": ["namespaces"], "verbs": [*_READ, *_APPLY, "delete"]},
    # Kubeconfigs of clusters, and the secrets that sources name.
    {"apiGroups": [""], "resources": ["secrets"], "verbs": _GET},
    _EVENTS,
)
"""The management tier on the management cluster."""

ATTACHMENT_RULES: Sequence[Rule] = (
    {
        "apiGroups": [""],
        "resources": ["namespaces", "secrets"],
        "verbs": [*_READ, *_APPLY, "update", "delete"],
    },
    {"apiGroups": [""], "resources": ["serviceaccounts"], "verbs": _APPLY},
    # The Role of a project allows what the management tier may not do itself (decision 1).
    {"apiGroups": [_RBAC], "resources": ["roles"], "verbs": [*_APPLY, "escalate", "bind"]},
    {"apiGroups": [_RBAC], "resources": ["rolebindings"], "verbs": _APPLY},
    {"apiGroups": [_SOURCES], "resources": ["gitrepositories"], "verbs": [*_APPLY, "delete"]},
    {
        "apiGroups": [_KUSTOMIZATIONS],
        "resources": ["kustomizations"],
        "verbs": [*_READ, *_APPLY, "delete"],
    },
    {"apiGroups": ["apiregistration.k8s.io"], "resources": ["apiservices"], "verbs": _FOLLOW},
)
"""The management tier on an attached cluster."""

ATTACHED_RULES: Sequence[Rule] = (
    *(
        rule
        for group, resource in (
            (_SOURCES, "gitrepositories"),
            (_KUSTOMIZATIONS, "kustomizations"),
        )
        for rule in (
            {"apiGroups": [group], "resources": [resource], "verbs": [*_READ, "patch"]},
            {"apiGroups": [group], "resources": [f"{resource}/status"], "verbs": ["patch"]},
        )
    ),
    {
        "apiGroups": [""],
        "resources": ["configmaps", "secrets", "serviceaccounts"],
        "verbs": _GET,
    },
    # All writing of what Git says is done in the name of the project's account.
    {"apiGroups": [""], "resources": ["serviceaccounts"], "verbs": ["impersonate"]},
    # Drift is seen by a watch on whatever kinds Git brings.
    {"apiGroups": ["*"], "resources": ["*"], "verbs": _FOLLOW},
    _EVENTS,
)
"""The attached tier on its cluster."""


def management(image: str, settings: Mapping[str, str], trusted: str, *, log: str) -> Controller:
    """The management tier; `settings` are its configuration and what that names."""
    return _ours(
        MANAGEMENT,
        HOME,
        log,
        image,
        ["management", "--config", f"{SETTINGS}/{CONFIGURATION}"],
        MANAGEMENT_RULES,
        trusted,
        settings,
    )


def attached(image: str, name: str, dialect: str, trusted: str, *, log: str) -> Controller:
    """The attached tier of the cluster of that name."""
    arguments = [
        "attached", "--name", name, "--storage", DATA, "--kubectl", _KUBECTL, "--dialect", dialect,
    ]  # fmt: skip
    return _ours(ATTACHED, FLUX_NAMESPACE, log, image, arguments, ATTACHED_RULES, trusted)


def attachment() -> list[Object]:
    """The account on an attached cluster that the management tier acts as."""
    return deployment.account(ATTACHMENT, HOME, ATTACHMENT_RULES)


def _ours(
    name: str,
    namespace: str,
    log: str,
    image: str,
    arguments: Sequence[str],
    rules: Sequence[Rule],
    trusted: str,
    settings: Mapping[str, str] | None = None,
) -> Controller:
    written = {"exec": {"command": ["test", "-e", _READY]}}
    fresh = f'test -n "$(find {_READY} -mmin -0.5)"'
    return Controller(
        name=name,
        namespace=namespace,
        log=log,
        image=image,
        arguments=["harness.controllers", *arguments, "--ready", _READY],
        account=deployment.account(name, namespace, rules),
        # It writes the file when its first lists are in, and touches it as long as it lives.
        probes=Probes(
            ready=written, alive={"exec": {"command": ["sh", "-c", fresh]}}, begun=written
        ),
        user=_USER,
        memory=_MEMORY,
        settings=settings or {},
        trusted=trusted,
    )
