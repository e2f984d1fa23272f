"""The era table, covered without building any Flux."""

from dataclasses import asdict

import pytest

from harness.model import era_detection as detection
from harness.model import eras
from harness.model.eras import Era

# What DKP shipped: its version, Flux, source-controller, kustomize-controller, era.
SHIPPED = [
    ("2.1.0-2.1.5", "0.23.0", "v0.18.0", "v0.18.0", "E1"),
    ("2.2.0", "0.27.4", "v0.21.2", "v0.21.1", "E1"),
    ("2.2.1, 2.2.2", "0.29.5", "v0.24.3", "v0.24.4", "E2"),
    ("2.2.3", "0.31.3", "v0.25.9", "v0.26.2", "E2"),
    ("2.3.x", "0.31.4", "v0.25.10", "v0.26.3", "E2"),
    ("2.4.0", "0.36.0", "v0.31.0", "v0.30.0", "E3"),
    ("2.5.x", "0.40.2", "v0.35.2", "v0.34.0", "E5"),
    ("2.6.0", "0.41.2", "v0.36.1", "v0.35.1", "E5"),
    ("2.7.0", "2.1.2", "v1.1.2", "v1.1.1", "E6"),
    ("2.8.0, 2.12.0", "2.2.x", "v1.2.4", "v1.2.2", "E6"),
    ("2.13, 2.14", "2.4.0", "v1.4.1", "v1.4.0", "E6"),
    ("2.15.0", "2.5.1", "v1.5.0", "v1.5.1", "E6"),
    ("2.16.0", "2.6.1", "v1.6.0", "v1.6.0", "E6"),
    ("2.17.0, 2.17.1", "2.7.2", "v1.7.2", "v1.7.1", "E7"),
    ("main", "2.8.5", "v1.8.2", "v1.8.3", "E7"),
]
SERVED = {
    "E1": {"v1beta1"},
    "E2": {"v1beta1", "v1beta2"},
    "E3": {"v1beta1", "v1beta2"},
    "E4": {"v1beta1", "v1beta2"},
    "E5": {"v1beta1", "v1beta2"},
    "E6": {"v1beta1", "v1beta2", "v1"},
    "E7": {"v1"},
}
BOTH = {"checksum", "digest"}


def name(era: Era | None) -> str | None:
    return era.name if era else None


@pytest.mark.parametrize(("dkp", "flux", "source", "kustomize", "era"), SHIPPED)
def test_every_release_is_told_by_its_versions(
    dkp: str, flux: str, source: str, kustomize: str, era: str
) -> None:
    assert name(detection.detect(source, kustomize)) == era
    # What a CRD looks like does not matter where the versions are known.
    assert name(detection.detect(source, kustomize, {"v1beta1"})) == era
    assert name(detection.of_source_version(source)) == era
    assert name(detection.of_kustomize_version(kustomize)) == era


@pytest.mark.parametrize(
    ("last", "first", "older", "newer"),
    [
        ("v0.21.2", "v0.22.0", "E1", "E2"),
        ("v0.30.1", "v0.31.0", "E2", "E3"),
        ("v0.31.0", "v0.32.0", "E3", "E4"),
        ("v0.34.0", "v0.35.0", "E4", "E5"),
        ("v0.36.1", "v1.0.0-rc.1", "E5", "E6"),
        ("v1.6.2", "v1.7.0", "E6", "E7"),
    ],
)
def test_where_the_eras_of_source_controller_meet(
    last: str, first: str, older: str, newer: str
) -> None:
    assert name(detection.of_source_version(last)) == older
    assert name(detection.of_source_version(first)) == newer


@pytest.mark.parametrize(
    ("last", "first", "older", "newer"),
    [
        ("v0.21.1", "v0.22.0", "E1", "E2"),
        ("v0.29.0", "v0.30.0", "E2", "E3"),
        ("v0.30.0", "v0.31.0", "E3", "E4"),
        ("v0.33.0", "v0.34.0", "E4", "E5"),
        ("v0.35.1", "v1.0.0-rc.1", "E5", "E6"),
        ("v1.6.1", "v1.7.0", "E6", "E7"),
    ],
)
def test_where_the_eras_of_kustomize_controller_meet(
    last: str, first: str, older: str, newer: str
) -> None:
    assert name(detection.of_kustomize_version(last)) == older
    assert name(detection.of_kustomize_version(first)) == newer


@pytest.mark.parametrize(
    ("served", "ref_has_name", "fields", "era"),
    [
        ({"v1beta1"}, None, (), "E1"),
        ({"v1beta1", "v1beta2"}, False, {"checksum"}, None),  # E2, E3 or E4
        ({"v1beta1", "v1beta2"}, None, (), None),
        ({"v1beta1", "v1beta2"}, True, BOTH, "E5"),
        ({"v1beta1", "v1beta2"}, False, BOTH, None),  # the marks contradict each other
        ({"v1beta1", "v1beta2"}, True, {"checksum"}, None),
        ({"v1beta1", "v1beta2", "v1"}, True, {"digest"}, "E6"),
        ({"v1beta2", "v1"}, True, {"digest"}, "E7"),
        ({"v1"}, True, {"digest"}, "E7"),
        ({"v1", "v2"}, True, {"digest"}, None),
        ({"v1beta2"}, True, BOTH, None),
        (set(), None, (), None),
    ],
)
def test_without_versions_the_schema_tells_what_it_can(
    served: set[str], ref_has_name: bool | None, fields: set[str], era: str | None
) -> None:
    for untold in (None, "latest", "main-8a1f0c", ""):
        found = detection.detect(
            untold, untold, served, ref_has_name=ref_has_name, artifact_fields=fields
        )
        assert name(found) == era


@pytest.mark.parametrize("era", ["E2", "E3", "E4"])
def test_the_three_eras_of_one_schema_need_a_version(era: str) -> None:
    version = {"E2": "v0.25.9", "E3": "v0.31.0", "E4": "v0.33.0"}[era]
    applier = {"E2": "v0.26.2", "E3": "v0.30.0", "E4": "v0.32.0"}[era]
    assert detection.detect(None, None, SERVED[era], ref_has_name=False) is None
    assert detection.detect(version, None, SERVED[era], ref_has_name=False) is None
    assert detection.detect(None, applier, SERVED[era], ref_has_name=False) is None
    assert name(detection.detect(version, applier, SERVED[era], ref_has_name=False)) == era


@pytest.mark.parametrize("version", ["v0.37.0", "v0.99.1", "v2.0.0"])
def test_a_version_that_nobody_has_read_is_no_guess(version: str) -> None:
    assert detection.detect(version, version, {"v1"}) is None


def test_a_known_version_and_the_schema_speak_for_one_controller_each() -> None:
    assert name(detection.detect("v1.3.0", None, SERVED["E6"])) == "E6"
    assert name(detection.detect("v1.3.0", None, {"v1"})) == "E6+E7"
    assert detection.detect("v1.3.0", None) is None


def test_two_controllers_of_different_eras_are_composed() -> None:
    # The CRDs of this pair serve v1beta2 and v1, which alone would look like E7.
    found = detection.detect("v1.3.0", "v1.9.5", {"v1beta2", "v1"})
    assert found is not None
    assert found.name == "E6+E7"
    assert not found.prune_leak_after_refused_delete
    differing = {k for k, v in asdict(found).items() if v != asdict(eras.E6)[k]}
    assert differing == {"name", "prune_leak_after_refused_delete"}

    other = detection.compose(eras.E4, eras.E1)
    assert (other.name, other.ready_reason) == ("E4+E1", "Succeeded")
    assert not other.kustomization_reconciling
    assert not other.kustomization_event_reason_is_ready_reason
    assert other.kustomization_observed_generation_after_failure == "generation"


@pytest.mark.parametrize(
    ("version", "leaks"),
    [("v1.6.0", True), ("v1.7.3", True), ("v1.8.3", True), ("v1.9.0", False), ("v1.9.5", False)],
)
def test_the_leak_after_a_refused_delete_is_mended_in_v1_9_0(version: str, leaks: bool) -> None:
    found = detection.of_kustomize_version(version)
    assert found is not None
    assert found.prune_leak_after_refused_delete is leaks


def test_the_schema_of_v1_8_does_not_tell_whether_it_leaks() -> None:
    [old, new] = [detection.detect(None, None, s) for s in ({"v1beta2", "v1"}, {"v1"})]
    assert old is not None
    assert new is not None
    assert old.prune_leak_after_refused_delete is True
    assert new.prune_leak_after_refused_delete is None


@pytest.mark.parametrize(
    ("version", "field", "value"),
    [
        ("v0.22.2", "artifact_in_storage", False),
        ("v0.22.5", "artifact_in_storage", True),
        ("v0.33.0", "bearer_token", False),
        ("v0.34.0", "bearer_token", True),
        ("v0.33.0", "ssh_user_from_secret", True),
        ("v0.34.0", "ssh_user_from_secret", False),
        ("v1.0.1", "ca_keys", ("caFile",)),
        ("v1.1.0", "ca_keys", ("ca.crt", "caFile")),
        ("v1.7.2", "source_versions", ("v1beta2", "v1")),
        ("v1.8.2", "source_versions", ("v1",)),
    ],
)
def test_rows_that_flip_within_an_era_follow_the_version(
    version: str, field: str, value: object
) -> None:
    assert getattr(detection.of_source_version(version), field) == value


@pytest.mark.parametrize(
    ("image", "tag"),
    [
        ("ghcr.io/fluxcd/source-controller:v1.3.0", "v1.3.0"),
        ("mirror:5000/fluxcd/source-controller:v1.3.0@sha256:abc", "v1.3.0"),
        ("mirror:5000/fluxcd/source-controller", None),
        ("source-controller@sha256:abc", None),
    ],
)
def test_the_tag_of_an_image(image: str, tag: str | None) -> None:
    assert detection.tag_of(image) == tag


SAME = object()
# The expectation table (facts.md F.2): a value in every column, SAME as the one to its left.
TABLE: dict[str, list[object]] = {
    "source_versions": [
        ("v1beta1",),
        ("v1beta1", "v1beta2"),
        SAME,
        SAME,
        SAME,
        ("v1beta1", "v1beta2", "v1"),
        ("v1",),
    ],
    "ready_reason": ["GitOperationSucceed", "Succeeded", SAME, SAME, SAME, SAME, SAME],
    "ready_message": [
        "Fetched revision: {revision}",
        "stored artifact for revision '{revision}'",
        *[SAME] * 5,
    ],
    "revision_separator": ["/", SAME, SAME, SAME, "@sha1:", SAME, SAME],
    "integrity_fields": [
        ("checksum",),
        SAME,
        SAME,
        SAME,
        ("checksum", "digest"),
        ("digest",),
        SAME,
    ],
    "artifact_in_storage": [False, True, SAME, SAME, SAME, SAME, SAME],
    "observed_generation_after_first_failure": ["generation", "-1", *[SAME] * 5],
    "newest_of_tag_and_semver": ["semver", SAME, SAME, "tag", SAME, SAME, SAME],
    "password_without_username": [True, SAME, SAME, False, SAME, SAME, SAME],
    "sends_user_for_empty_secret": [True, SAME, SAME, False, SAME, SAME, SAME],
    "bearer_token": [False, SAME, SAME, True, SAME, SAME, SAME],
    "ca_keys": [("caFile",), SAME, SAME, SAME, SAME, ("ca.crt", "caFile"), SAME],
    "ssh_user_from_secret": [True, SAME, SAME, False, SAME, SAME, SAME],
    "suspended_source_deletes": [True, False, True, SAME, SAME, SAME, SAME],
    "handled_request_while_suspended": [False, SAME, True, SAME, SAME, SAME, SAME],
    "source_event": [("Normal", "info"), ("Normal", "NewArtifact"), *[SAME] * 5],
    "source_failure_event_type": ["Normal", "Warning", *[SAME] * 5],
    "kustomization_reconciling": [False, SAME, True, SAME, SAME, SAME, SAME],
    "kustomization_event_reason_is_ready_reason": [False, True, *[SAME] * 5],
    "kustomization_observed_generation_after_failure": [
        "generation",
        SAME,
        "previous success",
        *[SAME] * 4,
    ],
    "prune_leak_after_refused_delete": [True, *[SAME] * 5, False],
}


def test_every_row_of_the_table_is_listed_here() -> None:
    assert set(TABLE) == set(asdict(eras.E1)) - {"name"}


@pytest.mark.parametrize("row", TABLE)
def test_the_eras_are_the_expectation_table(row: str) -> None:
    wanted: list[object] = []
    for value in TABLE[row]:
        wanted.append(wanted[-1] if value is SAME else value)
    assert [getattr(era, row) for era in eras.ALL] == wanted
