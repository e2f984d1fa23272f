"""Project secrets: FederatedSecrets on the management cluster, Secrets on the others."""

import base64

from pytest_bdd import given, then, when

from harness.cluster.errors import NotFound
from harness.errors import Nonconformance
from harness.model import objects
from harness.model.objects import Ref
from harness.steps import judging, tables
from harness.steps.expressions import expression
from harness.steps.world import FEDERATED_API, World

Table = list[list[str]]


@given(expression("a project secret {string} with:", "alias"))
@when(expression("the project secret {string} is created with:", "alias"))
@when(expression("the project secret {string} is changed to:", "alias"))
@when(
    expression(
        "the project secret {string} is applied as a FederatedSecret manifest with:", "alias"
    )
)
def apply(world: World, alias: str, datatable: Table) -> None:
    """A FederatedSecret manifest with these values is applied to the project namespace."""
    world.apply_secret(alias, tables.pairs(datatable), world.namespace)


@given(
    expression(
        "every cluster of the project has the secret {string} with exactly these values", "alias"
    )
)
@then(
    expression(
        "every cluster of the project has the secret {string} with exactly these values", "alias"
    )
)
def propagated(world: World, alias: str) -> None:
    """A v1/Secret of the same name: Opaque, marked as managed, with the values of its cluster."""
    secret = world.secret(alias)

    def one(cluster: str) -> str | None:
        obj = world.scope.get(cluster, "v1", "Secret", secret.name)
        if obj is None:
            return f"there is no Secret {secret.name}"
        if obj.get("type") != "Opaque":
            return f"Secret {secret.name} has the type {obj.get('type')}, not Opaque"
        if objects.labels(obj).get("kubefed.io/managed") != "true":
            return f"Secret {secret.name} lacks the label kubefed.io/managed: true"
        held = {k: base64.b64decode(v).decode() for k, v in (obj.get("data") or {}).items()}
        wanted = secret.values[cluster]
        if held != wanted:
            wrong = sorted(k for k in held.keys() | wanted.keys() if held.get(k) != wanted.get(k))
            return f"Secret {secret.name} does not hold the project secret's {', '.join(wrong)}"
        return None

    world.scope.until(
        judging.everywhere(world, one), within=world.bench.patience.secret, budget="secret"
    )


@then(expression("the secret {string} is listed among the project's secrets", "alias"))
def listed(world: World, alias: str) -> None:
    """`kubectl get federatedsecrets` in the project namespace shows it."""
    name = world.secret(alias).name
    found = world.bench.management.list(FEDERATED_API, "FederatedSecret", world.namespace).items
    if name not in map(objects.name, found):
        raise Nonconformance(f"the project lists {[objects.name(o) for o in found]}, not {name}")
    try:
        world.bench.management.get(
            Ref(FEDERATED_API, "FederatedSecret", name, world.bench.workspace)
        )
    except NotFound:
        return
    raise Nonconformance(f"{name} is listed in {world.bench.workspace}, too")
