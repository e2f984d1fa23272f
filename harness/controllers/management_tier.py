"""
The management tier around one management cluster: its controllers, and who is woken by what.

Only wiring: what is reconciled and how belongs to the modules of the kinds.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping

from harness.cluster.client import Cluster
from harness.cluster.reflector import Change, Reflector
from harness.controllers import attachment_members, federation, project_objects
from harness.controllers import bootstrap_layout as layout
from harness.controllers import management_objects as kinds
from harness.controllers.attachment import Attachment
from harness.controllers.attachment_members import Members
from harness.controllers.bootstrap import Bootstrap, BootstrapError
from harness.controllers.federation_copies import Sort
from harness.controllers.federation_sync import Sync
from harness.controllers.gitops_repository import GitopsRepositories
from harness.controllers.management_changes import KeysOf, appeared, gone, spec_moved, when
from harness.controllers.management_settings import Settings
from harness.controllers.project import ProjectController
from harness.controllers.project_removal import Copies
from harness.controllers.project_view import Projects
from harness.controllers.project_workspace import Workspaces
from harness.controllers.runtime import Backoff, Controller, Key, Manager, Retry, feed, own_key
from harness.controllers.status import Events
from harness.model import objects
from harness.model.objects import Object

FEDERATION_COMPONENT = "federatedsecret-controller"


class Tier:
    """All controllers of the management tier around one management cluster."""

    def __init__(self, cluster: Cluster, configuration: Settings) -> None:
        self._cluster = cluster
        self._settings = configuration
        self._manager = Manager()
        self._listeners: defaultdict[str, list[kinds.Listener]] = defaultdict(list)
        self._members = Members()
        self._push_listeners: list[Callable[[layout.Place], None]] = []
        self._pokes = Controller("poke", self._poke, workers=4)
        self._bootstrap = Bootstrap(
            configuration.remote, configuration.directory / "bootstrap.git", on_push=self._pushed
        )
        self._copies = Copies(
            projects=self._reflect(kinds.WORKSPACES, "Project"),
            namespaces=self._reflect("v1", "Namespace"),
            federated_namespaces=self._reflect(kinds.KUBEFED_TYPES, "FederatedNamespace"),
            sources=self._reflect(kinds.DISPATCH, "GitopsRepository"),
            federated_secrets=self._reflect(kinds.KUBEFED_TYPES, "FederatedSecret"),
        )
        self._view = Projects(self._copies.projects)
        self._beginning = Controller("bootstrap", self._begin, workers=1, backoff=_backoff())
        self._manager.add(self._beginning)
        self._wire_clusters()
        self._wire_projects()
        self._wire_federation()
        self._wire_sources()

    def start(self) -> None:
        """Start everything; returns when the first lists are in."""
        namespace = {"name": kinds.FEDERATION_NAMESPACE}
        self._cluster.apply(
            {"apiVersion": "v1", "kind": "Namespace", "metadata": namespace},
            field_manager=kinds.MANAGER,
        )
        self._bootstrap.start()
        self._beginning.queue.add(Key("", "beginning"))
        self._manager.start()

    def stop(self) -> None:
        """Stop everything."""
        self._manager.stop()
        self._members.stop()
        self._bootstrap.stop()

    # -- wiring ----------------------------------------------------------------------------

    def _reflect(self, api_version: str, kind: str, namespace: str | None = None) -> Reflector:
        def tell(change: Change) -> None:
            for listener in self._listeners[kind]:
                listener(change)

        reflector = Reflector(self._cluster, api_version, kind, namespace, on_change=tell)
        self._manager.add(reflector)
        return reflector

    def _on(self, kind: str, controller: Controller, keys: KeysOf) -> None:
        self._listeners[kind].append(feed(controller.queue, keys))

    def _wire_clusters(self) -> None:
        workspaces = self._reflect(kinds.WORKSPACES, "Workspace")
        reconciler = Workspaces(self._cluster, workspaces)
        controller = Controller("workspace", reconciler.reconcile, workers=1)
        self._on("Workspace", controller, when(spec_moved, own_key))

        attached = self._reflect(kinds.KOMMANDER, "KommanderCluster")
        self._reflect(kinds.KUBEFED_CORE, "KubeFedCluster", kinds.FEDERATION_NAMESPACE)
        attachment = Attachment(
            self._cluster,
            attached,
            self._members,
            self._settings.upstream,
            health_interval=self._settings.health_interval,
        )
        attachments = Controller("attachment", attachment.reconcile, workers=8)
        self._on("KommanderCluster", attachments, attachment.keys_of)
        self._on("KubeFedCluster", attachments, attachment.keys_of)
        self._members.on_suspect(lambda name: _add(attachments, attachment.keys(name)))
        # What was pushed while a cluster could not be told of it.
        self._members.on_change(lambda name: self._pushed(self._bootstrap.places(name)))
        self._manager.add(controller, attachments, self._pokes)

    def _wire_projects(self) -> None:
        projects = ProjectController(
            self._cluster,
            self._copies,
            self._view,
            self._members,
            self._bootstrap,
            self._settings.upstream,
            interval=self._settings.project_interval,
        )
        controller = Controller("project", projects.reconcile, workers=8, backoff=_backoff())
        self._on("Project", controller, when(spec_moved, own_key))
        for kind in ("Namespace", "FederatedNamespace"):
            self._on(
                kind, controller, lambda change: self._view.key_of(objects.name(change.object))
            )
        for kind in ("GitopsRepository", "FederatedSecret"):
            self._on(kind, controller, when(gone, self._project_of))
        self._members.on_change(lambda _: _add(controller, self._view.keys()))
        on_member = feed(controller.queue, projects.keys_of_member_change)
        self._push_listeners.append(lambda place: _add(controller, projects.keys_of_push(place)))
        self._members.watch("apiregistration.k8s.io/v1", "APIService", on_member)
        self._members.watch("v1", "Namespace", on_member, labels=f"{federation.MANAGED}=true")
        self._members.watch(kinds.FLUX_KUSTOMIZE, "Kustomization", on_member)
        self._manager.add(controller)

    def _wire_federation(self) -> None:
        namespaces = self._sync(
            self._copies.federated_namespaces,
            Sort(
                "Namespace", federation.namespace_copy, federation.selected_namespace, adopts=False
            ),
        )
        secrets = self._sync(
            self._copies.federated_secrets,
            Sort("Secret", federation.secret_copy, self._where_secret, adopts=True),
        )
        self._on("FederatedNamespace", namespaces, when(spec_moved, own_key))
        self._on("FederatedSecret", secrets, when(spec_moved, own_key))
        self._on("FederatedNamespace", secrets, when(spec_moved, self._secrets_of))
        everything = (
            (namespaces, self._copies.federated_namespaces),
            (secrets, self._copies.federated_secrets),
        )
        for controller, federated in everything:
            self._members.on_change(_all(controller, federated))
        managed = f"{federation.MANAGED}=true"
        self._members.watch("v1", "Secret", feed(secrets.queue, own_key), labels=managed)
        self._members.watch("v1", "Namespace", feed(namespaces.queue, _namesake), labels=managed)
        self._members.watch(
            "v1", "Namespace", feed(secrets.queue, when(appeared, self._secrets_of)), labels=managed
        )

    def _wire_sources(self) -> None:
        sources = GitopsRepositories(
            self._cluster,
            self._copies.sources,
            self._copies.federated_secrets,
            self._view,
            self._members,
            self._bootstrap,
            pace=self._settings.pace,
            remedies=self._settings.remedies,
        )
        controller = Controller("source", sources.reconcile, workers=16, backoff=_backoff())
        self._on("GitopsRepository", controller, when(spec_moved, own_key))
        self._on("FederatedSecret", controller, when(spec_moved, sources.keys_of_secret))
        self._on(
            "Project",
            controller,
            lambda change: sources.keys(project_objects.claimed(change.object) or ""),
        )
        self._members.on_change(lambda _: _add(controller, sources.keys()))
        self._members.watch(
            kinds.FLUX_KUSTOMIZE,
            "Kustomization",
            feed(controller.queue, sources.keys_of_kustomization),
        )
        self._manager.add(controller)

    # -- what the wiring needs -------------------------------------------------------------

    def _sync(self, federated: Reflector, sort: Sort) -> Controller:
        events = Events(self._cluster, FEDERATION_COMPONENT)
        sync = Sync(self._cluster, federated, self._members, events, sort)
        name = f"federated-{sort.kind.lower()}"
        controller = Controller(name, sync.reconcile, workers=8, backoff=_backoff())
        self._manager.add(controller)
        return controller

    def _where_secret(
        self, federated: Object, clusters: Mapping[str, federation.Labels]
    ) -> frozenset[str] | None:
        namespace = objects.namespace(federated) or ""
        bounds = self._copies.federated_namespaces.get(namespace, namespace)
        return federation.selected(federated, bounds, clusters)

    def _secrets_of(self, change: Change) -> list[Key]:
        """The FederatedSecrets in the namespace that a change is about."""
        name = objects.name(change.object)
        return [
            Key.of(each)
            for each in self._copies.federated_secrets.items()
            if objects.namespace(each) == name
        ]

    def _project_of(self, change: Change) -> list[Key]:
        return self._view.key_of(objects.namespace(change.object) or "")

    def _begin(self, _key: Key) -> float | None:
        try:
            self._bootstrap.publish(layout.first(), why="beginning")
        except BootstrapError as error:
            raise Retry(f"the bootstrap repository cannot be written: {error}") from error
        return None

    def _pushed(self, places: Iterable[layout.Place]) -> None:
        for place in places:
            self._pokes.queue.add(Key(place.namespace, place.cluster))
            for listener in self._push_listeners:
                listener(place)

    def _poke(self, key: Key) -> float | None:
        member = self._members.get(key.name)
        if member and member.ready:
            attachment_members.poke(member, key.namespace)
        return None


def _namesake(change: Change) -> list[Key]:
    name = objects.name(change.object)
    return [Key(name, name)]


def _backoff() -> Backoff:
    return Backoff(first=0.2, most=3.0)


def _all(controller: Controller, copy: Reflector) -> Callable[[str], None]:
    """A listener that makes everything in a copy due."""
    return lambda _: _add(controller, [Key.of(each) for each in copy.items()])


def _add(controller: Controller, keys: Iterable[Key]) -> None:
    for key in keys:
        controller.queue.add(key)
