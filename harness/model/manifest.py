"""
YAML text to Kubernetes objects and back, as kustomize reads it.

Reading files belongs to `render.tree`; placeholders belong to `naming`.
"""

from __future__ import annotations

import re
from collections.abc import Hashable
from typing import Any

import yaml

from harness.model.objects import Object


class ManifestError(ValueError):
    """The text is no YAML, or the YAML is no Kubernetes object."""


class _Loader(yaml.CSafeLoader):
    """YAML as Kubernetes tools read it: no dates, no sexagesimals, no `yes` for true."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 - PyYAML's own hook

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """A mapping without repeated keys: Kubernetes tools refuse those, PyYAML does not."""
        seen: set[Hashable] = set()
        for key_node, _ in node.value:
            if key_node.tag == "tag:yaml.org,2002:merge":
                continue
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, Hashable):
                raise ManifestError(f"line {key_node.start_mark.line + 1}: a key is no scalar")
            if key in seen:
                raise ManifestError(f"line {key_node.start_mark.line + 1}: key {key!r} twice")
            seen.add(key)
        return super().construct_mapping(node, deep=deep)


class _Dumper(yaml.CSafeDumper):
    """Repeats what is the same, as people write manifests; quotes text that looks like a number."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 - as its base
        return True


def _resolve(tag: str, pattern: str, first: str, *, read: bool = True) -> None:
    """
    What a bare word is read as; text of that look is written in quotes.

    PyYAML alone would write the text 72e100 bare: YAML 1.1 has no such number, but Go's has.
    """
    for known in (_Loader, _Dumper) if read else (_Dumper,):
        known.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", re.compile(pattern), list(first))


_resolve("bool", r"^(?:true|True|TRUE|false|False|FALSE)$", "tTfF")
_resolve("null", r"^(?:~|null|Null|NULL|)$", "~nN\0")
_Loader.yaml_implicit_resolvers.setdefault("", []).append(
    ("tag:yaml.org,2002:null", re.compile("^$"))
)
_resolve("int", r"^[-+]?(?:0b[01_]+|0x[0-9a-fA-F_]+|0[0-7_]*|[1-9][0-9_]*)$", "-+0123456789")
_resolve(
    "float",
    r"^[-+]?(?:\.[0-9]+|[0-9]+\.[0-9]*|[0-9]+(?=[eE]))(?:[eE][-+]?[0-9]+)?$",
    "-+.0123456789",
)
_resolve("merge", r"^<<$", "<")


_resolve("float", r"^[-+]?[0-9][0-9_]*(?:\.[0-9_]*)?[eE][-+]?[0-9]+$", "-+0123456789", read=False)
_resolve("int", r"^[-+]?0o[0-7_]+$", "-+0", read=False)


def dump(*written: Any, width: int | None = None) -> str:
    """YAML documents that every tool reads as they are; lines break at `width` (80)."""
    text = yaml.dump_all(
        written, Dumper=_Dumper, sort_keys=False, width=width, explicit_start=len(written) > 1
    )
    return str(text)


def documents(text: str | bytes) -> list[Any]:
    """Every non-empty YAML document of the text."""
    try:
        return [d for d in yaml.load_all(text, Loader=_Loader) if d is not None]
    except yaml.YAMLError as error:
        raise ManifestError(" ".join(str(error).split())) from None
    except (ValueError, OverflowError) as error:
        raise ManifestError(str(error)) from None


def objects(text: str | bytes) -> list[Object]:
    """Every Kubernetes object of the text, the items of Lists one by one."""
    found: list[Object] = []
    for document in documents(text):
        found.extend(_flatten(document))
    return found


def _flatten(document: Any) -> list[Object]:
    if not isinstance(document, dict) or not document.get("kind"):
        raise ManifestError("a document is no Kubernetes object: it has no kind")
    kind = str(document["kind"])
    if kind.endswith("List") and isinstance(document.get("items"), list):
        return [obj for item in document["items"] for obj in _flatten(item)]
    if not document.get("apiVersion"):
        raise ManifestError(f"a document is no Kubernetes object: {kind} has no apiVersion")
    metadata = document.get("metadata")
    if not isinstance(metadata, dict) or not metadata.get("name"):
        raise ManifestError(f"a document is no Kubernetes object: {kind} has no metadata.name")
    return [document]
