"""
What Flux makes of the kinds that it knows before it applies them; pure.

It reads them into Go's types and writes them out again, so that a few fields are there which the
manifest left out. Only what shows on the cluster is done here: who owns these fields.
"""

from __future__ import annotations

import base64
import copy
from collections.abc import Iterator
from typing import Any, Final

from harness.model.objects import Object

_POD_AT: Final[dict[str, tuple[str, ...]]] = {
    "Pod": (),
    "Deployment": ("template",),
    "StatefulSet": ("template",),
    "DaemonSet": ("template",),
    "ReplicaSet": ("template",),
    "Job": ("template",),
    "CronJob": ("jobTemplate", "spec", "template"),
}
"""Where the template of a pod is within `spec`."""
_EMPTY_STRATEGY: Final = {
    "Deployment": "strategy",
    "StatefulSet": "updateStrategy",
    "DaemonSet": "updateStrategy",
}
_VALUES: Final = ("data", "binaryData", "stringData")
_GROUPS: Final = ("v1", "apps/v1", "batch/v1")


def normalised(obj: Object) -> Object:
    """The object as it is sent; what is not understood is left as it is, to be refused."""
    if obj.get("apiVersion") not in _GROUPS:
        return obj
    kind = obj["kind"]
    if kind in ("ConfigMap", "Secret"):
        return _without_empty(_encoded(obj) if kind == "Secret" else obj)
    if kind != "Service" and kind not in _POD_AT:
        return obj
    made = copy.deepcopy(obj)
    spec = made.get("spec")
    if not isinstance(spec, dict):
        return obj
    if kind == "Service":
        _name_protocols(spec)
        for port in _maps(spec.get("ports")):
            port.setdefault("targetPort", 0)  # Go's zero; the server takes it for the port itself
        return made
    if kind in _EMPTY_STRATEGY:
        spec.setdefault(_EMPTY_STRATEGY[kind], {})
    for container in _containers(spec, _POD_AT[kind]):
        container.setdefault("resources", {})
        for variable in _maps(container.get("env")):
            if variable.get("value") == "":
                del variable["value"]  # Go does not write an empty one
        _name_protocols(container)
    return made


def _encoded(obj: Object) -> Object:
    """A Secret with `stringData` moved to `data`, so that a comparison sees what is stored."""
    if not obj.get("stringData"):
        return obj
    data = {
        name: base64.b64encode(str(value).encode()).decode()
        for name, value in obj["stringData"].items()
    }
    rest = {name: value for name, value in obj.items() if name != "stringData"}
    return {**rest, "data": {**(obj.get("data") or {}), **data}}


def _without_empty(obj: Object) -> Object:
    """An object without empty maps of values, which Go does not write."""
    empty = {name for name in _VALUES if name in obj and not obj[name]}
    return {name: value for name, value in obj.items() if name not in empty} if empty else obj


def _containers(spec: Any, path: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    for name in path:
        spec = spec.get(name) if isinstance(spec, dict) else None
    if path:
        spec = spec.get("spec") if isinstance(spec, dict) else None
    yield from _maps(spec.get("containers") if isinstance(spec, dict) else None)


def _name_protocols(holder: dict[str, Any]) -> None:
    for port in _maps(holder.get("ports")):
        port.setdefault("protocol", "TCP")


def _maps(value: Any) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
