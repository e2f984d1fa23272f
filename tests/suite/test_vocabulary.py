"""What pytest-bdd does not check of steps (style.md 5), each as a claim."""

import ast
import inspect
import textwrap
from collections import Counter

import pytest

from harness.plugin import wiring
from harness.steps.expressions import Expression
from tests.suite import vocabulary
from tests.suite.vocabulary import Definition

_MOST_LINES = 20
_FORBIDDEN = ("harness.controllers", "harness.systems", "harness.cli", "harness.plugin")
_definitions = vocabulary.definitions()
every_definition = pytest.mark.parametrize(
    "definition", _definitions, ids=lambda d: f"{d.context.type} {d.context.parser.name}"
)


def test_the_guards_see_features_and_definitions():
    assert len(vocabulary.pickles()) > 40
    assert len(_definitions) > 60


@pytest.mark.parametrize(
    "pickle", vocabulary.pickles(), ids=lambda pickle: f"{pickle.path}: {pickle.name}"
)
def test_each_step_matches_exactly_one_definition(pickle):
    """Of two that match pytest-bdd picks one, silently."""
    wrong = {
        f"{step.kind} {step.text}": [str(d) for d in _definitions if d.matches(step)]
        for step in pickle.steps
        if sum(d.matches(step) for d in _definitions) != 1
    }

    assert wrong == {}


def test_no_definition_is_unused():
    used = {
        definition
        for pickle in vocabulary.pickles()
        for step in pickle.steps
        for definition in _definitions
        if definition.matches(step)
    }

    assert [str(d) for d in _definitions if d not in used] == []


def test_no_two_definitions_of_a_kind_have_the_same_words():
    words = Counter((d.context.type, d.context.parser.name) for d in _definitions)

    assert [text for text, times in words.items() if times > 1] == []


def test_the_plugin_loads_every_module_that_defines_steps():
    defining = {module for module in vocabulary.step_modules() if vocabulary.definitions_of(module)}

    assert defining == set(wiring._STEP_MODULES)


@every_definition
def test_no_step_is_a_coroutine(definition: Definition):
    """pytest-bdd never awaits one: it would pass without having run."""
    function = definition.context.step_func

    assert not inspect.iscoroutinefunction(function)
    assert not inspect.isasyncgenfunction(function)


@every_definition
def test_a_step_uses_all_that_it_asks_for(definition: Definition):
    tree = _tree(definition)
    read = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    parameters = [*tree.args.args, *tree.args.kwonlyargs]

    assert [p.arg for p in parameters if p.arg not in read] == []
    assert tree.args.defaults == [], "a step with a default hides what the feature says"


@every_definition
def test_the_words_name_every_value_that_they_carry(definition: Definition):
    parser = definition.context.parser
    asked = set(inspect.signature(definition.context.step_func).parameters)

    if isinstance(parser, Expression):
        assert set(parser._names) <= asked
        assert len(parser._names) == len(set(parser._names))


@every_definition
def test_a_step_is_short_and_says_what_it_does(definition: Definition):
    tree = _tree(definition)
    docstring, *body = tree.body
    lines = (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0

    assert inspect.getdoc(definition.context.step_func), "what does the step promise?"
    assert isinstance(docstring, ast.Expr)
    assert lines <= _MOST_LINES


@pytest.mark.parametrize("module", vocabulary.step_modules(), ids=lambda m: m.__name__)
def test_steps_do_not_know_what_they_judge(module):
    tree = ast.parse(inspect.getsource(module))
    imported = {
        f"{node.module}.{alias.name}" if isinstance(node, ast.ImportFrom) else alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }

    assert [name for name in imported if name.startswith(_FORBIDDEN)] == []


def _tree(definition: Definition) -> ast.FunctionDef:
    source = textwrap.dedent(inspect.getsource(definition.context.step_func))
    tree = ast.parse(source).body[0]
    assert isinstance(tree, ast.FunctionDef)
    return tree
