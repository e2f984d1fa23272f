"""
Shards: a run is dealt into parts, which run elsewhere at once, and whose records are merged.

Which scenarios there are, and in which order, is said by the caller.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from harness.errors import UsageError

T = TypeVar("T")

INDEX: Final = "JOB_COMPLETION_INDEX"
"""The environment variable by which Kubernetes tells a pod of an Indexed Job its number, from 0."""


@dataclass(frozen=True, slots=True)
class Shard:
    """One of several parts, numbered from 1."""

    number: int
    of: int

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"


def parse(text: str, index: str | None) -> Shard:
    """The shard of `--shard`: `2/5`, or `auto/5`, whose number follows from a pod's `index`."""
    form = re.fullmatch(r"(auto|[0-9]{1,9})/([0-9]{1,9})", text)
    if form is None or int(form[2]) == 0:
        raise UsageError(f"--shard {text!r} is not of the form NUMBER/OF, such as 2/5 or auto/5.")
    of = int(form[2])
    if form[1] == "auto":
        return Shard(_from_index(text, index, of), of)
    number = int(form[1])
    if not 1 <= number <= of:
        raise UsageError(f"--shard {text}: of {of} shards the numbers are 1 to {of}.")
    return Shard(number, of)


def _from_index(text: str, index: str | None, of: int) -> int:
    if not index:
        raise UsageError(
            f"--shard {text} takes its number from {INDEX}, which is not set here; "
            "Kubernetes sets it in the pods of an Indexed Job."
        )
    if not re.fullmatch("[0-9]{1,9}", index) or int(index) >= of:
        raise UsageError(
            f"--shard {text}: {INDEX} is {index!r}, not one of 0 to {of - 1}; "
            f"give the Job as many completions as there are shards."
        )
    return int(index) + 1


def deal(ordered: Sequence[T], shard: Shard) -> list[T]:
    """
    What falls to a shard when all is dealt round, like cards: each to exactly one.

    Neighbours are scenarios of one file and take about as long, so that this spreads what is slow
    better than a hash would, and no table of durations has to be kept.
    """
    return list(ordered[shard.number - 1 :: shard.of])
