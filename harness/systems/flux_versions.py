"""
The version matrix: pairs of Flux controllers that were shipped, and those that can be built.

The data is `flux_versions.yaml` beside this file. What an era does is in `model.eras`; starting the
controllers belongs to the systems.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Final

import yaml

from harness.errors import HarnessBug, Inconclusive, UsageError
from harness.model import era_detection
from harness.model.eras import Era

SOURCE: Final = "source-controller"
KUSTOMIZE: Final = "kustomize-controller"
_FILE: Final = "flux_versions.yaml"


@dataclass(frozen=True, slots=True)
class Pair:
    """A source-controller and a kustomize-controller that are to run together."""

    name: str
    source: str
    kustomize: str
    era: str
    released: bool
    buildable: bool
    reason: str
    """Why it cannot be built; of one that can, what a report must say of it."""
    dkp: tuple[str, ...] = ()
    flux: str | None = None
    kubefed: str | None = None
    source_program: str | None = None
    """The folder of the assets that builds it; None where nothing does."""
    kustomize_program: str | None = None

    @property
    def programs(self) -> tuple[str, ...]:
        """The folders of the assets that build it."""
        return tuple(p for p in (self.source_program, self.kustomize_program) if p is not None)

    @property
    def versions(self) -> dict[str, str]:
        """The version of each controller, as a baseline names them."""
        return {SOURCE: self.source, KUSTOMIZE: self.kustomize}

    @property
    def behaviour(self) -> Era:
        """What the two do together."""
        found = era_detection.detect(self.source, self.kustomize)
        if found is None:
            raise HarnessBug(f"{_FILE}: {self.name} has versions of no known era")
        return found

    def __str__(self) -> str:
        told = f"{SOURCE} {self.source} and {KUSTOMIZE} {self.kustomize}"
        if not self.released:
            return f"{told} ({self.reason})"
        return f"{told} (Flux {self.flux}, DKP {', '.join(self.dkp)})"


@dataclass(frozen=True, slots=True)
class Matrix:
    """All pairs, the one that is taken where none is named, and the reference's model."""

    pairs: tuple[Pair, ...]
    default: Pair
    transcribed: Pair


def pairs() -> tuple[Pair, ...]:
    """All pairs, those that were shipped first and from old to new."""
    return load().pairs


def default() -> Pair:
    """The pair that is taken where none is named."""
    return load().default


def transcribed() -> Pair:
    """The newest pair: what the reference does as Flux does, it does as this one."""
    return load().transcribed


def named(name: str) -> Pair:
    """The pair of that name, whether it can be built or not."""
    for pair in pairs():
        if pair.name == name:
            return pair
    known = ", ".join(pair.name for pair in pairs())
    raise UsageError(f"There is no Flux version {name}; known are {known}.")


def choose(name: str | None = None) -> Pair:
    """The pair of that name (the default for None) for a run; Inconclusive if it has no build."""
    pair = default() if name is None else named(name)
    if not pair.buildable:
        can = ", ".join(p.name for p in pairs() if p.buildable)
        raise Inconclusive(
            "environment",
            f"inconclusive: {pair.reason}: {pair.name} is {pair}, which cannot be built; "
            f"pairs that can are {can}.",
        )
    return pair


@cache
def load() -> Matrix:
    """The matrix that is shipped."""
    return parse(resources.files("harness.systems").joinpath(_FILE).read_text("utf-8"))


def parse(text: str) -> Matrix:
    """A matrix from YAML text; HarnessBug where it contradicts itself."""
    content: Any = yaml.load(text, Loader=yaml.CSafeLoader)
    programs = {
        (program["controller"], program["version"]): name
        for name, program in content["programs"].items()
    }
    found = tuple(_pair(entry, programs) for entry in content["pairs"])
    names = [pair.name for pair in found]
    if len(set(names)) != len(names):
        raise HarnessBug(f"{_FILE}: a name is there twice: {', '.join(names)}")
    buildable = {pair.name: pair for pair in found if pair.buildable}
    for role in ("default", "transcribed"):
        if content[role] not in buildable:
            raise HarnessBug(f"{_FILE}: the {role} {content[role]} is no pair that can be built")
    return Matrix(found, buildable[content["default"]], buildable[content["transcribed"]])


def _pair(entry: dict[str, Any], programs: dict[tuple[str, str], str]) -> Pair:
    try:
        pair = Pair(**{**entry, "dkp": tuple(entry.get("dkp", ()))})
    except TypeError as error:
        raise HarnessBug(f"{_FILE}: {entry}: {error}") from None
    if pair.behaviour.name != pair.era:
        raise HarnessBug(f"{_FILE}: {pair.name} is of era {pair.behaviour.name}, not {pair.era}")
    if not pair.buildable:
        return pair
    try:
        return Pair(
            **{
                **entry,
                "source_program": programs[SOURCE, pair.source],
                "kustomize_program": programs[KUSTOMIZE, pair.kustomize],
            }
        )
    except KeyError as error:
        raise HarnessBug(f"{_FILE}: {pair.name} needs {error}, which no program is") from None
