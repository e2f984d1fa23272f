"""Data tables of steps."""

from harness.errors import HarnessBug


def pairs(table: list[list[str]]) -> dict[str, str]:
    """A two-column table as a mapping, in its order."""
    if any(len(row) != 2 for row in table):
        raise HarnessBug(f"A table of two columns is expected, not {table}.")
    return {key: value for key, value in table}  # noqa: C416 - names the two columns


def records(table: list[list[str]]) -> list[dict[str, str]]:
    """A table with a head row as one mapping a row."""
    head, *rows = table
    return [dict(zip(head, row, strict=True)) for row in rows]
