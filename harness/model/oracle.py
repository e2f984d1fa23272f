"""
The oracle: from the raw files of a commit, the objects that a cluster must hold and the inventory.

It shares nothing with the controllers that it judges. kustomize itself is passed in as a callable,
and so is the look at a cluster.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from harness.model import kinds, manifest, match
from harness.model.match import Difference
from harness.model.objects import Object, Ref

Files = Mapping[str, bytes]
Render = Callable[[Files, str], list[Object]]  # the tree and the directory to build in it
Lookup = Callable[[Ref], Object | None]

KUSTOMIZATION_FILES: Final = ("kustomization.yaml", "kustomization.yml", "Kustomization")
OWNER_NAME: Final = "kustomize.toolkit.fluxcd.io/name"
OWNER_NAMESPACE: Final = "kustomize.toolkit.fluxcd.io/namespace"

# What the artifact of a source never holds.
_NOT_IN_ARTIFACT: Final = (".git", ".github", ".circleci")
_FILES_NOT_IN_ARTIFACT: Final = frozenset(
    {
        ".travis.yml",
        ".gitlab-ci.yml",
        "appveyor.yml",
        ".drone.yml",
        "cloudbuild.yaml",
        "cloudbuild.yml",
        "codeship-services.yml",
        "codeship-steps.yml",
        ".goreleaser.yml",
        ".sops.yaml",
        ".flux.yaml",
    }
)


class Unbuildable(ValueError):
    """The commit cannot be built, so that nothing of it may be deployed."""


class PathMissing(Unbuildable):
    """The commit has no such directory; what was deployed before stays."""


@dataclass(frozen=True, slots=True)
class Owner:
    """The Kustomization that applies the objects."""

    name: str
    namespace: str


@dataclass(frozen=True, slots=True)
class Expectation:
    """What a cluster must hold of one source at one commit."""

    objects: tuple[Object, ...]
    inventory: frozenset[str]

    @property
    def refs(self) -> tuple[Ref, ...]:
        """The addresses of the objects."""
        return tuple(Ref.of(obj) for obj in self.objects)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as the commit says."""

    kind: Literal["missing", "differs", "left", "inventory-missing", "inventory-extra"]
    subject: str
    differences: tuple[Difference, ...] = ()

    def __str__(self) -> str:
        told = {
            "missing": f"{self.subject} does not exist",
            "differs": f"{self.subject} differs from Git:",
            "left": f"{self.subject} still holds what Git no longer has:"
            if self.differences
            else f"{self.subject} still exists",
            "inventory-missing": f"the inventory lacks {self.subject}",
            "inventory-extra": f"the inventory names {self.subject}, which Git does not have",
        }[self.kind]
        return "\n  ".join([told, *map(str, self.differences)])


def expect(
    files: Files,
    path: str,
    *,
    owner: Owner,
    render: Render,
    cluster_scoped: Iterable[tuple[str, str]] = (),
) -> Expectation:
    """What the commit `files` must bring about when `owner` applies its directory `path`.

    `cluster_scoped` are further (group, kind) pairs that live outside every namespace.
    """
    scoped = kinds.CLUSTER_SCOPED | frozenset(cluster_scoped)
    built = build(files, path, render=render)
    objects = tuple(_owned(obj, owner, scoped) for obj in built)
    identifiers = [inventory_id(Ref.of(obj)) for obj in objects]
    if twice := sorted({i for i in identifiers if identifiers.count(i) > 1}):
        raise Unbuildable(f"more than one object is called {', '.join(twice)}")
    return Expectation(objects, frozenset(identifiers))


def build(files: Files, path: str, *, render: Render) -> list[Object]:
    """The objects of a directory, exactly as the repository has them."""
    kept = {name: content for name, content in files.items() if _in_artifact(name)}
    directory = _clean(path)
    if directory and not any(name.startswith(f"{directory}/") for name in kept):
        raise PathMissing(f"the commit has no directory {path}")
    return list(_walk(kept, directory, render))


def _walk(files: Files, directory: str, render: Render) -> Iterator[Object]:
    if any(_join(directory, name) in files for name in KUSTOMIZATION_FILES):
        yield from render(files, directory)
        return
    prefix = f"{directory}/" if directory else ""
    below: set[str] = set()
    for name in sorted(files):
        if not name.startswith(prefix):
            continue
        first, slash, _ = name[len(prefix) :].partition("/")
        if slash:
            below.add(first)
        elif first.endswith((".yaml", ".yml")):
            try:
                yield from manifest.objects(files[name])
            except manifest.ManifestError as error:
                raise Unbuildable(f"{name}: {error}") from None
    for first in sorted(below):
        yield from _walk(files, prefix + first, render)


def _owned(obj: Object, owner: Owner, scoped: frozenset[tuple[str, str]]) -> Object:
    made = copy.deepcopy(obj)
    made.pop("status", None)  # the status is never Git's
    metadata = made["metadata"]
    if (kinds.group_of(made["apiVersion"]), made["kind"]) in scoped:
        metadata.pop("namespace", None)
    elif not metadata.get("namespace"):
        metadata["namespace"] = owner.namespace
    metadata["labels"] = {
        **(metadata.get("labels") or {}),
        OWNER_NAME: owner.name,
        OWNER_NAMESPACE: owner.namespace,
    }
    return made


def inventory_id(ref: Ref) -> str:
    """`<namespace>_<name>_<group>_<kind>`, as a Kustomization's inventory names an object."""
    # Names of RBAC objects may hold colons, which the inventory writes as two underscores.
    return f"{ref.namespace or ''}_{ref.name.replace(':', '__')}_{ref.group}_{ref.kind}"


def judge(
    expectation: Expectation,
    lookup: Lookup,
    *,
    inventory: Iterable[str] | None = None,
    previous: Expectation | None = None,
) -> list[Finding]:
    """Everything on a cluster that is not as the commit says; empty when all is.

    `inventory` are the ids that the Kustomization lists; `previous` is what an earlier commit
    brought about, to find parts of objects that were not taken away.
    """
    before = {Ref.of(obj): obj for obj in previous.objects} if previous else {}
    found: list[Finding] = []
    for expected in expectation.objects:
        ref = Ref.of(expected)
        actual = lookup(ref)
        if actual is None:
            found.append(Finding("missing", str(ref)))
            continue
        if differing := match.differences(expected, actual):
            found.append(Finding("differs", str(ref), tuple(differing)))
        if ref in before and (left := match.leftovers(before[ref], expected, actual)):
            found.append(Finding("left", str(ref), tuple(left)))
    pruned = sorted(before.keys() - set(expectation.refs), key=str)
    found += gone(pruned, lookup)
    if inventory is not None:
        listed = frozenset(inventory)
        found += [Finding("inventory-missing", i) for i in sorted(expectation.inventory - listed)]
        found += [Finding("inventory-extra", i) for i in sorted(listed - expectation.inventory)]
    return found


def gone(refs: Iterable[Ref], lookup: Lookup) -> list[Finding]:
    """Those of the objects that still exist."""
    return [Finding("left", str(ref)) for ref in refs if lookup(ref) is not None]


def _in_artifact(name: str) -> bool:
    parts = name.split("/")
    if any(part in _NOT_IN_ARTIFACT for part in parts[:-1]):
        return False
    return parts[-1] not in _FILES_NOT_IN_ARTIFACT


def _clean(path: str) -> str:
    """The directory without `./`; one that climbs out is clamped at the root, as Flux does."""
    parts: list[str] = []
    for part in path.split("/"):
        if part == "..":
            parts = parts[:-1]
        elif part not in ("", "."):
            parts.append(part)
    return "/".join(parts)


def _join(directory: str, name: str) -> str:
    return f"{directory}/{name}" if directory else name
