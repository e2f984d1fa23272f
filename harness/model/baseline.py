"""
Baselines: what is known to fail of one system at given versions, and why.

Rules on the text of a file; each mistake is one sentence with the file, the line and what to do.
What a deviation means for a verdict is in `verdict`, how a report lists it in `reporting`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import yaml

from harness.errors import UsageError
from harness.model.catalogue import Catalogue

SHIPPED: Final = Path(__file__).resolve().parents[1] / "baselines"
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9.-]*")
_NULL: Final = "tag:yaml.org,2002:null"
_FIX: Final[dict[str, str]] = {
    "scenario": "name the scenario by its id in the report",
    "requirement": "name the requirement that the scenario shows to be broken",
    "reason": "say why it fails",
    "evidence": "give the upstream link, or say where it was seen",
}
_KEYS: Final = ("system", "versions", "deviations")


@dataclass(frozen=True, slots=True)
class Deviation:
    """One scenario that is known to fail."""

    scenario: str
    requirement: str
    reason: str
    evidence: str
    line: int


@dataclass(frozen=True, slots=True)
class Baseline:
    """All that is known to fail of one system."""

    file: str
    system: str
    versions: Mapping[str, str]
    """Program -> the version that the baseline speaks about."""
    deviations: tuple[Deviation, ...]

    @property
    def reasons(self) -> dict[str, str]:
        """Scenario -> reason, as verdicts need it."""
        return {deviation.scenario: deviation.reason for deviation in self.deviations}

    def check_scenarios(self, shown: Mapping[str, Iterable[str]]) -> None:
        """
        Refuse a scenario that does not exist, or that does not show the requirement.

        `shown` maps the id of each scenario, an outline's without its row, to its tags.
        """
        for deviation in self.deviations:
            base, row, _ = deviation.scenario.partition("[")
            if base not in shown:
                raise self._wrong(
                    deviation,
                    f"there is no scenario {deviation.scenario}; every report lists their ids",
                )
            if deviation.requirement not in shown[base]:
                raise self._wrong(
                    deviation,
                    f"{base} does not show {deviation.requirement}; name one of its requirements",
                )
            if row and not deviation.scenario.endswith("]"):
                raise self._wrong(
                    deviation, f"{deviation.scenario} ends within its row; close it with ]"
                )

    def check_system(self, system: str) -> None:
        """Refuse to be used for another system."""
        if system != self.system:
            raise UsageError(
                f"{self.file}: the baseline is about {self.system}, but {system} is judged; "
                f"name another with --baseline, or none."
            )

    def other_versions(self, running: Mapping[str, str]) -> str | None:
        """Which program runs at a version that the baseline does not speak about, or None."""
        told = [
            f"{program} {running[program]} runs, not {version}"
            for program, version in self.versions.items()
            if running.get(program, version).removeprefix("v") != version.removeprefix("v")
        ]
        return "; ".join(told) or None

    def _wrong(self, deviation: Deviation, what: str) -> UsageError:
        return UsageError(f"{self.file}, line {deviation.line}: {what}.")


def shipped(name: str) -> Path | None:
    """The shipped baseline of a system or of a variant such as `flux-plain`, or None."""
    path = SHIPPED / f"{name}.yaml"
    return path if _NAME.fullmatch(name) and path.is_file() else None


def read(path: Path, catalogue: Catalogue) -> Baseline:
    """The baseline in a file."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no UTF-8 text"
        raise UsageError(f"The baseline {path} cannot be read: {why}.") from None
    return parse(text, catalogue, file=path.name)


def parse(text: str, catalogue: Catalogue, *, file: str) -> Baseline:
    """A baseline from YAML text; UsageError for the first thing that is wrong."""
    try:
        root = yaml.compose(text, Loader=yaml.CSafeLoader)
    except yaml.YAMLError as error:
        raise UsageError(f"{file}{_told(error)}; correct the YAML.") from None
    return _Reader(file, catalogue).baseline(root)


def _told(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or "this is no YAML"
    return f", line {mark.line + 1}: {problem}" if mark else f": {problem}"


class _Reader:
    """Nodes of YAML, which know their lines, to a baseline."""

    def __init__(self, file: str, catalogue: Catalogue) -> None:
        self._file = file
        self._catalogue = catalogue

    def baseline(self, root: yaml.Node | None) -> Baseline:
        if root is None:
            raise UsageError(f"{self._file}, line 1: the file is empty; it needs {_and(_KEYS)}.")
        parts = self._mapping(root, "a baseline")
        self._only(parts, _KEYS, "a baseline")
        for key in _KEYS:
            if key not in parts:
                raise self._wrong(root, f"the baseline has no {key}; add it")
        versions = self._mapping(parts["versions"], "versions")
        if not versions:
            raise self._wrong(parts["versions"], "versions names no program; add those judged")
        listed = parts["deviations"]
        if not isinstance(listed, yaml.SequenceNode):
            raise self._wrong(listed, "deviations is no list; begin each with a dash")
        return Baseline(
            file=self._file,
            system=self._text(parts["system"], "system", "name the system"),
            versions={
                program: self._text(node, f"the version of {program}", "name it")
                for program, node in versions.items()
            },
            deviations=self._deviations(listed),
        )

    def _deviations(self, listed: yaml.SequenceNode) -> tuple[Deviation, ...]:
        found: dict[str, Deviation] = {}
        for node in listed.value:
            deviation = self._deviation(node)
            if before := found.get(deviation.scenario):
                raise self._wrong(
                    node,
                    f"{deviation.scenario} is listed in line {before.line} already; keep one",
                )
            found[deviation.scenario] = deviation
        return tuple(found.values())

    def _deviation(self, node: yaml.Node) -> Deviation:
        parts = self._mapping(node, "a deviation")
        self._only(parts, tuple(_FIX), "a deviation")
        for key, fix in _FIX.items():
            if key not in parts:
                raise self._wrong(node, f"the deviation has no {key}; {fix}")
        texts = {key: self._text(parts[key], key, fix) for key, fix in _FIX.items()}
        if texts["requirement"] not in self._catalogue:
            raise self._wrong(
                parts["requirement"],
                f"there is no requirement {texts['requirement']}; see `gitops-conformance list`",
            )
        return Deviation(line=_line(node), **texts)

    def _mapping(self, node: yaml.Node, what: str) -> dict[str, yaml.Node]:
        if not isinstance(node, yaml.MappingNode):
            raise self._wrong(node, f"{what} is no mapping; write one `key: value` a line")
        parts: dict[str, yaml.Node] = {}
        for key, value in node.value:
            name = self._text(key, "a key", "name it")
            if name in parts:
                raise self._wrong(key, f"{name} is there twice; keep one")
            parts[name] = value
        return parts

    def _only(self, parts: Mapping[str, yaml.Node], known: tuple[str, ...], what: str) -> None:
        for name, node in parts.items():
            if name not in known:
                raise self._wrong(node, f"{what} has no {name}; known are {_and(known)}")

    def _text(self, node: yaml.Node, what: str, fix: str) -> str:
        if not isinstance(node, yaml.ScalarNode):
            raise self._wrong(node, f"{what} is no text; {fix}")
        text = "" if node.tag == _NULL else str(node.value).strip()
        if not text:
            raise self._wrong(node, f"{what} is empty; {fix}")
        return text

    def _wrong(self, node: yaml.Node, what: str) -> UsageError:
        return UsageError(f"{self._file}, line {_line(node)}: {what}.")


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def _and(names: Iterable[str]) -> str:
    *most, last = names
    return f"{', '.join(most)} and {last}"
