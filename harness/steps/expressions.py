"""Step patterns as Cucumber expressions, and the parameter types of this vocabulary."""

from typing import Any

from cucumber_expressions.expression import CucumberExpression
from cucumber_expressions.parameter_type import ParameterType
from cucumber_expressions.parameter_type_registry import ParameterTypeRegistry
from pytest_bdd.parsers import StepParser

REGISTRY = ParameterTypeRegistry()


def parameter(name: str, pattern: str) -> None:
    """Make `{name}` stand for a text of this pattern."""
    REGISTRY.define_parameter_type(ParameterType(name, pattern, str, lambda text: text))


parameter("demand", "a user name and a password|an access token|an SSH key")
parameter("trouble", "could not log in|cannot be reached|cannot be found")
parameter("subject", "the secret|the certificate|the key|the host key|the branch")
parameter("state", "missing|not trusted|not allowed")
parameter("identity", "login|token|key")
parameter("tool", "kubectl|another tool")
parameter(
    "problem",
    "a file that is not YAML|a manifest that the API server refuses|a manifest of a Namespace",
)
parameter("report", "a failed build|a failed apply|a missing path")
parameter("flux", "GitRepository|Kustomization")


class Expression(StepParser):
    """A Cucumber expression whose parameters are handed over by the given names, in order."""

    def __init__(self, text: str, *names: str) -> None:
        super().__init__(text)
        self._names = names
        self._expression = CucumberExpression(text, REGISTRY)

    def parse_arguments(self, name: str) -> dict[str, Any] | None:
        """The values of the parameters in a step's text."""
        match = self._expression.match(name)
        if match is None:
            return None
        return dict(zip(self._names, (argument.value for argument in match), strict=True))

    def is_matching(self, name: str) -> bool:
        """Whether a step's text is one of this expression."""
        return self._expression.match(name) is not None


def expression(text: str, *names: str) -> Expression:
    """A step pattern; `names` are the step function's arguments for its `{parameters}`."""
    return Expression(text, *names)
