"""Feature files as test modules, their tags as marks, and the choice between them."""

import re
import types
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cucumber_tag_expressions import parse as parse_tags
from cucumber_tag_expressions.parser import TagExpressionError
from gherkin.errors import ParserError
from gherkin.parser import Parser
from gherkin.pickles.compiler import Compiler
from pytest_bdd import scenarios as bind
from pytest_bdd.scenario import get_python_name_generator, scenario_wrapper_template_registry

from harness.errors import HarnessBug, UsageError
from harness.model import catalogue, profile, sharding
from harness.model.sharding import Shard
from harness.plugin import collecting

DISRUPTIVE = "disruptive"
_WORD = re.compile(r"[^\s()]+")
_INTERVALS = ("while a control source", "somebody changes and deletes")
"""Steps that wait for what happens at intervals only: quiet windows, and what drifted."""
_SYNCS = ("every cluster", "everywhere", "synced", "is gone")
"""Steps that wait until a commit has come to the clusters."""
_LONG = 32.0
"""Seconds from which on a scenario is among the longest, most of which watch a quiet window."""
_BETWEEN = 3
"""How many others come between two of them."""
_OPERATORS = ("and", "or", "not")


class FeatureFile(pytest.Module):
    """One `.feature` file, collected like a module that binds all of its scenarios."""

    def _getobj(self) -> types.ModuleType:
        module = types.ModuleType(self.path.stem)
        module.__file__ = str(self.path)
        # scenarios() puts the tests into the namespace of its caller.
        code = compile("scenarios(path)", str(self.path), "exec")
        module.__dict__.update(scenarios=bind, path=str(self.path))
        exec(code, module.__dict__)  # noqa: S102 - the code is the line above
        return module


def register_markers(config: pytest.Config) -> None:
    """Every tag that a feature may carry; any other stops the collection."""
    for requirement in catalogue.load():
        config.addinivalue_line("markers", f"{requirement.id}: {requirement.title}")
    for capability in profile.CAPABILITIES:
        config.addinivalue_line("markers", f"{capability.name}: {capability.summary}")
    config.addinivalue_line("markers", f"{DISRUPTIVE}: disturbs the fleet itself; runs alone")


def tags_of(item: pytest.Item) -> tuple[str, ...]:
    """The tags of a scenario, feature and rule included, without `@`."""
    known = {mark.name for mark in item.iter_markers()}
    return tuple(sorted(t for t in known if is_tag(t)))


def is_tag(name: str) -> bool:
    """Whether a mark is one of ours and not pytest's own."""
    return (
        name == DISRUPTIVE
        or catalogue.is_requirement_tag(f"@{name}")
        or profile.is_capability(name)
    )


def select(
    items: list[Any], expression: str, requirements: Iterable[str], scenarios: Iterable[str] = ()
) -> tuple[list[Any], list[Any]]:
    """(chosen, left out) by a tag expression, by requirement IDs and by scenario ids."""
    wants = choice(expression, requirements)
    named = set(scenarios)
    chosen: list[Any] = []
    left: list[Any] = []
    for item in items:
        meant = not named or collecting.identifier(item.nodeid) in named
        (chosen if meant and wants(tags_of(item)) else left).append(item)
    return chosen, left


def count(directory: Path, expression: str, requirements: Iterable[str]) -> int:
    """How many scenarios of a folder of features a choice means; UsageError if it is no choice."""
    for word in _WORD.findall(expression):
        if word not in _OPERATORS and not _is_known(word):
            raise UsageError(
                f"--tags {expression!r}: there is no tag {word}; tags are requirements "
                f"(@CD-SYNC-05), capabilities (@suspend) and @{DISRUPTIVE}."
            )
    wants = choice(expression, requirements)
    return sum(wants(sketch.tags) for _, _, sketch in _sketches(directory))


@dataclass(frozen=True, slots=True)
class Sketch:
    """What a feature file says of a scenario, known without running it."""

    path: str
    feature: str
    name: str
    line: int
    tags: tuple[str, ...]

    @property
    def alone(self) -> bool:
        """Whether nothing may run beside it."""
        return DISRUPTIVE in self.tags


def sketches(directory: Path) -> dict[str, Sketch]:
    """The scenarios of a folder by their node ids, those of outlines without their rows."""
    return {nodeid: sketch for nodeid, _, sketch in _sketches(directory)}


def cases(
    directory: Path, expression: str, requirements: Iterable[str], scenarios: Iterable[str] = ()
) -> dict[str, Sketch]:
    """The chosen scenarios by the node ids that pytest gives them, each row of an outline one."""
    wants = choice(expression, requirements)
    named = set(scenarios)
    return {
        nodeid + row: sketch
        for nodeid, row, sketch in _sketches(directory)
        if wants(sketch.tags) and (not named or collecting.identifier(nodeid + row) in named)
    }


def dealt(chosen: Mapping[str, Sketch], shard: Shard | None) -> dict[str, Sketch]:
    """What of the chosen scenarios falls to a shard; those that run alone are dealt last."""
    ordered = sorted(chosen, key=lambda nodeid: chosen[nodeid].alone)
    mine = sharding.deal(ordered, shard) if shard else ordered
    return {nodeid: chosen[nodeid] for nodeid in mine}


def _sketches(directory: Path) -> Iterator[tuple[str, str, Sketch]]:
    """(node id, row of an outline as pytest writes it, sketch), in the order of the files."""
    for path in sorted(directory.rglob("*.feature")):
        where = path.relative_to(directory).as_posix()
        try:
            document: Any = {**Parser().parse(path.read_text(encoding="utf-8")), "uri": where}
        except ParserError as error:
            raise HarnessBug(f"{path} is no feature file: {error}") from None
        written = dict(_written(document["feature"]["children"]))
        for pickle in Compiler().compile(document):
            identifier, *row = pickle["astNodeIds"]
            scenario = written[identifier]
            sketch = Sketch(
                where,
                document["feature"]["name"],
                pickle["name"],
                scenario["location"]["line"],
                tuple(sorted(tag["name"].removeprefix("@") for tag in pickle["tags"])),
            )
            test = next(iter(get_python_name_generator(scenario["name"])))
            yield f"{where}::{test}", _parameters(scenario, row), sketch


def _parameters(scenario: Any, row: list[str]) -> str:
    """What pytest-bdd and pytest make of a row: its values, without any letter but ASCII."""
    for examples in scenario["examples"]:
        for each in examples["tableBody"]:
            if [each["id"]] == row:
                text = "-".join(cell["value"] for cell in each["cells"])
                return f"[{text.encode('unicode_escape').decode('ascii')}]"
    return ""


def _written(children: list[Any]) -> Iterator[tuple[str, Any]]:
    for child in children:
        if "rule" in child:
            yield from _written(child["rule"]["children"])
        elif "scenario" in child:
            yield child["scenario"]["id"], child["scenario"]


def in_turn(items: Iterable[pytest.Item]) -> list[pytest.Item]:
    """
    The scenarios in the order in which several workers best take them.

    Those that wait longest come first, else the last worker alone waits out what began last. The
    very longest have others between them: while all workers wait, the machine has nothing to do.
    """
    ordered = sorted(items, key=patience, reverse=True)
    longest = [item for item in ordered if patience(item) >= _LONG]
    others = ordered[len(longest) :]
    woven = []
    for item in longest:
        woven += [item, *others[:_BETWEEN]]
        del others[:_BETWEEN]
    return [*woven, *others]


def patience(item: pytest.Item) -> float:
    """How long a scenario is likely to take, in seconds of a busy machine."""
    function: Any = getattr(item, "obj", None)
    scenario = scenario_wrapper_template_registry.get(function) if function else None
    return sum(_patience(step.name) for step in scenario.steps) if scenario else 0.0


def _patience(step: str) -> float:
    if any(words in step for words in _INTERVALS):
        return 20.0
    return 6.0 if any(words in step for words in _SYNCS) else 0.3


def choice(expression: str, requirements: Iterable[str]) -> Callable[[tuple[str, ...]], bool]:
    """Whether the tags of a scenario are what the user asked for."""
    wanted = set(requirements)
    try:
        chosen_by_tags = parse_tags(expression) if expression else None
    except TagExpressionError as error:
        why = next((line for line in reversed(str(error).splitlines()) if line.strip()), "")
        raise UsageError(f"--tags {expression!r} is no tag expression. {why}".rstrip()) from None

    def wants(tags: tuple[str, ...]) -> bool:
        matches = chosen_by_tags is None or chosen_by_tags.evaluate([f"@{t}" for t in tags])
        return bool(matches) and (not wanted or bool(wanted & set(tags)))

    return wants


def _is_known(tag: str) -> bool:
    name = tag.removeprefix("@")
    return tag.startswith("@") and (
        name == DISRUPTIVE or profile.is_capability(name) or name in catalogue.load()
    )


def collect(parent: pytest.Collector, path: Path) -> pytest.Module | None:
    """A collector for a feature file, None for any other file."""
    if path.suffix != ".feature":
        return None
    module: pytest.Module = FeatureFile.from_parent(parent, path=path)
    return module
