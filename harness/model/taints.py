"""
The taint of the nodes of our own clusters: they take only the pods that are meant to run; pure.

The scenarios deploy hundreds of pods of which nobody asks anything, of images that are not on the
nodes: each would cost a kubelet a sandbox, and a registry a request. They stay Pending; what is to
run tolerates the taint.
"""

from harness.model import objects
from harness.model.objects import Object

KEY = "gitops-conformance/reserved"
_EFFECT = "NoSchedule"
TOLERATION: Object = {"key": KEY, "operator": "Exists", "effect": _EFFECT}


def tainted(node: Object) -> Object:
    """The change that taints a node, and leaves the taints of others."""
    others = [each for each in objects.spec(node).get("taints") or [] if each["key"] != KEY]
    return {"spec": {"taints": [*others, {"key": KEY, "value": "true", "effect": _EFFECT}]}}
