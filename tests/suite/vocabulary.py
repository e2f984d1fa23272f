"""What the features say and what the step modules define, side by side."""

import importlib
import pkgutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from gherkin.parser import Parser
from gherkin.pickles.compiler import Compiler
from pytest_bdd.steps import StepFunctionContext, step_function_context_registry

from harness import data, steps

_KINDS = {"Context": "given", "Action": "when", "Outcome": "then"}


@dataclass(frozen=True)
class Step:
    kind: str
    text: str


@dataclass(frozen=True)
class Pickle:
    """A scenario as it runs: tags merged, rows of its examples filled in."""

    path: str
    name: str
    tags: tuple[str, ...]
    steps: tuple[Step, ...]


@dataclass(frozen=True)
class Scenario:
    """A scenario as it is written."""

    path: str
    name: str
    line: int
    tags: tuple[str, ...] = field(default=())


@dataclass(frozen=True, eq=False)
class Definition:
    module: ModuleType
    name: str
    context: StepFunctionContext

    def matches(self, step: Step) -> bool:
        return self.context.type in (None, step.kind) and self.context.parser.is_matching(step.text)

    def __str__(self) -> str:
        function = self.context.step_func.__name__
        return f"{self.module.__name__}.{function}: {self.context.type} {self.context.parser.name}"


@cache
def feature_files() -> tuple[Path, ...]:
    return tuple(sorted(data.path("features").rglob("*.feature")))


@cache
def documents() -> dict[str, Any]:
    return {
        path.relative_to(data.path("features")).as_posix(): {
            **Parser().parse(path.read_text(encoding="utf-8")),
            "uri": str(path),
        }
        for path in feature_files()
    }


@cache
def pickles() -> tuple[Pickle, ...]:
    return tuple(
        Pickle(
            path,
            pickle["name"],
            tuple(tag["name"] for tag in pickle["tags"]),
            tuple(Step(_KINDS[step["type"]], step["text"]) for step in pickle["steps"]),
        )
        for path, document in documents().items()
        for pickle in Compiler().compile(document)
    )


@cache
def scenarios() -> tuple[Scenario, ...]:
    return tuple(
        Scenario(path, one["name"], one["location"]["line"], tags)
        for path, document in documents().items()
        for one, tags in _written(document["feature"]["children"], _tags(document["feature"]))
    )


@cache
def step_modules() -> tuple[ModuleType, ...]:
    return tuple(
        importlib.import_module(info.name)
        for info in pkgutil.iter_modules(steps.__path__, f"{steps.__name__}.")
    )


def definitions_of(module: ModuleType) -> list[Definition]:
    """As pytest-bdd finds them: fixtures whose function it has in its registry."""
    found = []
    for name, value in vars(module).items():
        function = getattr(value, "_fixture_function", None)
        if function is not None and function in step_function_context_registry:
            found.append(Definition(module, name, step_function_context_registry[function]))
    return found


@cache
def definitions() -> tuple[Definition, ...]:
    return tuple(d for module in step_modules() for d in definitions_of(module))


def _written(children: list[Any], above: tuple[str, ...]) -> Iterator[tuple[Any, tuple[str, ...]]]:
    for child in children:
        if "rule" in child:
            yield from _written(child["rule"]["children"], above + _tags(child["rule"]))
        elif "scenario" in child:
            yield child["scenario"], above + _tags(child["scenario"])


def _tags(node: Any) -> tuple[str, ...]:
    return tuple(tag["name"] for tag in node["tags"])
