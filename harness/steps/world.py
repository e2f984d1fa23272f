"""
What one scenario made and named: its project, repositories, secrets and sources.

Aliases are the names in the feature file; real names are random. Nothing is shared between
scenarios, so that they can run side by side.
"""

import base64
import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from harness import data
from harness.cluster.client import Cluster
from harness.cluster.errors import NotFound
from harness.errors import HarnessBug, Inconclusive, NotYet
from harness.gitserver.client import Repository
from harness.model import naming, oracle
from harness.model.naming import Names
from harness.model.objects import Object, Ref
from harness.observe.observer import Scope
from harness.render import kustomize, tree
from harness.steps import credentials
from harness.steps.bench import Bench
from harness.steps.credentials import Identity

PROJECT_API = "workspaces.kommander.mesosphere.io/v1alpha1"
SOURCE_API = "dispatch.d2iq.io/v1alpha2"
FEDERATED_API = "types.kubefed.io/v1beta1"
GIT_API = "source.toolkit.fluxcd.io/v1"
APPLY_API = "kustomize.toolkit.fluxcd.io/v1"
BRANCH = "main"

Files = Mapping[str, bytes]
Made = TypeVar("Made")


@dataclass(frozen=True, slots=True)
class Commit:
    """One commit of a repository: what it is called in the feature, its id, its whole tree."""

    label: str
    sha: str
    files: Files


@dataclass(slots=True)
class RepositoryUse:
    """A repository of the scenario."""

    alias: str
    name: str
    handle: Repository
    mapping: dict[str, str]
    """What stands in for the placeholders of its fixture."""
    commits: list[Commit] = field(default_factory=list)

    @property
    def head(self) -> Commit:
        """The newest commit on the branch that sources follow."""
        return self.commits[-1]

    def commit(self, label: str) -> Commit:
        """The commit of that label."""
        return next(c for c in self.commits if c.label == label)


@dataclass(slots=True)
class SecretUse:
    """A project secret: what it holds, cluster by cluster."""

    alias: str
    name: str
    values: dict[str, dict[str, str]] = field(repr=False)


@dataclass(slots=True)
class SourceUse:
    """A GitOps source of the scenario."""

    alias: str
    name: str
    namespace: str
    repository: RepositoryUse
    paths: list[str]
    """Its path, and before it those that it had earlier."""
    fields: dict[str, str] = field(default_factory=dict)
    """What the feature said of it: transport, secret."""
    since: float = 0.0
    """The moment that "nothing changes" counts from."""
    snapshot: dict[tuple[str, Ref], Object] = field(default_factory=dict)
    """What was on the clusters at that moment."""
    log_position: int = 0
    """The Git server's log at that moment."""
    seen_before: dict[str, set[Ref]] = field(default_factory=dict)
    """By cluster: what carried its owner labels before it was deleted."""

    @property
    def path(self) -> str:
        """The path that it has now."""
        return self.paths[-1]

    @property
    def ref(self) -> Ref:
        """The GitopsRepository on the management cluster."""
        return Ref(SOURCE_API, "GitopsRepository", self.name, self.namespace)


class World:
    """The state of one scenario."""

    def __init__(self, bench: Bench, salt: str) -> None:
        self.bench = bench
        self.names = Names(bench.seed, salt)
        self.projects: list[str] = []
        self.clusters = bench.project_clusters
        self.identities: dict[str, Identity] = credentials.identities(self.names, self.clusters)
        for text in self.secret_texts():
            bench.journal("secret", text)
        self.repositories: dict[str, RepositoryUse] = {}
        self.secrets: dict[str, SecretUse] = {}
        self.sources: dict[str, SourceUse] = {}
        self.variants: list[str] = []
        self.output: dict[str, str] = {}
        self.command = ""
        """The documented command that the output is of."""
        self.own_object: Ref | None = None
        self.refused: str | None = None
        """The one cluster of the project that a repository refuses."""
        self.barriers = 0
        self.pods: dict[str, set[tuple[str, str]]] = {}
        """By source: cluster and uid of each pod of its application, when it was last seen run."""
        self._scope: Scope | None = None
        self._expected: dict[tuple[str, str, str], oracle.Expectation] = {}

    # -- what was made ------------------------------------------------------------------------

    @property
    def scope(self) -> Scope:
        """The project namespace, as the observer sees it."""
        if self._scope is None:
            raise HarnessBug("This scenario has no project yet; begin with `Given a project`.")
        return self._scope

    @scope.setter
    def scope(self, scope: Scope) -> None:
        self._scope = scope

    @property
    def has_scope(self) -> bool:
        """Whether the scenario got as far as a project namespace."""
        return self._scope is not None

    @property
    def namespace(self) -> str:
        """The project namespace, the same on every cluster."""
        return self.scope.namespace

    def repository(self, alias: str) -> RepositoryUse:
        """A repository by its name in the feature."""
        return _known(self.repositories, alias, "repository")

    def secret(self, alias: str) -> SecretUse:
        """A project secret by its name in the feature."""
        return _known(self.secrets, alias, "secret")

    def source(self, alias: str) -> SourceUse:
        """A GitOps source by its name in the feature."""
        return _known(self.sources, alias, "GitOps source")

    def cluster(self, name: str) -> Cluster:
        """A cluster of the fleet."""
        return self.bench.attached[name]

    def secret_texts(self) -> list[str]:
        """Everything that must never be seen outside the secrets themselves."""
        return [text for identity in self.identities.values() for text in identity.secrets()]

    # -- repositories -------------------------------------------------------------------------

    def create_repository(self, alias: str, demand: str, *, deep: bool = False) -> RepositoryUse:
        """A repository with the first commit of its fixture, asking for `demand`."""
        files = _fixture(alias)["v1"]
        name = self.names.repository()
        if deep:
            name = f"{self.names.word('organization')}/{name}"
        handle = self.bench.git.create_repository(
            name, access=credentials.access(demand, self.identities)
        )
        use = RepositoryUse(alias, name, handle, self._given())
        self.repositories[alias] = use
        self._push(use, "v1", files)
        return use

    def push(self, alias: str, label: str, *, branch: str = BRANCH) -> Commit:
        """The next commit of a repository's fixture."""
        use = self.repository(alias)
        files = _fixture(alias)[label]
        return self._push(use, label, files, branch=branch)

    def push_files(self, alias: str, label: str, changed: Files) -> Commit:
        """A commit that adds or changes single files of the newest tree."""
        use = self.repository(alias)
        return self._push(use, label, {**use.head.files, **changed}, substituted=True)

    def _push(
        self,
        use: RepositoryUse,
        label: str,
        files: Files,
        *,
        branch: str = BRANCH,
        substituted: bool = False,
    ) -> Commit:
        ready = files if substituted else self._substituted(use, files)
        sha = use.handle.commit(files=ready, message=f"Deploy {label}", branch=branch, replace=True)
        commit = Commit(label, sha, ready)
        if branch == BRANCH:
            use.commits.append(commit)
        return commit

    def _given(self) -> dict[str, str]:
        """The placeholders that are not free to choose."""
        return {
            "source": self.names.source(),
            "namespace": self.namespace,
            # The account of a project is called like its namespace (requirements.md, A-22).
            "account": self.namespace,
            "kustomization_version": APPLY_API.rpartition("/")[2],
            **dict(zip(("image", "image_b"), self.bench.workload_images, strict=False)),
        }

    def _substituted(self, use: RepositoryUse, files: Files) -> Files:
        use.mapping = self.names.values(naming.placeholders_of(files), **use.mapping)
        return naming.substitute_files(files, use.mapping)

    # -- expectation --------------------------------------------------------------------------

    def expected(
        self, source: SourceUse, commit: Commit | None = None, path: str | None = None
    ) -> oracle.Expectation:
        """What the oracle says must be on a cluster; by default at the newest commit, its path."""
        commit = commit or source.repository.head
        path = path or source.path
        key = (source.name, commit.sha, path)
        if key not in self._expected:
            self._expected[key] = oracle.expect(
                commit.files,
                path,
                owner=oracle.Owner(source.name, source.namespace),
                render=kustomize.renderer(self.bench.kubectl),
            )
        return self._expected[key]

    def every_ref(self, source: SourceUse) -> set[Ref]:
        """The objects of every commit of a source that can be built, at every path it had."""
        refs: set[Ref] = set()
        for commit in source.repository.commits:
            for path in source.paths:
                with contextlib.suppress(oracle.Unbuildable):
                    refs.update(self.expected(source, commit, path).refs)
        return refs

    # -- acting -------------------------------------------------------------------------------

    def apply_secret(self, alias: str, phrases: Mapping[str, str], namespace: str) -> SecretUse:
        """A FederatedSecret manifest, applied to the project namespace as a user would."""
        use = self.secret_use(alias)
        use.values = credentials.values(phrases, self.identities, self.bench.git.endpoints)
        self.bench.management.apply(
            federated_secret(use, namespace), field_manager="kubectl-client-side-apply"
        )
        return use

    def secret_use(self, alias: str) -> SecretUse:
        """A project secret, named now if it does not exist yet."""
        if alias not in self.secrets:
            self.secrets[alias] = SecretUse(alias, self.names.secret(), {})
        return self.secrets[alias]

    def settle(self, alias: str) -> None:
        """Count "nothing changes" of a source from now on."""
        source = self.source(alias)
        source.since = self.scope.now()
        source.log_position = self.bench.git.position()
        source.snapshot = {
            (cluster, ref): obj
            for cluster in self.clusters
            for ref in self.every_ref(source)
            if (obj := self.scope.lookup(cluster, ref)) is not None
        }

    def remove(self) -> None:
        """Ask for the removal of all that the scenario made; the run waits for it at its end."""
        management = self.bench.management
        for source in self.sources.values():
            for namespace in {source.namespace, self.bench.workspace}:
                with contextlib.suppress(NotFound):
                    management.delete(Ref(SOURCE_API, "GitopsRepository", source.name, namespace))
        for project in self.projects:
            with contextlib.suppress(NotFound):
                management.delete(Ref(PROJECT_API, "Project", project, self.bench.workspace))
        for repository in self.repositories.values():
            repository.handle.clear_fault()

    def given(self, what: str, error: NotYet) -> Inconclusive:
        """The verdict when a scenario's starting point could not be reached."""
        return Inconclusive("precondition", f"{what} could not be reached: {error}")


def federated_secret(use: SecretUse, namespace: str) -> Object:
    """The manifest: the first cluster's values as template, the others' as overrides."""
    encoded = {c: {k: _base64(v) for k, v in data.items()} for c, data in use.values.items()}
    first, *rest = encoded
    overrides: list[dict[str, Any]] = [
        {
            "clusterName": cluster,
            "clusterOverrides": [
                {"op": "replace", "path": "/data", "value": encoded[cluster]},
            ],
        }
        for cluster in rest
        if encoded[cluster] != encoded[first]
    ]
    return {
        "apiVersion": FEDERATED_API,
        "kind": "FederatedSecret",
        "metadata": {"name": use.name, "namespace": namespace},
        "spec": {
            "placement": {"clusterSelector": {}},
            "template": {"data": encoded[first]},
            **({"overrides": overrides} if overrides else {}),
        },
    }


def _fixture(alias: str) -> dict[str, tree.Files]:
    return tree.commits(data.path("fixtures", "repositories", alias))


def _known(made: Mapping[str, Made], alias: str, kind: str) -> Made:
    if alias not in made:
        raise HarnessBug(f'This scenario has no {kind} "{alias}"; it has {sorted(made)}.')
    return made[alias]


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
