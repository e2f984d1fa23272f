"""What is done about a GitRepository, and what its conditions say afterwards."""

import pytest

from harness.controllers import source, source_conditions, source_fetch
from harness.controllers.attached_fields import Failure
from harness.controllers.source import Plan
from harness.controllers.source_revision import Dialect
from harness.model.objects import Object

SHA = "a" * 40


def repository(*, deleted: bool = False, status: Object | None = None, **spec: object) -> Object:
    metadata: Object = {"name": "app", "namespace": "team", "uid": "1", "generation": 3}
    if deleted:
        metadata["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    return {
        "apiVersion": "source.toolkit.fluxcd.io/v1",
        "kind": "GitRepository",
        "metadata": metadata,
        "spec": {"url": "https://host/org/app", "interval": "1s", **spec},
        "status": {"observedGeneration": -1} if status is None else status,
    }


def by_type(conditions: list[Object]) -> dict[str, tuple[str, str, str]]:
    return {c["type"]: (c["status"], c["reason"], c["message"]) for c in conditions}


@pytest.mark.parametrize(
    ("about", "plan"),
    [
        (repository(), Plan.FETCH),
        (repository(suspend=False), Plan.FETCH),
        (repository(suspend=True), Plan.REST),
        (repository(suspend=True, url="ssh://git@h:org/r"), Plan.REST),
        (repository(deleted=True), Plan.CLEAN_UP),
        (repository(deleted=True, suspend=True), Plan.CLEAN_UP),
        (repository(url="ssh://git@h:org/r.git"), Plan.REFUSE),
        (repository(url="https:///org/r.git"), Plan.REFUSE),
        (repository(verify={"secretRef": {"name": "keys"}}), Plan.REFUSE),
        (repository(provider="azure"), Plan.REFUSE),
        (repository(provider="generic"), Plan.FETCH),
    ],
)
def test_the_plan_follows_from_the_object_alone(about: Object, plan: Plan) -> None:
    assert source.decide(about) is plan


def test_an_scp_path_behind_a_scheme_is_refused_for_good() -> None:
    failure = source.fault(repository(url="ssh://git@host:org/repo.git"))
    assert failure is not None
    assert failure.stalled
    assert failure.reason == "URLInvalid"
    assert failure.message == (
        "failed to parse url 'ssh://git@host:org/repo.git': "
        'parse "ssh://git@host:org/repo.git": invalid port ":org" after host'
    )


@pytest.mark.parametrize(
    ("dialect", "reason", "message"),
    [
        ("page", "GitOperationSucceed", f"Fetched revision: main/{SHA}"),
        ("modern", "Succeeded", f"stored artifact for revision 'main/{SHA}'"),
    ],
)
def test_the_dialect_changes_ready_and_nothing_else(
    dialect: Dialect, reason: str, message: str
) -> None:
    said = by_type(source_conditions.succeeded(repository(), f"main/{SHA}", dialect))
    assert said["Ready"] == ("True", reason, message)
    assert said["ArtifactInStorage"] == (
        "True",
        "Succeeded",
        f"stored artifact for revision 'main/{SHA}'",
    )
    assert set(said) == {"Ready", "ArtifactInStorage"}


def test_a_first_failure_leaves_nothing_behind() -> None:
    said = by_type(source_conditions.failed(repository(), Failure("GitOperationFailed", "no")))
    assert said == {
        "Reconciling": ("True", "ProgressingWithRetry", "building artifact"),
        "Ready": ("False", "GitOperationFailed", "no"),
        "FetchFailed": ("True", "GitOperationFailed", "no"),
    }


def test_a_failure_after_a_success_keeps_the_archive() -> None:
    ready = source_conditions.succeeded(repository(), "main/1", "page")
    about = repository(status={"conditions": ready, "observedGeneration": 3})
    said = by_type(source_conditions.failed(about, Failure("GitOperationFailed", "no")))
    assert said["ArtifactInStorage"][0] == "True"
    assert said["Reconciling"] == ("True", "ProgressingWithRetry", "reconciliation in progress")


def test_a_hopeless_failure_says_stalled_and_not_reconciling() -> None:
    said = by_type(
        source_conditions.failed(repository(), Failure("URLInvalid", "no", stalled=True))
    )
    assert said["Stalled"] == ("True", "URLInvalid", "no")
    assert "Reconciling" not in said


@pytest.mark.parametrize(
    ("status", "spec", "needed"),
    [
        ({}, {}, True),
        ({"artifact": {"revision": "main/1"}}, {}, False),
        ({"artifact": {"revision": "main/0"}}, {}, True),
        ({"artifact": {"revision": "main/1"}}, {"ignore": "*.md"}, True),
        ({"artifact": {"revision": "main/1"}, "observedIgnore": "*.md"}, {}, True),
        (
            {"artifact": {"revision": "main/1"}, "observedIgnore": "*.md"},
            {"ignore": "*.md"},
            False,
        ),
    ],
)
def test_an_archive_is_made_for_a_new_revision_or_new_patterns(
    status: Object, spec: Object, needed: bool
) -> None:
    about = repository(status=status, **spec)
    assert source_fetch.needs_new_artifact(about, "main/1") is needed


def test_a_long_commit_subject_is_cut_in_the_event() -> None:
    assert source.stored_event("short") == "stored artifact for commit 'short'"
    assert source.stored_event("x" * 51) == f"stored artifact for commit '{'x' * 50}...'"
