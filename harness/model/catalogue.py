"""
The catalogue of requirements: every documented statement with its level, source and observability.

The data is `requirements.yaml` beside this file. Verdicts on requirements belong to `verdict`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from enum import StrEnum
from functools import cache
from importlib import resources
from typing import Any, Final

import yaml

from harness.errors import HarnessBug

_ID: Final = re.compile(r"CD-(?P<area>[A-Z]+)-\d{2}")


class Level(StrEnum):
    """How binding a requirement is."""

    MUST = "MUST"
    MUST_D = "MUST(d)"
    SHOULD = "SHOULD"
    NOTE = "NOTE"

    @property
    def rank(self) -> int:
        """0 for the most binding level."""
        return list(Level).index(self)


class Observable(StrEnum):
    """Where a requirement can be observed; only `api` can be judged."""

    API = "api"
    UI = "ui"
    DOCS = "docs"


class Judged(StrEnum):
    """Whose behaviour a requirement shows."""

    MANAGEMENT = "management"
    ATTACHED = "attached"
    BOTH = "both"


@dataclass(frozen=True, slots=True)
class Requirement:
    """One atomic documented statement."""

    id: str
    level: Level
    area: str
    title: str
    source: str
    observable: Observable
    judged: Judged

    @property
    def tag(self) -> str:
        """The tag that a scenario carries to show this requirement."""
        return f"@{self.id}"


class Catalogue:
    """All requirements, in the order of the catalogue."""

    def __init__(self, requirements: Iterable[Requirement]) -> None:
        self._by_id: dict[str, Requirement] = {}
        for requirement in requirements:
            if requirement.id in self._by_id:
                raise HarnessBug(f"requirement {requirement.id} is in the catalogue twice")
            self._by_id[requirement.id] = requirement

    def __iter__(self) -> Iterator[Requirement]:
        return iter(self._by_id.values())

    def __len__(self) -> int:
        return len(self._by_id)

    def __contains__(self, identifier: object) -> bool:
        return identifier in self._by_id

    def get(self, identifier: str) -> Requirement:
        """The requirement of that ID; a sentence with near IDs where there is none."""
        try:
            return self._by_id[identifier]
        except KeyError:
            area = identifier.removeprefix("CD-").partition("-")[0]
            near = [known for known in self._by_id if known.startswith(f"CD-{area}-")]
            hint = f" {area} has {', '.join(near)}." if near else ""
            raise KeyError(f"no requirement is called {identifier}.{hint}") from None

    def at(self, level: Level) -> tuple[Requirement, ...]:
        """The requirements of one level."""
        return tuple(r for r in self if r.level is level)

    def area(self, area: str) -> tuple[Requirement, ...]:
        """The requirements of one area, such as SYNC."""
        return tuple(r for r in self if r.area == area)

    @property
    def areas(self) -> tuple[str, ...]:
        """The areas, in the order of the catalogue."""
        return tuple(dict.fromkeys(r.area for r in self))

    def of_tags(self, tags: Iterable[str]) -> tuple[Requirement, ...]:
        """The requirements that tags name (`@` optional); a KeyError for an unknown ID."""
        names = [tag.removeprefix("@") for tag in tags]
        return tuple(self.get(name) for name in names if is_requirement_tag(name))


def is_requirement_tag(tag: str) -> bool:
    """Whether the tag has the form of a requirement ID, known or not."""
    return re.fullmatch(r"CD-[A-Z]+-\d+", tag.removeprefix("@")) is not None


@cache
def load() -> Catalogue:
    """The catalogue that is shipped."""
    text = resources.files("harness.model").joinpath("requirements.yaml").read_text("utf-8")
    return parse(text)


def parse(text: str) -> Catalogue:
    """A catalogue from YAML text; HarnessBug names what is wrong with which entry."""
    entries = yaml.load(text, Loader=yaml.CSafeLoader)
    if not isinstance(entries, list):
        raise HarnessBug("the catalogue of requirements is no list")
    return Catalogue(_requirement(entry) for entry in entries)


def _requirement(entry: Any) -> Requirement:
    expected = {field.name for field in fields(Requirement)}
    if not isinstance(entry, dict) or set(entry) != expected:
        raise HarnessBug(f"a requirement needs exactly {sorted(expected)}, but found {entry!r}")
    form = _ID.fullmatch(str(entry["id"]))
    if form is None or form["area"] != entry["area"]:
        raise HarnessBug(f"{entry['id']!r} is no ID of area {entry['area']!r}")
    if not str(entry["title"]).endswith(".") or len(entry["title"]) > 120 or not entry["source"]:
        raise HarnessBug(f"{entry['id']} needs a source and a short sentence as its title")
    try:
        return Requirement(
            id=entry["id"],
            level=Level(entry["level"]),
            area=entry["area"],
            title=entry["title"],
            source=entry["source"],
            observable=Observable(entry["observable"]),
            judged=Judged(entry["judged"]),
        )
    except ValueError as error:
        raise HarnessBug(f"{entry['id']}: {error}") from None
