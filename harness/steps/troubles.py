"""Errors that must be told: on which object, for which reason, in words that name the cause."""

from dataclasses import dataclass

from pytest_bdd import then

from harness.errors import HarnessBug, Nonconformance
from harness.model import objects
from harness.steps import judging
from harness.steps.expressions import expression
from harness.steps.world import World

_ANY_AUTH = ("AuthenticationFailed", "GitOperationFailed")


@dataclass(frozen=True, slots=True)
class Trouble:
    """The condition that tells one kind of error."""

    reasons: tuple[str, ...]
    message: str


# Reasons and fragments that hold in every era of Flux (facts.md A.6); case does not matter.
_TROUBLES = {
    "could not log in": Trouble(_ANY_AUTH, r"authentication|authoriz|\b401\b|\b403\b"),
    "cannot be reached": Trouble(
        ("GitOperationFailed",),
        r"refused|dial|timed? ?out|deadline|connect|EOF|reset|unreachable|empty reply",
    ),
    "cannot be found": Trouble(("GitOperationFailed",), r"repository not found"),
    "the branch missing": Trouble(("GitOperationFailed",), r"couldn't find remote ref"),
    "the secret missing": Trouble(("AuthenticationFailed",), r"secret.*not found"),
    "the certificate not trusted": Trouble(("GitOperationFailed",), r"x509:"),
    "the key not allowed": Trouble(_ANY_AUTH, r"unable to authenticate"),
    "the key missing": Trouble(_ANY_AUTH, r"'identity' is required"),
    "the host key not trusted": Trouble(_ANY_AUTH, r"knownhosts: key"),
    "the host key missing": Trouble(_ANY_AUTH, r"'known_hosts' is required|knownhosts"),
}
_REPORTS = {
    "a failed build": Trouble(("BuildFailed",), r"."),
    "a missing path": Trouble(("ArtifactFailed",), r"kustomization path not found"),
    "a failed apply": Trouble(("ReconciliationFailed",), r"dry-run failed|invalid|refused"),
}


@then(
    expression("every cluster of the project reports that {string} {trouble}", "alias", "trouble")
)
def reported(world: World, alias: str, trouble: str) -> None:
    """The GitRepository of each cluster says so."""
    _await(world, alias, _TROUBLES[trouble])


@then(
    expression(
        "every cluster of the project reports that {subject} of {string} is {state}",
        "subject",
        "alias",
        "state",
    )
)
def reported_state(world: World, subject: str, alias: str, state: str) -> None:
    """The GitRepository of each cluster says what is wrong with which credential."""
    _await(world, alias, _TROUBLES[f"{subject} {state}"])


@then(
    expression(
        "the Kustomization of {string} reports {report} on every cluster of the project",
        "alias",
        "report",
    )
)
def apply_fault(world: World, alias: str, report: str) -> None:
    """An apply fault shows on the Kustomization."""
    trouble = _REPORTS[report]
    world.scope.until(
        judging.not_ready(
            world,
            world.source(alias),
            "Kustomization",
            reasons=trouble.reasons,
            message=trouble.message,
        ),
        within=world.bench.patience.report_error,
        budget="report_error",
    )


@then(expression("only the refused cluster reports that {string} {trouble}", "alias", "trouble"))
def reported_by_one(world: World, alias: str, trouble: str) -> None:
    """The refused cluster says so, and every other one is Ready at the newest commit."""
    source = world.source(alias)
    wanted = _TROUBLES[trouble]
    served = [cluster for cluster in world.clusters if cluster != world.refused]
    if world.refused is None:
        raise HarnessBug("No cluster was refused; see the step before.")
    within, budget = world.bench.patience.report_error, "report_error"
    told = judging.not_ready(
        world,
        source,
        "GitRepository",
        reasons=wanted.reasons,
        message=wanted.message,
        clusters=[world.refused],
    )
    world.scope.until(told, within=within, budget=budget)
    head = source.repository.head
    for kind in ("GitRepository", "Kustomization"):
        ready = judging.ready_at(world, source, kind, head, clusters=served)
        world.scope.until(ready, within=within, budget=budget)


@then(expression("nothing of {string} is on any cluster", "alias"))
def nothing_deployed(world: World, alias: str) -> None:
    """No object of it exists, or ever did, on any cluster of the fleet."""
    source = world.source(alias)
    since = source.since
    refs = world.every_ref(source)
    for cluster in world.bench.attached:
        found = [
            str(entry.ref)
            for entry in world.scope.history(cluster=cluster, since=since)
            if entry.change != "DELETED"
            and (entry.ref in refs or judging.owned_by(entry.object, source))
        ]
        found += [str(ref) for ref in refs if world.scope.lookup(cluster, ref) is not None]
        if found:
            raise Nonconformance(f"{cluster}: {', '.join(sorted(set(found)))} of {alias} exists")


def _await(world: World, alias: str, trouble: Trouble) -> None:
    source = world.source(alias)
    world.scope.until(
        judging.not_ready(
            world, source, "GitRepository", reasons=trouble.reasons, message=trouble.message
        ),
        within=world.bench.patience.report_error,
        budget="report_error",
    )
    _no_secret_told(world, alias)


def _no_secret_told(world: World, alias: str) -> None:
    """What is reported about a credential must not contain it."""
    secrets = [line for text in world.secret_texts() for line in text.splitlines() if len(line) > 8]
    secrets = [line for line in secrets if not line.startswith("-----")]
    for entry in world.scope.history():
        if entry.object["kind"] in ("Secret", "FederatedSecret"):
            continue
        told = f"{objects.status(entry.object)} {entry.object.get('message', '')}"
        if any(secret in told for secret in secrets):
            raise Nonconformance(f"{entry.cluster}: {entry.ref} tells a secret of {alias}")
