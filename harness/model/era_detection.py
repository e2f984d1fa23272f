"""
Which era of Flux runs: told by the controllers' versions, else by the marks of their CRDs.

Never a guess: what cannot be told is None, and the verdict of whoever asked is inconclusive. What
the eras are is in `eras`; reading a cluster is its caller's.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any, Final

from harness.model import eras
from harness.model.eras import Era

_VERSION: Final = re.compile(r"v?(\d+)\.(\d+)\.(\d+)(?:[-+].*)?")
_Version = tuple[int, int, int]

# The first version of each era. Between the last 0.x and 1.0, and from 2.0 on, there is none that
# anybody has read.
_SOURCE: Final[tuple[tuple[_Version, Era | None], ...]] = (
    ((0, 0, 0), eras.E1),
    ((0, 22, 0), eras.E2),
    ((0, 31, 0), eras.E3),
    ((0, 32, 0), eras.E4),
    ((0, 35, 0), eras.E5),
    ((0, 37, 0), None),
    ((1, 0, 0), eras.E6),
    ((1, 7, 0), eras.E7),
    ((2, 0, 0), None),
)
_KUSTOMIZE: Final[tuple[tuple[_Version, Era | None], ...]] = (
    ((0, 0, 0), eras.E1),
    ((0, 22, 0), eras.E2),
    ((0, 30, 0), eras.E3),
    ((0, 31, 0), eras.E4),
    ((0, 34, 0), eras.E5),
    ((0, 36, 0), None),
    ((1, 0, 0), eras.E6),
    ((1, 7, 0), eras.E7),
    ((2, 0, 0), None),
)
# Where a version is unlike the newest of its era: (from, before, what differs).
_Differences = tuple[tuple[_Version, _Version, Mapping[str, Any]], ...]
_OLDER_SOURCE: Final[_Differences] = (
    ((0, 22, 0), (0, 22, 5), {"artifact_in_storage": False}),
    ((0, 32, 0), (0, 34, 0), {"bearer_token": False, "ssh_user_from_secret": True}),
    ((1, 0, 0), (1, 1, 0), {"ca_keys": ("caFile",)}),
    ((1, 7, 0), (1, 8, 0), {"source_versions": ("v1beta2", "v1")}),
)
_OLDER_KUSTOMIZE: Final[_Differences] = (
    ((1, 7, 0), (1, 9, 0), {"prune_leak_after_refused_delete": True}),
)
_KUSTOMIZE_SIDE: Final = (
    "kustomization_reconciling",
    "kustomization_event_reason_is_ready_reason",
    "kustomization_observed_generation_after_failure",
    "prune_leak_after_refused_delete",
)


def detect(
    source_version: str | None,
    kustomize_version: str | None,
    served: Collection[str] = (),
    *,
    ref_has_name: bool | None = None,
    artifact_fields: Collection[str] = (),
) -> Era | None:
    """
    The era in use, composed where the two controllers are of different ones; None if unknown.

    Versions are image tags. `served` are the versions of the GitRepository CRD, `ref_has_name` says
    whether its schema knows `spec.ref.name`, `artifact_fields` are those of `status.artifact`. The
    marks speak only for a controller whose version is not known.
    """
    marked = of_marks(served, ref_has_name=ref_has_name, artifact_fields=artifact_fields)
    source = of_source_version(source_version) if is_version(source_version) else marked
    applier = of_kustomize_version(kustomize_version) if is_version(kustomize_version) else marked
    return None if source is None or applier is None else compose(source, applier)


def of_source_version(version: str | None) -> Era | None:
    """The era of a source-controller; None for what is no version or one that nobody has read."""
    return _era_of(version, _SOURCE, _OLDER_SOURCE)


def of_kustomize_version(version: str | None) -> Era | None:
    """The era of a kustomize-controller; None as for `of_source_version`."""
    return _era_of(version, _KUSTOMIZE, _OLDER_KUSTOMIZE)


def of_marks(
    served: Collection[str], *, ref_has_name: bool | None, artifact_fields: Collection[str]
) -> Era | None:
    """The era that the GitRepository CRD shows; None for E2 to E4, which share one schema."""
    versions = set(served)
    if versions == {"v1beta1"}:
        return eras.E1
    if versions == {"v1beta1", "v1beta2"}:
        both = {"checksum", "digest"} <= set(artifact_fields)
        return eras.E5 if ref_has_name and both else None
    if versions == {"v1beta1", "v1beta2", "v1"}:
        return eras.E6
    if versions == {"v1beta2", "v1"}:
        # Only v1.7 serves these two, and it leaks like its elder.
        return replace(
            eras.E7, source_versions=("v1beta2", "v1"), prune_leak_after_refused_delete=True
        )
    if versions == {"v1"}:
        return replace(eras.E7, prune_leak_after_refused_delete=None)
    return None


def compose(source: Era, applier: Era) -> Era:
    """The era of a source-controller and a kustomize-controller that run together."""
    name = source.name if source.name == applier.name else f"{source.name}+{applier.name}"
    taken: dict[str, Any] = {field: getattr(applier, field) for field in _KUSTOMIZE_SIDE}
    return replace(source, name=name, **taken)


def is_version(tag: str | None) -> bool:
    """Whether an image tag is a version; `latest` and the like tell nothing."""
    return tag is not None and _VERSION.fullmatch(tag) is not None


def tag_of(image: str) -> str | None:
    """The tag of an image reference, or None where it has none."""
    _, colon, tag = image.partition("@")[0].rpartition("/")[2].partition(":")
    return tag if colon else None


def _era_of(
    tag: str | None, begins: tuple[tuple[_Version, Era | None], ...], older: _Differences
) -> Era | None:
    form = _VERSION.fullmatch(tag or "")
    if form is None:
        return None
    version = (int(form[1]), int(form[2]), int(form[3]))
    era = next(era for first, era in reversed(begins) if first <= version)
    if era is None:
        return None
    for first, end, differences in older:
        if first <= version < end:
            era = replace(era, **differences)
    return era
