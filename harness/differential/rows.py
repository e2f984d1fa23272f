"""
The differences that are known, each a matcher with a reason; `docs/differences.md` is made of them.

A row that nothing needs is as wrong as a difference without a row: a full run says so. Only rows of
kind `race` may be idle: they are about what Flux does now and then.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from importlib import resources
from typing import Any, Final

import yaml

from harness.differential.comparing import CLASSES, Difference
from harness.errors import HarnessBug

PAIR: Final = ("reference", "flux")
"""Which systems the rows speak of, left and right."""
RACE: Final = "race"
KINDS: Final = {
    "accepted": "the reference is simpler on purpose",
    "wording": "the same is said in other words",
    "flux": "Flux does what nobody would ask for",
    RACE: "Flux does it now and then; not every run meets it",
}
_FIELDS: Final = ("id", "class", "kind", "subject", "path", "left", "right", "why")
_FILE: Final = "differences.yaml"


@dataclass(frozen=True, slots=True)
class Row:
    """One known difference; its patterns must match the whole text of all four."""

    id: str
    class_: str
    kind: str
    subject: str
    path: str
    left: str
    right: str
    why: str

    def fits(self, difference: Difference) -> bool:
        """Whether this is the difference that the row is about."""
        return self.class_ == difference.kind and all(
            re.fullmatch(pattern, text, re.DOTALL)
            for pattern, text in (
                (self.subject, difference.subject),
                (self.path, difference.path),
                (self.left, difference.left),
                (self.right, difference.right),
            )
        )


@dataclass(slots=True)
class Ledger:
    """Rows, and how often each was needed."""

    rows: Sequence[Row]
    swapped: bool = False
    """Whether the systems stand the other way round than in the rows."""
    hits: Counter[str] = field(default_factory=Counter)

    def unexplained(self, found: Iterable[Difference]) -> list[Difference]:
        """Those that no row is about; the others are counted."""
        rest = []
        for difference in found:
            seen = difference.swapped() if self.swapped else difference
            row = next((row for row in self.rows if row.fits(seen)), None)
            if row is None:
                rest.append(difference)
            else:
                self.hits[row.id] += 1
        return rest

    def unused(self) -> list[str]:
        """The rows that nothing needed, though every run should."""
        return [row.id for row in self.rows if row.kind != RACE and not self.hits[row.id]]


def ledger(left: str, right: str) -> Ledger:
    """The rows for two systems; none where they are not the pair that the rows speak of."""
    if (left, right) == PAIR:
        return Ledger(load())
    if (right, left) == PAIR:
        return Ledger(load(), swapped=True)
    return Ledger(())


def load() -> tuple[Row, ...]:
    """All rows."""
    text = resources.files("harness.differential").joinpath(_FILE).read_text("utf-8")
    return parse(yaml.safe_load(text) or [])


def parse(raw: Sequence[dict[str, Any]]) -> tuple[Row, ...]:
    """Rows as the file has them; a mistake in one is told by its id."""
    rows = []
    for entry in raw:
        name = entry.get("id")
        if set(entry) != set(_FIELDS):
            raise HarnessBug(f"{_FILE}: {name} must have exactly {', '.join(_FIELDS)}")
        if entry["class"] not in CLASSES or entry["kind"] not in KINDS:
            raise HarnessBug(f"{_FILE}: {name} has an unknown class or kind")
        rows.append(Row(*(str(entry[key]).strip() for key in _FIELDS)))
    if len({row.id for row in rows}) != len(rows):
        raise HarnessBug(f"{_FILE}: an id is there twice")
    return tuple(rows)


def document(rows: Sequence[Row]) -> str:
    """The text of `docs/differences.md`."""
    lines = [
        "# Where the reference and real Flux differ",
        "",
        "Made from `harness/differential/differences.yaml` by",
        "`python -m harness.differential.rows > docs/differences.md`; do not edit.",
        "",
        "`gitops-conformance compare-systems reference flux` does the same to both and compares",
        "objects, field managers, inventories, conditions, revisions and events. Every difference",
        "is a row here or a failure; a row that nothing needs any more is a failure as well.",
        "The patterns are regular expressions that match the whole text. Not compared are times,",
        "uids, resource versions, how often the same is told in a row, and where the events that",
        "tell of nothing done (`traces`) stand among the others.",
        "",
    ]
    for kind, meaning in KINDS.items():
        chosen = [row for row in rows if row.kind == kind]
        if not chosen:
            continue
        lines += [f"## {kind}: {meaning}", ""]
        lines += ["| row | of | reference | Flux | why |", "|---|---|---|---|---|"]
        for row in chosen:
            where = f"{row.class_} of `{_cell(row.subject)}`, `{_cell(row.path)}`"
            lines.append(
                f"| {row.id} | {where} | `{_cell(row.left)}` | `{_cell(row.right)}` "
                f"| {_cell(row.why)} |"
            )
        lines.append("")
    return "\n".join(lines)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


if __name__ == "__main__":
    print(document(load()), end="")  # noqa: T201
