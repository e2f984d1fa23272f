import json
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml

from harness.cluster import client, errors
from harness.cluster.client import Cluster
from harness.cluster.watches import Stopper
from harness.errors import SetupError
from harness.kit import ports
from harness.model.objects import Ref
from tests.fakes import config_map

CORE = "/api/v1"
MAPS = "/api/v1/namespaces/demo/configmaps"
ONE = Ref("v1", "ConfigMap", "a", "demo")


@dataclass
class Api:
    """A server that answers what a test put at a path, and keeps what it was asked."""

    answers: dict[str, tuple[int, object]] = field(default_factory=dict)
    streams: dict[str, list[bytes]] = field(default_factory=dict)
    held: set[str] = field(default_factory=set)
    """Streams that stay open."""
    cut: set[str] = field(default_factory=set)
    """Streams that break off."""
    asked: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    released: threading.Event = field(default_factory=threading.Event)
    port: int = 0

    def serve(self, *kinds: tuple[str, str, bool], version: str = "v1") -> None:
        """Make discovery know these (kind, plural, namespaced)."""
        prefix = "/apis/" if "/" in version else "/api/"
        resources = [{"name": p, "kind": k, "namespaced": n} for k, p, n in kinds]
        resources += [{"name": f"{p}/status", "kind": k, "namespaced": n} for k, p, n in kinds]
        self.answers[prefix + version] = (200, {"resources": resources})


@pytest.fixture
def api() -> Iterator[Api]:
    made = Api()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(made))
    server.daemon_threads = True
    made.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield made
    made.released.set()
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def cluster(api: Api, tmp_path: Path) -> Iterator[Cluster]:
    api.serve(("ConfigMap", "configmaps", True), ("Namespace", "namespaces", False))
    made = client.connect(_kubeconfig(tmp_path, api.port), name="c1")
    yield made
    made.close()


def _kubeconfig(directory: Path, port: int) -> Path:
    path = directory / "kubeconfig"
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "c1",
        "clusters": [{"name": "c1", "cluster": {"server": f"http://127.0.0.1:{port}"}}],
        "users": [{"name": "u", "user": {"token": "let-me-in"}}],
        "contexts": [{"name": "c1", "context": {"cluster": "c1", "user": "u"}}],
    }
    path.write_text(yaml.safe_dump(document))
    return path


def _handler(api: Api) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            url = urlsplit(self.path)
            length = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(length)
            query = {key: value for key, (value, *_) in parse_qs(url.query).items()}
            api.asked[url.path].append(
                {
                    "method": self.command,
                    "query": query,
                    "body": json.loads(body) if body else None,
                    "headers": dict(self.headers),
                }
            )
            refused = api.answers.get(url.path, (200, {}))[0] >= 400
            if query.get("watch") and not refused:
                self._stream(url.path)
            else:
                self._whole(*api.answers.get(url.path, (404, {"reason": "NotFound"})))

        def _whole(self, status: int, answer: object) -> None:
            data = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def _stream(self, path: str) -> None:
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for chunk in api.streams.get(path, []):
                self.wfile.write(b"%x\r\n%s\r\n" % (len(chunk), chunk))
                self.wfile.flush()
            if path in api.cut:
                self.close_connection = True
                return
            if path in api.held:
                api.released.wait(20)
            self.wfile.write(b"0\r\n\r\n")

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _answer

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    return Handler


def _event(kind: str, obj: object) -> bytes:
    return json.dumps({"type": kind, "object": obj}).encode() + b"\n"


@pytest.mark.parametrize(
    ("status", "reason", "kind"),
    [
        (400, "BadRequest", errors.Invalid),
        (403, "Forbidden", errors.Forbidden),
        (404, "NotFound", errors.NotFound),
        (409, "AlreadyExists", errors.AlreadyExists),
        (409, "Conflict", errors.Conflict),
        (410, "Expired", errors.Expired),
        (422, "Invalid", errors.Invalid),
        (500, "InternalError", errors.ApiError),
        (429, "TooManyRequests", errors.ApiError),
    ],
)
def test_a_refusal_is_the_exception_of_its_status(api, cluster, status, reason, kind):
    told = {"kind": "Status", "reason": reason, "message": "because", "details": {"name": "a"}}
    api.answers[f"{MAPS}/a"] = (status, told)

    with pytest.raises(errors.ApiError, match="because") as caught:
        cluster.get(ONE)

    assert type(caught.value) is kind
    assert (caught.value.status, caught.value.reason) == (status, reason)
    assert caught.value.details == {"name": "a"}


def test_a_refusal_that_is_no_status_still_says_something(api, cluster):
    api.answers[f"{MAPS}/a"] = (502, b"<html>bad gateway</html>\n")

    with pytest.raises(errors.ApiError, match="bad gateway"):
        cluster.get(ONE)


def test_find_takes_not_found_for_an_answer_and_nothing_else(api, cluster):
    assert cluster.find(ONE) is None
    api.answers[f"{MAPS}/a"] = (403, {"reason": "Forbidden", "message": "no"})
    with pytest.raises(errors.Forbidden):
        cluster.find(ONE)


def test_a_kind_that_is_unknown_is_asked_for_once_more_before_it_is_refused(api, cluster):
    group = "example.com/v1"
    with pytest.raises(errors.NoSuchKind, match=r'"Toy".*example\.com/v1'):
        cluster.resource(group, "Toy")
    api.serve(("Toy", "toys", True), version=group)

    assert cluster.resource(group, "Toy").path("demo", "a") == (
        "/apis/example.com/v1/namespaces/demo/toys/a"
    )
    assert len(api.asked[f"/apis/{group}"]) == 2
    cluster.resource(group, "Toy")
    assert len(api.asked[f"/apis/{group}"]) == 2, "what is known is not asked for again"


def test_a_cluster_scoped_object_has_no_namespace_in_its_path(api, cluster):
    assert cluster.resource("v1", "Namespace").path("demo", "demo") == "/api/v1/namespaces/demo"


def test_a_name_is_quoted_in_a_path(api, cluster):
    assert cluster.resource("v1", "ConfigMap").path("demo", "a:b c").endswith("/a%3Ab%20c")


def test_a_list_gives_items_their_kind_and_a_place_to_watch_from(api, cluster):
    item = {"metadata": {"name": "a"}}
    api.answers["/api/v1/configmaps"] = (
        200,
        {"items": [item], "metadata": {"resourceVersion": "7"}},
    )
    listing = cluster.list("v1", "ConfigMap", labels="a=b", fields="metadata.name=a")

    assert listing.items == [{"apiVersion": "v1", "kind": "ConfigMap", **item}]
    assert listing.resource_version == "7"
    assert api.asked["/api/v1/configmaps"][0]["query"] == {
        "labelSelector": "a=b",
        "fieldSelector": "metadata.name=a",
    }


def test_an_empty_list_has_no_items(api, cluster):
    api.answers[MAPS] = (200, {"items": None, "metadata": {}})

    assert cluster.list("v1", "ConfigMap", "demo").items == []


def test_an_apply_says_who_applies_and_how(api, cluster):
    api.answers[f"{MAPS}/a"] = (200, config_map("a"))
    cluster.apply(config_map("a"), field_manager="me", dry_run=True)
    cluster.apply(config_map("a"), field_manager="me", force=False)

    dry, polite = api.asked[f"{MAPS}/a"]
    assert dry["query"] == {"fieldManager": "me", "force": "true", "dryRun": "All"}
    assert dry["headers"]["Content-Type"] == "application/apply-patch+yaml"
    assert polite["query"] == {"fieldManager": "me"}


def test_a_status_is_applied_and_patched_at_its_own_path(api, cluster):
    api.answers[f"{MAPS}/a/status"] = (200, config_map("a"))
    cluster.apply_status(config_map("a"), field_manager="me")
    cluster.patch(ONE, {"status": {}}, subresource="status")
    cluster.patch(ONE, [], kind="json", subresource="status")

    assert [asked["headers"]["Content-Type"] for asked in api.asked[f"{MAPS}/a/status"]] == [
        "application/apply-patch+yaml",
        "application/merge-patch+json",
        "application/json-patch+json",
    ]


def test_create_replace_and_delete_use_their_verbs(api, cluster):
    api.answers[MAPS] = (201, config_map("a"))
    api.answers[f"{MAPS}/a"] = (200, {})
    cluster.create(config_map("a"), field_manager="me")
    cluster.replace(config_map("a"))
    cluster.delete(ONE, propagation="Foreground", uid="u")

    assert api.asked[MAPS][0]["method"] == "POST"
    put, delete = api.asked[f"{MAPS}/a"]
    assert put["method"] == "PUT"
    assert delete["body"] == {"propagationPolicy": "Foreground", "preconditions": {"uid": "u"}}


def test_credentials_and_a_name_go_with_every_request(api, cluster):
    cluster.find(ONE)

    headers = api.asked[f"{MAPS}/a"][0]["headers"]
    assert headers["authorization"] == "Bearer let-me-in"
    assert headers["User-Agent"] == "gitops-conformance"
    assert "Impersonate-User" not in headers


def test_impersonation_asks_in_the_name_of_another_and_shares_discovery(api, cluster):
    cluster.find(ONE)
    cluster.impersonate("system:serviceaccount:demo:demo").find(ONE)

    mine, theirs = (asked["headers"] for asked in api.asked[f"{MAPS}/a"])
    assert "Impersonate-User" not in mine
    assert theirs["Impersonate-User"] == "system:serviceaccount:demo:demo"
    assert theirs["User-Agent"] == "gitops-conformance"
    assert len(api.asked[CORE]) == 1


def test_no_secret_is_in_the_representation(cluster):
    assert repr(cluster) == "Cluster(c1)"


def test_a_server_that_is_not_there_is_unreachable_and_named(tmp_path):
    (port,) = ports.free(1)
    cluster = client.connect(_kubeconfig(tmp_path, port), name="c9")

    with pytest.raises(errors.Unreachable, match="c9: no answer"):
        cluster.get(ONE)
    assert "c9" in str(cluster.ready())


def test_ready_repeats_what_the_server_says(api, cluster):
    api.answers["/readyz"] = (200, b"ok")
    assert cluster.ready() is None
    api.answers["/readyz"] = (500, b"[-]etcd failed")
    assert cluster.ready() == "c1: /readyz said [-]etcd failed"


def test_the_version_is_the_servers(api, cluster):
    api.answers["/version"] = (200, {"gitVersion": "v1.34.4"})

    assert cluster.server_version() == "v1.34.4"


def test_a_file_that_is_no_kubeconfig_is_named(tmp_path):
    path = tmp_path / "kubeconfig"
    path.write_text("clusters: 3\n")

    with pytest.raises(SetupError, match=f"{path} is not a usable kubeconfig for c1"):
        client.connect(path, name="c1")


class TestWatching:
    def test_events_are_whole_however_the_stream_is_cut(self, api, cluster):
        told = _event("ADDED", config_map("a", text="ü")) + _event("DELETED", config_map("b"))
        api.streams[MAPS] = [told[i : i + 7] for i in range(0, len(told), 7)]

        seen = list(cluster.watch("v1", "ConfigMap", "demo", resource_version="5"))

        assert seen == [
            ("ADDED", config_map("a", text="ü")),
            ("DELETED", config_map("b")),
        ]
        query = api.asked[MAPS][0]["query"]
        assert (query["resourceVersion"], query["allowWatchBookmarks"]) == ("5", "true")

    def test_an_event_is_told_before_the_stream_ends(self, api, cluster):
        api.streams[MAPS] = [_event("ADDED", config_map("a"))]
        api.held.add(MAPS)
        opened, stopper = threading.Event(), Stopper()
        stream = cluster.watch(
            "v1", "ConfigMap", "demo", resource_version="5", on_open=opened, stopper=stopper
        )

        assert next(stream)[0] == "ADDED"
        assert opened.is_set()
        stopper.stop()
        assert list(stream) == []

    def test_too_old_a_version_is_expired_as_an_event_and_as_an_answer(self, api, cluster):
        gone = {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old"}
        api.streams[MAPS] = [_event("ERROR", gone)]
        with pytest.raises(errors.Expired, match="too old"):
            list(cluster.watch("v1", "ConfigMap", "demo", resource_version="5"))
        api.answers[MAPS] = (410, gone)
        with pytest.raises(errors.Expired, match="too old"):
            list(cluster.watch("v1", "ConfigMap", "demo", resource_version="5"))

    def test_a_watch_on_an_unknown_kind_is_refused(self, cluster):
        with pytest.raises(errors.NoSuchKind):
            list(cluster.watch("v1", "Toy", resource_version="5"))

    def test_a_stopper_ends_a_silent_watch_at_once(self, api, cluster):
        api.held.add(MAPS)
        opened, stopper = threading.Event(), Stopper()
        seen: list[object] = []

        def follow() -> None:
            seen.extend(
                cluster.watch(
                    "v1", "ConfigMap", "demo", resource_version="5", on_open=opened, stopper=stopper
                )
            )

        thread = threading.Thread(target=follow)
        thread.start()
        assert opened.wait(5.0)
        begun = time.monotonic()
        stopper.stop()
        thread.join(5.0)

        assert not thread.is_alive()
        assert time.monotonic() - begun < 2.0
        assert seen == []

    def test_a_stopper_that_was_used_before_ends_the_watch_as_it_opens(self, api, cluster):
        api.held.add(MAPS)
        stopper = Stopper()
        stopper.stop()

        stream = cluster.watch("v1", "ConfigMap", "demo", resource_version="5", stopper=stopper)
        assert list(stream) == []

    def test_half_an_event_is_no_event(self, api, cluster):
        api.streams[MAPS] = [_event("ADDED", config_map("a"))[:20]]

        assert list(cluster.watch("v1", "ConfigMap", "demo", resource_version="5")) == []

    def test_a_watch_that_breaks_off_is_unreachable(self, api, cluster):
        api.streams[MAPS] = [_event("ADDED", config_map("a"))]
        api.cut.add(MAPS)
        stream = cluster.watch("v1", "ConfigMap", "demo", resource_version="5")

        assert next(stream)[0] == "ADDED"
        with pytest.raises(errors.Unreachable, match="c1: the watch on ConfigMap broke"):
            next(stream)
