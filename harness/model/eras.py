"""
The eras of Flux: what each writes and does where they differ. One era is one whole column.

E1 is the Flux of the documentation page; what a system claims is chosen in `profile`, and which era
a cluster runs is found out in `era_detection`. A column is that of the era's newest version.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, Literal


@dataclass(frozen=True, slots=True)
class Era:
    """One generation of source-controller and kustomize-controller."""

    name: str
    source_versions: tuple[str, ...]
    ready_reason: str
    ready_message: str
    revision_separator: Literal["/", "@sha1:"]
    integrity_fields: tuple[str, ...]
    artifact_in_storage: bool
    observed_generation_after_first_failure: Literal["generation", "-1"]
    newest_of_tag_and_semver: Literal["semver", "tag"]
    password_without_username: bool
    sends_user_for_empty_secret: bool
    bearer_token: bool
    ca_keys: tuple[str, ...]
    ssh_user_from_secret: bool
    suspended_source_deletes: bool
    handled_request_while_suspended: bool
    source_event: tuple[str, str]
    source_failure_event_type: Literal["Normal", "Warning"]
    kustomization_reconciling: bool
    kustomization_event_reason_is_ready_reason: bool
    kustomization_observed_generation_after_failure: Literal["generation", "previous success"]
    prune_leak_after_refused_delete: bool | None
    """None where the era's versions differ and the version is not known."""


E1: Final = Era(
    name="E1",
    source_versions=("v1beta1",),
    ready_reason="GitOperationSucceed",
    ready_message="Fetched revision: {revision}",
    revision_separator="/",
    integrity_fields=("checksum",),
    artifact_in_storage=False,
    observed_generation_after_first_failure="generation",
    newest_of_tag_and_semver="semver",
    password_without_username=True,
    sends_user_for_empty_secret=True,
    bearer_token=False,
    ca_keys=("caFile",),
    ssh_user_from_secret=True,
    suspended_source_deletes=True,
    handled_request_while_suspended=False,
    source_event=("Normal", "info"),
    source_failure_event_type="Normal",
    kustomization_reconciling=False,
    kustomization_event_reason_is_ready_reason=False,
    kustomization_observed_generation_after_failure="generation",
    prune_leak_after_refused_delete=True,
)
E2: Final = replace(
    E1,
    name="E2",
    source_versions=("v1beta1", "v1beta2"),
    ready_reason="Succeeded",
    ready_message="stored artifact for revision '{revision}'",
    artifact_in_storage=True,
    observed_generation_after_first_failure="-1",
    suspended_source_deletes=False,
    source_event=("Normal", "NewArtifact"),
    source_failure_event_type="Warning",
    kustomization_event_reason_is_ready_reason=True,
)
E3: Final = replace(
    E2,
    name="E3",
    suspended_source_deletes=True,
    handled_request_while_suspended=True,
    kustomization_reconciling=True,
    kustomization_observed_generation_after_failure="previous success",
)
E4: Final = replace(
    E3,
    name="E4",
    newest_of_tag_and_semver="tag",
    password_without_username=False,
    sends_user_for_empty_secret=False,
    bearer_token=True,
    ssh_user_from_secret=False,
)
E5: Final = replace(
    E4,
    name="E5",
    revision_separator="@sha1:",
    integrity_fields=("checksum", "digest"),
)
E6: Final = replace(
    E5,
    name="E6",
    source_versions=("v1beta1", "v1beta2", "v1"),
    integrity_fields=("digest",),
    ca_keys=("ca.crt", "caFile"),
)
E7: Final = replace(E6, name="E7", source_versions=("v1",), prune_leak_after_refused_delete=False)

ALL: Final[tuple[Era, ...]] = (E1, E2, E3, E4, E5, E6, E7)
