"""
What a Kustomization has applied, as its status lists it, and which of that has to go.

Pure. An entry is `<namespace>_<name>_<group>_<kind>` with the version beside it; none of the parts
can hold an underscore but the name of an RBAC object, which Flux writes with `__` for a colon.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from harness.controllers import apply, apply_fields, apply_order
from harness.controllers.attached_fields import KUSTOMIZE_GROUP
from harness.model import objects
from harness.model.objects import Object, Ref

NAME: Final = f"{KUSTOMIZE_GROUP}/name"
NAMESPACE: Final = f"{KUSTOMIZE_GROUP}/namespace"
PRUNE: Final = f"{KUSTOMIZE_GROUP}/prune"
_COLON: Final = "__"


def owner_labels(kustomization: Object) -> dict[str, str]:
    """The labels that say who has applied an object."""
    return {
        NAME: objects.name(kustomization),
        NAMESPACE: objects.namespace(kustomization) or "",
    }


def entry(ref: Ref) -> dict[str, str]:
    """A reference as the inventory writes it."""
    name = ref.name.replace(":", _COLON)
    return {"id": f"{ref.namespace or ''}_{name}_{ref.group}_{ref.kind}", "v": ref.version}


def reference(item: dict[str, str]) -> Ref:
    """The reference that an entry stands for."""
    namespace, _, rest = item["id"].partition("_")
    name, group, kind = rest.rsplit("_", 2)
    api_version = f"{group}/{item['v']}" if group else item["v"]
    return Ref(api_version, kind, name.replace(_COLON, ":"), namespace or None)


def entries(refs: Iterable[Ref]) -> list[dict[str, str]]:
    """References as an inventory, always in the same order."""
    return [entry(ref) for ref in sorted(set(refs), key=apply_order.sort_key)]


def references(kustomization: Object) -> list[Ref]:
    """What the status says was applied."""
    listed = (objects.status(kustomization).get("inventory") or {}).get("entries") or []
    return [reference(item) for item in listed]


def prune_candidates(before: Iterable[Ref], now: Iterable[Ref]) -> list[Ref]:
    """What was applied once and is not any more, in the order in which it goes."""
    # The version of an API is not part of an object's identity.
    kept = {_identity(ref) for ref in now}
    gone = [ref for ref in before if _identity(ref) not in kept]
    return sorted(gone, key=apply_order.sort_key, reverse=True)


def may_delete(live: Object, owner: dict[str, str]) -> bool:
    """Whether an object is still ours, and nobody has marked it to be kept."""
    labels = objects.labels(live)
    return all(labels.get(name) == value for name, value in owner.items()) and not (
        apply_fields.marked(live, PRUNE, "disabled")
        or apply_fields.marked(live, apply.RECONCILE, "disabled")
        or apply_fields.marked(live, apply.SSA, "ignore")
    )


def _identity(ref: Ref) -> tuple[str, str, str, str]:
    return ref.group, ref.kind, ref.namespace or "", ref.name
