"""
One cluster as the rest of the harness sees it: get, list, apply, patch, delete, watch, discovery.

`kubernetes` gives kubeconfig, TLS, credentials and their renewal; the requests go straight to its
connection pool. Its dynamic client is not used on top: it copies every body, hides discovery
behind a file in the temp folder that outlives the cluster on that port (style.md 5), and cannot
tell "kind unknown" from "not asked yet". Objects in and out are plain dicts.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote, urlencode

import urllib3
from kubernetes import client as kubernetes_client
from kubernetes import config as kubernetes_config

from harness.cluster import errors, watches
from harness.errors import SetupError
from harness.model.objects import Object, Ref

_PATCH_TYPES = {
    "merge": "application/merge-patch+json",
    "json": "application/json-patch+json",
    "apply": "application/apply-patch+yaml",
}
CONNECTIONS = 64
_TIMEOUT = 30.0


@dataclass(frozen=True, slots=True)
class Resource:
    """How the API server serves a kind."""

    api_version: str
    kind: str
    plural: str
    namespaced: bool

    def path(self, namespace: str | None = None, name: str | None = None) -> str:
        """The URL path of the collection, or of one object."""
        prefix = "/apis/" if "/" in self.api_version else "/api/"
        path = prefix + self.api_version
        if self.namespaced and namespace:
            path += f"/namespaces/{quote(namespace)}"
        path += f"/{self.plural}"
        return f"{path}/{quote(name)}" if name else path


@dataclass(frozen=True, slots=True)
class Listing:
    """The answer to a list: the objects, and where to start watching."""

    items: list[Object]
    resource_version: str


@dataclass(slots=True)
class _Discovery:
    """What one API server serves, read once a group and again when a kind is missing."""

    known: dict[tuple[str, str], Resource] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)


class Cluster:
    """A Kubernetes cluster; safe to use from several threads."""

    def __init__(
        self,
        name: str,
        api: Any,
        *,
        user_agent: str,
        discovery: _Discovery | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.name = name
        self._api = api
        self._pool: urllib3.PoolManager = api.rest_client.pool_manager
        self._host: str = api.configuration.host.rstrip("/")
        self._user_agent = user_agent
        self._headers = {"User-Agent": user_agent, **(headers or {})}
        self._discovery = discovery or _Discovery()

    def __repr__(self) -> str:
        return f"Cluster({self.name})"

    def impersonate(self, user: str) -> Cluster:
        """The same cluster, asked in the name of `user`."""
        return Cluster(
            self.name,
            self._api,
            user_agent=self._user_agent,
            discovery=self._discovery,
            headers={"Impersonate-User": user},
        )

    # -- reading ---------------------------------------------------------------------------

    def get(self, ref: Ref) -> Object:
        """The object at `ref`; NotFound if there is none."""
        return self._request("GET", self._path(ref))

    def find(self, ref: Ref) -> Object | None:
        """The object at `ref`, or None."""
        try:
            return self.get(ref)
        except errors.NotFound:
            return None

    def list(
        self,
        api_version: str,
        kind: str,
        namespace: str | None = None,
        *,
        labels: str | None = None,
        fields: str | None = None,
    ) -> Listing:
        """All objects of a kind, in one namespace or in all."""
        path = self.resource(api_version, kind).path(namespace)
        answer = self._request("GET", path, labelSelector=labels, fieldSelector=fields)
        items = answer.get("items") or []
        for item in items:  # a list leaves both out of its items
            item.setdefault("apiVersion", api_version)
            item.setdefault("kind", kind)
        return Listing(items, str(answer["metadata"].get("resourceVersion", "")))

    def watch(
        self,
        api_version: str,
        kind: str,
        namespace: str | None = None,
        *,
        resource_version: str,
        labels: str | None = None,
        fields: str | None = None,
        timeout: int | None = None,
        on_open: threading.Event | None = None,
        stopper: watches.Stopper | None = None,
    ) -> Iterator[tuple[str, Object]]:
        """
        Changes after `resource_version`, as (ADDED | MODIFIED | DELETED | BOOKMARK, object).

        Ends when the server ends it or `stopper` is used; raises Expired on 410, Unreachable when
        the connection breaks.
        """
        path = self.resource(api_version, kind).path(namespace)
        query = _query(
            watch="true",
            resourceVersion=resource_version,
            allowWatchBookmarks="true",
            labelSelector=labels,
            fieldSelector=fields,
            timeoutSeconds=timeout,
        )
        response = self._open("GET", path + query, read_timeout=None)
        try:
            if response.status >= 300:
                raise errors.from_status(response.status, _json(response.read()))
            if stopper:
                stopper.attach(response)
            if on_open:
                on_open.set()
            for line in watches.lines(response):
                event = json.loads(line)
                if event["type"] == "ERROR":
                    raise errors.from_status(int(event["object"].get("code", 500)), event["object"])
                yield event["type"], event["object"]
        except (urllib3.exceptions.HTTPError, OSError, AttributeError) as error:
            # AttributeError: urllib3 meets a socket that the stopper closed under it.
            if stopper and stopper.stopped:
                return
            raise errors.Unreachable(f"{self.name}: the watch on {kind} broke: {error}") from error
        finally:
            response.close()

    # -- writing ---------------------------------------------------------------------------

    def create(self, obj: Object, *, field_manager: str | None = None) -> Object:
        """`obj` as created; AlreadyExists if the name is taken."""
        resource = self.resource(obj["apiVersion"], obj["kind"])
        path = resource.path(obj["metadata"].get("namespace"))
        return self._request("POST", path, obj, fieldManager=field_manager)

    def apply(
        self, obj: Object, *, field_manager: str, force: bool = True, dry_run: bool = False
    ) -> Object:
        """`obj` after a server-side apply."""
        return self._apply(self._path(Ref.of(obj)), obj, field_manager, force, dry_run)

    def apply_status(self, obj: Object, *, field_manager: str) -> Object:
        """`obj` after a server-side apply of its status."""
        return self._apply(self._path(Ref.of(obj)) + "/status", obj, field_manager, True, False)

    def _apply(
        self, path: str, obj: Object, field_manager: str, force: bool, dry_run: bool
    ) -> Object:
        return self._request(
            "PATCH",
            path,
            obj,
            content_type=_PATCH_TYPES["apply"],
            fieldManager=field_manager,
            force="true" if force else None,
            dryRun="All" if dry_run else None,
        )

    def patch(
        self,
        ref: Ref,
        patch: Any,
        *,
        kind: Literal["merge", "json"] = "merge",
        subresource: str | None = None,
        field_manager: str | None = None,
    ) -> Object:
        """The object at `ref` after a patch."""
        path = self._path(ref) + (f"/{subresource}" if subresource else "")
        return self._request(
            "PATCH", path, patch, content_type=_PATCH_TYPES[kind], fieldManager=field_manager
        )

    def replace(self, obj: Object, *, field_manager: str | None = None) -> Object:
        """`obj` after a PUT; Conflict if its resourceVersion is old."""
        return self._request("PUT", self._path(Ref.of(obj)), obj, fieldManager=field_manager)

    def delete(self, ref: Ref, *, propagation: str = "Background", uid: str | None = None) -> None:
        """Ask for the removal of the object at `ref`; NotFound if there is none."""
        body: Object = {"propagationPolicy": propagation}
        if uid:
            body["preconditions"] = {"uid": uid}
        self._request("DELETE", self._path(ref), body)

    def token(self, account: Ref, *, seconds: int) -> str:
        """A token of the ServiceAccount at `account` that lasts at least so long."""
        request = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {"expirationSeconds": seconds},
        }
        answer = self._request("POST", f"{self._path(account)}/token", request)
        return str(answer["status"]["token"])

    # -- the cluster itself ----------------------------------------------------------------

    def resource(self, api_version: str, kind: str) -> Resource:
        """How a kind is served; asks the server again once before it says NoSuchKind."""
        found = self._discovery.known.get((api_version, kind))
        if found:
            return found
        with self._discovery.lock:
            self._discover(api_version)
        found = self._discovery.known.get((api_version, kind))
        if not found:
            raise errors.NoSuchKind(self.name, api_version, kind)
        return found

    def _discover(self, api_version: str) -> None:
        prefix = "/apis/" if "/" in api_version else "/api/"
        try:
            answer = self._request("GET", prefix + api_version)
        except errors.NotFound:
            return
        for item in answer.get("resources", []):
            if "/" in item["name"]:  # a subresource
                continue
            self._discovery.known[api_version, item["kind"]] = Resource(
                api_version, item["kind"], item["name"], bool(item["namespaced"])
            )

    def server_version(self) -> str:
        """The API server's version, such as `v1.34.4`."""
        return str(self._request("GET", "/version")["gitVersion"])

    def ready(self) -> str | None:
        """None when `/readyz` says ok, else what it says."""
        try:
            response = self._open("GET", "/readyz", read_timeout=5.0)
            body = response.read().decode(errors="replace")
        except errors.Unreachable as error:
            return str(error)
        except urllib3.exceptions.HTTPError as error:
            return f"{self.name}: {error}"
        return None if response.status == 200 else f"{self.name}: /readyz said {body.strip()}"

    def close(self) -> None:
        """Drop the connections."""
        self._pool.clear()

    # -- plumbing --------------------------------------------------------------------------

    def _path(self, ref: Ref) -> str:
        return self.resource(ref.api_version, ref.kind).path(ref.namespace, ref.name)

    def _request(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        content_type: str = "application/json",
        **query: Any,
    ) -> Object:
        response = self._open(
            method, path + _query(**query), body, content_type, read_timeout=_TIMEOUT
        )
        try:
            data = response.read()
        except urllib3.exceptions.HTTPError as error:
            raise errors.Unreachable(f"{self.name}: {method} {path}: {error}") from error
        finally:
            response.release_conn()
        answer = _json(data)
        if response.status >= 300:
            raise errors.from_status(response.status, answer)
        return answer

    def _open(
        self,
        method: str,
        target: str,
        body: Any = None,
        content_type: str | None = None,
        *,
        read_timeout: float | None,
    ) -> urllib3.BaseHTTPResponse:
        headers = {**self._headers, "Accept": "application/json", **self._authorization()}
        if body is not None and content_type:
            headers["Content-Type"] = content_type
        try:
            return self._pool.request(
                method,
                self._host + target,
                body=None if body is None else json.dumps(body).encode(),
                headers=headers,
                preload_content=False,
                timeout=urllib3.Timeout(connect=5.0, read=read_timeout),
                retries=urllib3.Retry(connect=1, read=0, redirect=0, status=0, other=0),
            )
        except urllib3.exceptions.HTTPError as error:
            raise errors.Unreachable(
                f"{self.name}: no answer from {self._host}: {error}"
            ) from error

    def _authorization(self) -> dict[str, str]:
        # The hook behind this call renews tokens of exec plugins and files.
        for setting in self._api.configuration.auth_settings().values():
            if setting["in"] == "header" and setting["value"]:
                return {setting["key"]: setting["value"]}
        return {}


def connect(
    kubeconfig: Path,
    *,
    name: str,
    context: str | None = None,
    user_agent: str = "gitops-conformance",
) -> Cluster:
    """The cluster of a kubeconfig's context; no request is made yet."""
    configuration = kubernetes_client.Configuration()
    try:
        kubernetes_config.load_kube_config(  # type: ignore[no-untyped-call] # it has no types
            config_file=str(kubeconfig), context=context, client_configuration=configuration
        )
    except Exception as error:  # the library raises many kinds, all about this file
        raise SetupError(f"{kubeconfig} is not a usable kubeconfig for {name}: {error}") from error
    configuration.connection_pool_maxsize = CONNECTIONS
    return Cluster(name, kubernetes_client.ApiClient(configuration), user_agent=user_agent)


def connect_document(document: Mapping[str, Any], *, name: str, user_agent: str) -> Cluster:
    """The cluster of a kubeconfig held in memory, as a Secret carries one."""
    configuration = kubernetes_client.Configuration()
    kubernetes_config.load_kube_config_from_dict(  # type: ignore[no-untyped-call] # it has no types
        dict(document), client_configuration=configuration
    )
    configuration.connection_pool_maxsize = CONNECTIONS
    return Cluster(name, kubernetes_client.ApiClient(configuration), user_agent=user_agent)


def _query(**parameters: Any) -> str:
    given = {key: value for key, value in parameters.items() if value is not None}
    return f"?{urlencode(given)}" if given else ""


def _json(data: bytes) -> Object:
    try:
        parsed = json.loads(data)
    except ValueError:
        return {"raw": data.decode(errors="replace").strip()}
    return parsed if isinstance(parsed, dict) else {"raw": parsed}
