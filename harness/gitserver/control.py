"""
The control API: HTTP and JSON on loopback for those who hold the bearer token.

A route is a method of `Api`; errors become a status and one sentence.
"""

from __future__ import annotations

import base64
import hmac
import json
import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from harness.errors import UsageError
from harness.gitserver import store
from harness.gitserver.access import Access
from harness.gitserver.endpoints import Endpoints
from harness.gitserver.faults import Fault
from harness.gitserver.hosting import Hosting
from harness.gitserver.transfer import Body, Malformed

log = logging.getLogger(__name__)

MAX_WAIT = 60.0
"""A long poll of the log is answered after this many seconds at the latest."""

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Call:
    """One request: the repository it names, its query and its body."""

    name: str
    query: Mapping[str, str]
    body: Json


class Api:
    """What the control API can do."""

    def __init__(self, hosting: Hosting, endpoints: Endpoints, stop: Callable[[], None]) -> None:
        self._hosting = hosting
        self._endpoints = endpoints
        self._stop = stop
        self._routes: dict[tuple[str, str], Callable[[Call], Json]] = {
            ("GET", "endpoints"): lambda _: self._endpoints.to_json(),
            ("GET", "log"): self._log,
            ("POST", "shutdown"): self._shutdown,
            ("GET", "repositories"): lambda _: {"repositories": self._hosting.names()},
            ("POST", "repositories"): self._create,
            ("DELETE", "repositories/*"): self._delete,
            ("PUT", "repositories/*/access"): self._set_access,
            ("PUT", "repositories/*/fault"): self._set_fault,
            ("DELETE", "repositories/*/fault"): self._clear_fault,
            ("POST", "repositories/*/commits"): self._commit,
            ("GET", "repositories/*/commits"): self._commits,
            ("GET", "repositories/*/files"): self._files,
            ("GET", "repositories/*/file"): self._file,
            ("GET", "repositories/*/refs"): self._refs,
            ("POST", "repositories/*/tags"): self._tag,
            ("DELETE", "repositories/*/branches"): self._delete_branch,
        }

    def answer(self, method: str, url: str, body: Json) -> tuple[int, Json]:
        """Do what is asked; give the status and the answer."""
        split = urlsplit(url)
        parts = split.path.strip("/").split("/")
        name = unquote(parts[1]) if len(parts) > 1 else ""
        route = "/".join([parts[0], *(["*"] if name else []), *parts[2:]])
        action = self._routes.get((method, route))
        if action is None:
            return 404, {"error": f"{method} {split.path} is not part of the control API"}
        try:
            return 200, action(Call(name, dict(parse_qsl(split.query)), body))
        except LookupError as error:
            return 404, {"error": str(error).strip("\"'")}
        except FileExistsError as error:
            return 409, {"error": str(error)}
        except (UsageError, ValueError, TypeError, AttributeError) as error:
            return 400, {"error": str(error)}

    def _log(self, call: Call) -> Json:
        entries, last = self._hosting.journal.read(
            since=int(call.query.get("since", 0)),
            repository=call.query.get("repository"),
            wait=min(float(call.query.get("wait", 0)), MAX_WAIT),
        )
        return {"entries": [entry.to_json() for entry in entries], "last": last}

    def _shutdown(self, _: Call) -> Json:
        self._stop()
        return {}

    def _create(self, call: Call) -> Json:
        access = Access.from_json(call.body.get("access") or {})
        return {"name": self._hosting.create(_text(call, "name"), access).name}

    def _delete(self, call: Call) -> Json:
        self._hosting.delete(call.name)
        return {}

    def _set_access(self, call: Call) -> Json:
        self._hosting.set_access(call.name, Access.from_json(call.body))
        return {}

    def _set_fault(self, call: Call) -> Json:
        # Also for a repository that does not exist yet: its first request may be the one to fail.
        self._hosting.faults.set(call.name, Fault.from_json(call.body))
        return {}

    def _clear_fault(self, call: Call) -> Json:
        return {"cleared": self._hosting.faults.clear(call.name, call.query.get("user"))}

    def _commit(self, call: Call) -> Json:
        return {"sha": self._hosting.commit(call.name, store.Change.from_json(call.body))}

    def _commits(self, call: Call) -> Json:
        path = self._hosting.get(call.name).path
        limit = int(call.query.get("limit", 100))
        return {"commits": store.commits(path, at=_at(call), limit=limit)}

    def _files(self, call: Call) -> Json:
        return {"files": store.files(self._hosting.get(call.name).path, at=_at(call))}

    def _file(self, call: Call) -> Json:
        path = self._hosting.get(call.name).path
        data = store.read(path, call.query.get("path", ""), at=_at(call))
        return {"base64": base64.b64encode(data).decode()}

    def _refs(self, call: Call) -> Json:
        return {"refs": store.references(self._hosting.get(call.name).path)}

    def _tag(self, call: Call) -> Json:
        hosted = self._hosting.get(call.name)
        with hosted.lock:
            at = call.body.get("at") or "main"
            return {"sha": store.create_tag(hosted.path, _text(call, "name"), at=at)}

    def _delete_branch(self, call: Call) -> Json:
        hosted = self._hosting.get(call.name)
        with hosted.lock:
            store.delete_branch(hosted.path, call.query.get("name", ""))
        return {}


class ControlHandler(BaseHTTPRequestHandler):
    """Answers the control API on one connection."""

    protocol_version = "HTTP/1.1"
    server_version = "gitops-conformance"
    sys_version = ""
    disable_nagle_algorithm = True
    wbufsize = 64 * 1024

    def __init__(self, *args: Any, api: Api, token: str) -> None:
        self._api = api
        self._token = token
        super().__init__(*args)

    def do_GET(self) -> None:
        """Answer a question."""
        self._answer()

    do_POST = do_PUT = do_DELETE = do_GET

    def log_message(self, format: str, *args: Any) -> None:
        """Keep quiet."""

    def _answer(self) -> None:
        try:
            raw = Body(self.rfile, self.headers).read()
        except Malformed as error:
            self.close_connection = True
            return self._send(400, {"error": str(error)})
        if not self._may():
            return self._send(403, {"error": "the control API needs its bearer token"})
        try:
            body = json.loads(raw or b"{}")
        except ValueError:
            return self._send(400, {"error": "the body is not JSON"})
        if not isinstance(body, dict):
            return self._send(400, {"error": "the body is not a JSON object"})
        try:
            status, answer = self._api.answer(self.command, self.path, body)
        except Exception as error:  # whatever it is, the caller must hear of it
            log.exception("%s %s failed", self.command, re.sub(r"\?.*", "", self.path))
            status, answer = 500, {"error": f"{type(error).__name__}: {error}"}
        return self._send(status, answer)

    def _may(self) -> bool:
        given = self.headers.get("Authorization", "")
        return hmac.compare_digest(given.encode(), f"Bearer {self._token}".encode())

    def _send(self, status: int, answer: Json) -> None:
        data = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
        self.wfile.flush()


def _at(call: Call) -> str:
    return call.query.get("at") or "main"


def _text(call: Call, field: str) -> str:
    value = call.body.get(field)
    if not isinstance(value, str) or not value:
        raise UsageError(f"the field {field!r} is missing")
    return value
