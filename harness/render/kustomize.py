"""
kustomize through `kubectl kustomize`: a folder to objects, and the file that Flux generates.

kubectl is the pinned one that the caller passes in, never whatever is on PATH.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from harness.errors import HarnessError
from harness.model import manifest
from harness.model.objects import Object
from harness.model.oracle import KUSTOMIZATION_FILES
from harness.render import tree

_WITHIN: Final = 60.0
# The fields of a kustomization whose values are files or folders.
_FILE_FIELDS: Final = frozenset(
    {"resources", "bases", "components", "crds", "configurations", "openapi"}
    | {"generators", "transformers", "validators", "patchesStrategicMerge"}
    | {"files", "envs", "env", "path", "valuesFile", "additionalValuesFiles", "chartHome"}
)
_HEADER: Final = {"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization"}


class BuildError(HarnessError):
    """The folder cannot be built; the message is what kustomize or the generator said."""


def build(kubectl: Path, directory: Path, *, root: Path | None = None) -> list[Object]:
    """The objects that kustomize makes of the folder.

    kustomize may read anything below `root` (the folder itself when not given), as in Flux, where
    load restrictions are off within an artifact; nothing outside of it, and nothing remote.
    """
    _confine(directory, root or directory)
    command = [
        str(kubectl),
        "kustomize",
        str(directory),
        "--load-restrictor=LoadRestrictionsNone",
    ]
    # Nothing of the user's environment may change what is built. Without a PATH kustomize finds no
    # git, so that a base such as `github.com/org/repo` cannot be cloned.
    # One thread and no garbage collection: it lives for some milliseconds.
    environment = {
        "PATH": "",
        "HOME": tempfile.gettempdir(),
        "GOMAXPROCS": "1",
        "GOGC": "off",
    }
    try:
        ended = subprocess.run(
            command, capture_output=True, timeout=_WITHIN, check=False, env=environment
        )
    except subprocess.TimeoutExpired:
        raise BuildError(f"kustomize build failed: not ready after {_WITHIN:.0f} s") from None
    except OSError as error:
        raise BuildError(f"{kubectl} could not be started: {error.strerror}") from None
    if ended.returncode != 0:
        said = ended.stderr.decode(errors="replace").strip().removeprefix("error: ")
        raise BuildError(f"kustomize build failed: {said.replace(str(directory), '.')}")
    try:
        return manifest.objects(ended.stdout)
    except manifest.ManifestError as error:
        raise BuildError(f"kustomize build failed: {error}") from None


def generate(directory: Path, *, target_namespace: str | None = None) -> Path:
    """The folder's kustomization file, generated the way Flux does where there is none.

    A given `target_namespace` is written into the file, also into one that was there.
    """
    present = kustomization_file(directory)
    if present is not None:
        if target_namespace is not None:
            content = {**_mapping(present), "namespace": target_namespace}
            present.write_text(manifest.dump(content), "utf-8")
        return present
    content = {**_HEADER, "resources": sorted(_resources(directory, directory))}
    if target_namespace is not None:
        content["namespace"] = target_namespace
    made = directory / KUSTOMIZATION_FILES[0]
    made.write_text(manifest.dump(content), "utf-8")
    return made


def kustomization_file(directory: Path) -> Path | None:
    """The folder's own kustomization file, or None."""
    for name in KUSTOMIZATION_FILES:
        if (directory / name).is_file():
            return directory / name
    return None


def renderer(kubectl: Path) -> Callable[[Mapping[str, bytes], str], list[Object]]:
    """A callable that builds a directory of a tree in memory, as the oracle wants it."""

    def render(files: Mapping[str, bytes], directory: str) -> list[Object]:
        with tempfile.TemporaryDirectory(prefix="render-") as name:
            root = Path(name).resolve()
            tree.write(files, root)
            return build(kubectl, root / directory, root=root)

    return render


def _resources(base: Path, directory: Path) -> Iterator[str]:
    for path in sorted(directory.iterdir()):
        if path.is_symlink():
            continue
        if path.is_dir():
            if kustomization_file(path) is not None:
                yield path.relative_to(base).as_posix()
            else:
                yield from _resources(base, path)
        elif path.suffix in (".yaml", ".yml"):
            _check(path)
            yield path.relative_to(base).as_posix()


def _check(path: Path) -> None:
    """One file that kustomize could not read fails the whole build, as it does in Flux."""
    failed = f"failed to decode Kubernetes YAML from {path}"
    try:
        documents = manifest.documents(path.read_bytes())
    except manifest.ManifestError as error:
        raise BuildError(f"{failed}: {error}") from None
    for document in documents:
        if not isinstance(document, dict) or not document.get("kind"):
            raise BuildError(f"{failed}: missing Resource metadata")
        listed = str(document["kind"]).endswith("List") and "items" in document
        metadata = document.get("metadata")
        if not listed and not (isinstance(metadata, dict) and metadata.get("name")):
            raise BuildError(f"{failed}: missing metadata.name in object {document['kind']}")


def _confine(directory: Path, root: Path) -> None:
    """Refuse a kustomization that names anything outside `root` or anything remote."""
    top = root.resolve()
    if directory.resolve() != top and top not in directory.resolve().parents:
        raise BuildError("kustomize build failed: the path leaves the artifact")
    for name in KUSTOMIZATION_FILES:
        for file in root.rglob(name):
            for text in _named_files(_mapping(file)):
                # Generators write `key=file`.
                _refuse_outside(text.rpartition("=")[2], file.parent, top)
    for path in root.rglob("*"):
        if path.is_symlink() and top not in path.resolve().parents:
            raise BuildError(f"kustomize build failed: link {path.name} leaves the artifact")


def _refuse_outside(text: str, directory: Path, top: Path) -> None:
    if "://" in text:
        raise BuildError(f"kustomize build failed: remote resources are off: {text}")
    target = Path(os.path.normpath(directory.resolve() / text))
    if target != top and top not in target.parents:
        raise BuildError(f"kustomize build failed: {text} is outside of the artifact")


def _named_files(value: Any, *, inside: bool = False) -> Iterator[str]:
    """The strings of a kustomization that name files; inline patches are none."""
    if isinstance(value, str) and inside and "\n" not in value:
        yield value
    elif isinstance(value, dict):
        for key, member in value.items():
            yield from _named_files(member, inside=key in _FILE_FIELDS)
    elif isinstance(value, list):
        for member in value:
            yield from _named_files(member, inside=inside)


def _mapping(file: Path) -> dict[str, Any]:
    try:
        found = manifest.documents(file.read_bytes())
    except manifest.ManifestError as error:
        raise BuildError(f"kustomize build failed: {file.name}: {error}") from None
    if not found:
        return {}
    if not isinstance(found[0], dict):
        raise BuildError(f"kustomize build failed: {file.name} is no mapping")
    return found[0]
