"""
`spec.postBuild`: values for `${variables}` in what was built.

Pure. Known are `${name}`, `${name:-default}`, `${name:=default}` and `$${name}` for a literal one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from harness.controllers import apply_fields
from harness.controllers.attached_fields import KUSTOMIZE_GROUP
from harness.model import manifest
from harness.model.objects import Object

_MARK: Final = f"{KUSTOMIZE_GROUP}/substitute"
_NAME: Final = re.compile(r"[_A-Za-z][_A-Za-z0-9]*")
_VARIABLE: Final = re.compile(r"(?P<literal>\$)?\$\{(?P<inner>[^{}]*)\}")


class BadVariable(ValueError):
    """An expression that is not understood."""


def substitute(obj: Object, values: Mapping[str, str]) -> Object:
    """The object with its variables filled in; an unknown one becomes empty, as in Flux."""
    if apply_fields.marked(obj, _MARK, "disabled"):
        return obj
    # On the text, so that a value can become a number.
    text = manifest.dump(obj, width=10**6)
    filled = _VARIABLE.sub(lambda found: _value(found, values), text)
    try:
        [result] = manifest.objects(filled)
    except ValueError as error:
        raise BadVariable(f"variable substitution failed: {error}") from None
    return result


def _value(found: re.Match[str], values: Mapping[str, str]) -> str:
    if found["literal"]:
        return found[0][1:]
    name, default = found["inner"], ""
    for operator in (":-", ":="):
        if operator in name:
            name, _, default = name.partition(operator)
            break
    if not _NAME.fullmatch(name):
        raise BadVariable(f"variable substitution failed: '{found[0]}' is not understood")
    return values.get(name) or default
