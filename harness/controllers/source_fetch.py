"""
What the remote of a source has that its archive has not: look, fetch, pack.

Knows git and the spec of a GitRepository; nothing of clusters, storage or status.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.controllers import (
    artifact,
    git_fetch,
    git_fetch_errors,
    git_fetch_tls,
    source_access,
    source_revision,
)
from harness.controllers import attached_fields as fields
from harness.controllers.artifact import Entry
from harness.controllers.attached_fields import Failure
from harness.controllers.git_fetch import Git, GitFailed, Remote
from harness.controllers.source_revision import Dialect, Target, Unresolved, Wanted
from harness.model import objects
from harness.model.objects import Object

GIT_OPERATION_FAILED = "GitOperationFailed"
_CHECKOUT = "failed to checkout and determine revision: "


def needs_new_artifact(source: Object, revision: str) -> bool:
    """Whether the archive in storage is another one than this revision and these patterns make."""
    status_ = objects.status(source)
    return (status_.get("artifact") or {}).get("revision") != revision or status_.get(
        "observedIgnore"
    ) != objects.spec(source).get("ignore")


@dataclass(frozen=True, slots=True)
class Fetched:
    """A revision that was fetched and packed."""

    revision: str
    commit: str
    subject: str
    archive: bytes


class Fetcher:
    """Brings new revisions of sources."""

    def __init__(self, git: Git, *, scratch: Path, dialect: Dialect) -> None:
        self._git = git
        self._scratch = scratch
        self._dialect = dialect

    def update(
        self, source: Object, secret: Mapping[str, bytes], *, stored: bool
    ) -> Fetched | None:
        """What is new at the remote; None if what is `stored` is what it has."""
        spec = objects.spec(source)
        want = source_revision.wanted(spec.get("ref") or {})
        timeout = fields.duration(spec.get("timeout"), 60.0)
        options = source_access.options(spec["url"], secret)
        with source_access.opened(
            spec["url"], options, scratch=self._scratch, timeout=timeout
        ) as remote:
            target = Target(f"refs/heads/{want.value}", "", want.value)
            if stored or not source_revision.can_fetch_at_once(want):
                doing = "list remote for" if stored else "clone"
                target = self._look(source, remote, want, doing=doing)
                revision = source_revision.text(target.label, target.commit, self._dialect)
                if stored and not needs_new_artifact(source, revision):
                    return None
            return self._get(source, remote, want, target)

    def _look(self, source: Object, remote: Remote, want: Wanted, *, doing: str) -> Target:
        """What the remote has now, by one cheap request."""
        try:
            references = self._git.references(remote, want.patterns)
            if not references and not self._git.references(remote):
                raise empty_repository()
            return source_revision.resolve(want, references)
        except GitFailed as error:
            raise operation_failed(source, remote, error, doing=doing) from None
        except Unresolved as error:
            raise unresolved(source, error) from None

    def _get(self, source: Object, remote: Remote, want: Wanted, target: Target) -> Fetched:
        return self._at_once(source, remote, want, target) or self._by_git(
            source, remote, want, target
        )

    def _at_once(
        self, source: Object, remote: Remote, want: Wanted, target: Target
    ) -> Fetched | None:
        """What a branch holds, where it can be had without git."""
        if not source_revision.can_fetch_at_once(want):
            return None
        try:
            seen = self._git.snapshot(remote, target.reference)
        except GitFailed as error:
            raise operation_failed(source, remote, error, doing="clone") from None
        if seen is None:
            return None
        subject = git_fetch.subject(seen.message)
        return self._packed(source, target, seen.commit, subject, seen.entries)

    def _by_git(self, source: Object, remote: Remote, want: Wanted, target: Target) -> Fetched:
        with tempfile.TemporaryDirectory(dir=self._scratch, prefix="fetch-") as name:
            repository = git_fetch.prepare(Path(name) / "repository")
            try:
                commit = self._download(remote, repository, want, target)
                subject = self._git.subject(repository, commit)
                entries = artifact.entries(self._git.checkout(repository, commit))
            except GitFailed as error:
                if git_fetch_errors.is_missing_reference(error.said):
                    # An empty repository misses every reference; it has a reason of its own.
                    self._look(source, remote, want, doing="clone")
                raise operation_failed(source, remote, error, doing="clone") from None
        return self._packed(source, target, commit, subject, entries)

    def _packed(
        self, source: Object, target: Target, commit: str, subject: str, entries: Iterable[Entry]
    ) -> Fetched:
        return Fetched(
            source_revision.text(target.label, commit, self._dialect),
            commit,
            subject,
            artifact.pack(entries, ignore=objects.spec(source).get("ignore")),
        )

    def _download(self, remote: Remote, repository: Path, want: Wanted, target: Target) -> str:
        if want.by != "commit":
            fetched = self._git.fetch(remote, repository, target.reference)
            # Somebody may have pushed since we looked: then what was fetched is what counts. (An
            # annotated tag was resolved to its commit, which did come along.)
            known = target.commit and self._git.has_commit(repository, target.commit)
            return target.commit if known else fetched
        where = [f"refs/heads/{want.branch}"] if want.branch else ["refs/heads/*", "refs/tags/*"]
        self._git.fetch_history(remote, repository, where)
        if not self._git.has_commit(repository, target.commit):
            message = source_revision.missing_commit(target.commit)
            raise Failure(GIT_OPERATION_FAILED, _CHECKOUT + message)
        return target.commit


def operation_failed(source: Object, remote: Remote, error: GitFailed, *, doing: str) -> Failure:
    """What the conditions say when a git command failed."""
    cause = git_fetch_errors.explain(error.said)
    if cause == git_fetch_errors.UNKNOWN_AUTHORITY:
        cause = git_fetch_tls.fault(remote.url, remote.environment.get("GIT_SSL_CAINFO"))
    url = source_access.shown(objects.spec(source)["url"])
    if doing == "clone" and cause == git_fetch_errors.NO_REPOSITORY:
        said = f"unable to clone: {cause}: git repository: '{url}'"
    else:
        said = f"unable to {doing} '{url}': {cause}"
    return Failure(GIT_OPERATION_FAILED, _CHECKOUT + said)


def unresolved(source: Object, error: Unresolved) -> Failure:
    """What the conditions say when the remote lacks what was asked for."""
    url = source_access.shown(objects.spec(source)["url"])
    where = f"unable to clone '{url}': " if "remote ref" in str(error) else ""
    return Failure(GIT_OPERATION_FAILED, _CHECKOUT + where + str(error))


def empty_repository() -> Failure:
    """What the conditions say of a repository without any commit."""
    return Failure("EmptyGitRepository", "git repository is empty")
