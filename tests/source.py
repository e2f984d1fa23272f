"""Reading our own source: which functions a module calls."""

import ast
from collections.abc import Iterator
from pathlib import Path


def calls(path: Path, function: str) -> Iterator[str]:
    """The dotted names under which a module calls a function of that name."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            dotted = ast.unparse(node.func)
            if dotted.rpartition(".")[2] == function:
                yield dotted
