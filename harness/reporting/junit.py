"""
JUnit XML, as CI systems read it: a suite per feature, a case per scenario.

`skipped` is a skipped scenario. Errored, interrupted and inconclusive ones are errors whose type
tells them apart, because none of them has shown anything.
"""

from __future__ import annotations

import itertools
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from harness.reporting.record import RunRecord, ScenarioRecord
from harness.reporting.report import Report
from harness.reporting.text import first_line, printable


def write(run: RunRecord, report: Report) -> str:
    """junit.xml."""
    root = Element("testsuites", {"name": "gitops-conformance", **_counts(run.scenarios)})
    root.set("time", f"{run.duration:.3f}")
    ordered = sorted(run.scenarios, key=lambda s: (s.feature, s.id))
    for feature, group in itertools.groupby(ordered, key=lambda s: s.feature):
        scenarios = tuple(group)
        suite = SubElement(root, "testsuite", {"name": printable(feature), **_counts(scenarios)})
        suite.set("time", f"{sum(s.duration for s in scenarios):.3f}")
        suite.set("timestamp", run.started)
        _properties(suite, word=report.word, system=run.system, provider=run.provider)
        for scenario in scenarios:
            _case(suite, scenario)
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(root, "unicode") + "\n"


def _counts(scenarios: tuple[ScenarioRecord, ...]) -> dict[str, str]:
    outcomes = [scenario.outcome for scenario in scenarios]
    errors = sum(o in ("errored", "interrupted", "inconclusive") for o in outcomes)
    return {
        "tests": str(len(outcomes)),
        "failures": str(outcomes.count("failed")),
        "errors": str(errors),
        "skipped": str(outcomes.count("skipped")),
    }


def _case(suite: Element, scenario: ScenarioRecord) -> None:
    case = SubElement(
        suite,
        "testcase",
        {
            "name": printable(scenario.name),
            "classname": printable(scenario.feature),
            "time": f"{scenario.duration:.3f}",
        },
    )
    if scenario.uri:
        case.set("file", printable(scenario.uri))
        case.set("line", str(scenario.line))
    _properties(
        case,
        id=scenario.id,
        requirements=" ".join(sorted(scenario.requirements)),
        capabilities=" ".join(sorted(scenario.capabilities)),
    )
    if scenario.outcome != "passed":
        element = {"failed": "failure", "skipped": "skipped"}.get(scenario.outcome, "error")
        told = SubElement(case, element, {"message": first_line(printable(scenario.message))})
        told.set("type", _type(scenario))
        told.text = printable(_story(scenario))


def _type(scenario: ScenarioRecord) -> str:
    return f"{scenario.outcome}/{scenario.code}" if scenario.code else scenario.outcome


def _story(scenario: ScenarioRecord) -> str:
    steps = [f"{step.outcome:12} {step.keyword.strip()} {step.text}" for step in scenario.steps]
    return "\n".join([scenario.message, "", *steps]).strip()


def _properties(parent: Element, **properties: str) -> None:
    holder = SubElement(parent, "properties")
    for name, value in properties.items():
        SubElement(holder, "property", {"name": name, "value": printable(value)})
