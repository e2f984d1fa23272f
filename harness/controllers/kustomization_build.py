"""
From an archive to the objects that the cluster shall have: path, kustomize, namespace, labels.

Builds are kept by content: the same directory with the same settings is built once. kustomize
itself is `render.kustomize`; nothing here knows a cluster.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from harness.controllers import (
    apply_order,
    kustomization_inventory,
    kustomization_normal,
    kustomization_substitute,
)
from harness.controllers.apply import Desired
from harness.controllers.artifact import Tree
from harness.controllers.attached_fields import Failure
from harness.controllers.kustomization_shelf import Shelf
from harness.model import manifest, objects
from harness.model.objects import Object, Ref
from harness.model.oracle import KUSTOMIZATION_FILES
from harness.render import kustomize, tree

_KEPT: Final = 128
# Fields of the spec that are written into the kustomization file, and their names there.
_IN_FILE: Final = ("components", "images", "namePrefix", "nameSuffix", "patches")


class Builder:
    """Builds directories of archives, each content once."""

    def __init__(self, kubectl: Path, scratch: Path, shelf: Shelf | None = None) -> None:
        self._kubectl = kubectl
        self._shelf = shelf
        self._scratch = scratch
        self._built: OrderedDict[str, list[Object]] = OrderedDict()
        self._lock = threading.Lock()

    def build(self, files: Tree, kustomization: Object) -> list[Object]:
        """The objects of the Kustomization's path; raises Failure with what is wrong with it."""
        path = clamped(objects.spec(kustomization).get("path"))
        needed = files.files if _looks_around(files, path, kustomization) else files.below(path)
        key = _content_key(needed, path, kustomization)
        with self._lock:
            known = self._built.get(key)
            if known is not None:
                self._built.move_to_end(key)
                return known
        built = self._bring(key, lambda: self._kustomize(needed, path, kustomization))
        with self._lock:
            self._built[key] = built
            while len(self._built) > _KEPT:
                self._built.popitem(last=False)
        return built

    def _bring(self, key: str, build: Callable[[], list[Object]]) -> list[Object]:
        return self._shelf.take(key, build) if self._shelf else build()

    def _kustomize(
        self, files: Mapping[str, bytes], path: str, kustomization: Object
    ) -> list[Object]:
        with tempfile.TemporaryDirectory(dir=self._scratch, prefix="kustomization-") as name:
            root = Path(name).resolve()
            directory = root / path
            directory.mkdir(parents=True, exist_ok=True)
            tree.write(files, root)
            try:
                if _is_empty(directory):
                    return []
                _generate(directory, objects.spec(kustomization))
                return kustomize.build(self._kubectl, directory, root=root)
            except kustomize.BuildError as error:
                message = str(error).replace(str(root), shown_root(kustomization))
                raise Failure("BuildFailed", message) from None


def clamped(path: str | None) -> str:
    """The path within the archive, which `..` cannot leave; the root is the empty string."""
    parts: list[str] = []
    for part in (path or "").split("/"):
        if part == "..":
            del parts[-1:]
        elif part not in ("", "."):
            parts.append(part)
    return "/".join(parts)


def check_path(files: Tree, kustomization: Object) -> None:
    """Refuse a path that the archive does not have; an empty directory is one that it has."""
    path = clamped(objects.spec(kustomization).get("path"))
    if files.has_directory(path):
        return
    if path not in files.files:
        where = f"{shown_root(kustomization)}/{path}"
        raise Failure(
            "ArtifactFailed",
            f"kustomization path not found: stat {where}: no such file or directory",
        )


def check_directory(files: Tree, kustomization: Object) -> None:
    """Refuse a path that names a file: it is there, but nothing can be built of it."""
    path = clamped(objects.spec(kustomization).get("path"))
    if path in files.files:
        where = f"{shown_root(kustomization)}/{path}"
        raise Failure("BuildFailed", f"kustomize build failed: '{where}' must be a directory")


def shown_root(kustomization: Object) -> str:
    """The directory that messages name: the real one has another name each time."""
    number = int(hashlib.sha256(objects.uid(kustomization).encode()).hexdigest()[:12], 16)
    return f"/tmp/kustomization-{number % 10**10:010d}"  # noqa: S108 - only a text


def desired(
    built: list[Object], kustomization: Object, values: Mapping[str, str]
) -> tuple[Desired, ...]:
    """What the cluster shall have: variables filled in, marked as ours, in order."""
    spec = objects.spec(kustomization)
    common = spec.get("commonMetadata") or {}
    labels = {**(common.get("labels") or {}), **kustomization_inventory.owner_labels(kustomization)}
    result = []
    for obj in apply_order.sort(built):
        filled = _filled(obj, values) if spec.get("postBuild") else obj
        result.append(
            _desired(
                kustomization_normal.normalised(filled), labels, common.get("annotations") or {}
            )
        )
    return tuple(result)


def _filled(obj: Object, values: Mapping[str, str]) -> Object:
    try:
        return kustomization_substitute.substitute(obj, values)
    except kustomization_substitute.BadVariable as error:
        raise Failure("BuildFailed", str(error)) from None


def _desired(obj: Object, labels: Mapping[str, str], annotations: Mapping[str, str]) -> Desired:
    metadata = {**obj["metadata"], "labels": {**objects.labels(obj), **labels}}
    if annotations:
        metadata["annotations"] = {**objects.annotations(obj), **annotations}
    marked = {name: value for name, value in obj.items() if name != "status"}
    marked["metadata"] = metadata
    text = json.dumps(marked, sort_keys=True)
    return Desired(Ref.of(marked), marked, hashlib.sha256(text.encode()).hexdigest())


def _is_empty(directory: Path) -> bool:
    """Whether there is nothing to build, which kustomize would call an error and Flux does not."""
    return kustomize.kustomization_file(directory) is None and not any(
        file.suffix in (".yaml", ".yml") for file in directory.rglob("*")
    )


def _generate(directory: Path, spec: Mapping[str, Any]) -> None:
    """The kustomization file, with what the spec adds written into it."""
    file = kustomize.generate(directory, target_namespace=spec.get("targetNamespace"))
    added = {name: spec[name] for name in _IN_FILE if spec.get(name)}
    if not added:
        return
    try:
        [content] = manifest.documents(file.read_bytes())
    except ValueError as error:
        raise kustomize.BuildError(f"kustomize build failed: {file.name}: {error}") from None
    for name, value in added.items():
        given = content.get(name) or []
        content[name] = [*given, *value] if isinstance(value, list) else value
    file.write_text(manifest.dump(content))


def _looks_around(files: Tree, path: str, kustomization: Object) -> bool:
    """Whether what is built may need files from elsewhere in the archive."""
    return bool(objects.spec(kustomization).get("components")) or any(
        name.rpartition("/")[2] in KUSTOMIZATION_FILES for name in files.below(path)
    )


def _content_key(files: Mapping[str, bytes], path: str, kustomization: Object) -> str:
    spec = objects.spec(kustomization)
    settings = {name: spec.get(name) for name in (*_IN_FILE, "targetNamespace")}
    hashed = hashlib.sha256(json.dumps([path, settings], sort_keys=True).encode())
    for name in sorted(files):
        hashed.update(f"\0{name}\0{len(files[name])}\0".encode() + files[name])
    return hashed.hexdigest()
