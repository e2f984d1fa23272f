"""
What an API server can answer instead of what was asked, as exceptions.

    ApiError
    ├── NotFound 404   ├── AlreadyExists 409   ├── Conflict 409
    ├── Forbidden 403  ├── Invalid 400, 422    └── Expired 410 (relist)
    NoSuchKind         discovery does not know the kind
    Unreachable        no answer at all
"""

from __future__ import annotations

from typing import Any

from harness.errors import HarnessError


class ClusterError(HarnessError):
    """A request to a cluster did not succeed."""


class Unreachable(ClusterError):
    """The API server did not answer."""


class NoSuchKind(ClusterError):
    """The cluster does not serve this kind."""

    def __init__(self, cluster: str, api_version: str, kind: str) -> None:
        super().__init__(f'{cluster}: no matches for kind "{kind}" in version "{api_version}"')
        self.api_version = api_version
        self.kind = kind


class ApiError(ClusterError):
    """The API server refused; carries the `Status` that it sent."""

    def __init__(self, status: int, reason: str, message: str, details: dict[str, Any]) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason
        self.message = message
        self.details = details


class NotFound(ApiError):
    """404: no such object."""


class AlreadyExists(ApiError):
    """409 on create: the name is taken."""


class Conflict(ApiError):
    """409: somebody else wrote first, or owns the field."""


class Forbidden(ApiError):
    """403: RBAC or admission says no."""


class Invalid(ApiError):
    """400 or 422: the object itself is wrong."""


class Expired(ApiError):
    """410: the resource version is too old; list again."""


def from_status(code: int, body: dict[str, Any]) -> ApiError:
    """The exception that stands for a `v1.Status` answer."""
    reason = str(body.get("reason") or "")
    message = str(body.get("message") or body.get("raw") or f"HTTP {code}")
    kind: type[ApiError] = {
        400: Invalid,
        403: Forbidden,
        404: NotFound,
        409: Conflict,
        410: Expired,
        422: Invalid,
    }.get(code, ApiError)
    if code == 409 and reason == "AlreadyExists":
        kind = AlreadyExists
    return kind(code, reason, message, body.get("details") or {})
