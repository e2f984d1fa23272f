"""Repositories: what they ask for, commits, and being out of reach."""

from pytest_bdd import given, then, when

from harness.errors import Inconclusive, Nonconformance
from harness.gitserver.access import Access
from harness.gitserver.entries import LogEntry
from harness.steps.expressions import expression
from harness.steps.world import World

_PROBLEMS = {
    "a file that is not YAML": {"gitops/notes.yaml": b"replicas: [1, 2\nlimits: {"},
    "a manifest that the API server refuses": {
        "gitops/extra.yaml": b"""apiVersion: apps/v1
kind: Deployment
metadata:
  name: extra
spec:
  template:
    spec:
      containers:
        - name: web
          image: ghcr.io/stefanprodan/podinfo:6.7.0
"""
    },
    "a manifest of a Namespace": {
        "gitops/namespace.yaml": b"""apiVersion: v1
kind: Namespace
metadata:
  name: somewhere-else
"""
    },
}


@given(expression("a public repository {string}", "alias"))
def public_repository(world: World, alias: str) -> None:
    """Everybody may read it."""
    world.create_repository(alias, "nothing")


@given(expression("a public repository {string} that cannot be reached", "alias"))
def unreachable_repository(world: World, alias: str) -> None:
    """The server closes every connection that asks for it."""
    world.create_repository(alias, "nothing").handle.set_fault("refuse")


@given(expression("a public repository {string} that the server does not have", "alias"))
def missing_repository(world: World, alias: str) -> None:
    """The server answers as for a repository that does not exist."""
    world.create_repository(alias, "nothing").handle.set_fault("404")


@given(expression("the repository {string} refuses one cluster", "alias"))
def refusing_repository(world: World, alias: str) -> None:
    """The last cluster of the project gets 403, with its right password."""
    if len(world.clusters) < 2:
        raise Inconclusive("precondition", "The project needs two clusters; use --attached 3.")
    world.refused = world.clusters[-1]
    world.repository(alias).handle.set_fault("403", user=world.identities[world.refused].user)


@given(expression("a repository {string} that asks for {demand}", "alias", "demand"))
def asking_repository(world: World, alias: str, demand: str) -> None:
    """Each cluster has an account or a key of its own."""
    world.create_repository(alias, demand)


@given(
    expression(
        "a repository {string} that asks for {demand} and lies two folders deep", "alias", "demand"
    )
)
def deep_repository(world: World, alias: str, demand: str) -> None:
    """Its path has one folder more than organization and name."""
    world.create_repository(alias, demand, deep=True)


@given(expression("a repository {string} whose accounts use multi-factor authentication", "alias"))
def mfa_repository(world: World, alias: str) -> None:
    """The right password is refused, a token is accepted."""
    world.create_repository(alias, "multi-factor authentication")


@when(expression("the repository {string} is made public", "alias"))
def make_public(world: World, alias: str) -> None:
    """From now on nobody is asked for a password."""
    world.repository(alias).handle.set_access(Access("anonymous"))


@when(expression("the repository {string} can be reached again", "alias"))
def reachable_again(world: World, alias: str) -> None:
    """The server answers."""
    world.repository(alias).handle.clear_fault()


@given(expression("the commit {string} is pushed to {string}", "label", "alias"))
@when(expression("the commit {string} is pushed to {string}", "label", "alias"))
def push(world: World, label: str, alias: str) -> None:
    """The fixture's next commit, on the branch that the source follows."""
    world.push(alias, label)


@when(
    expression(
        "the commit {string} is pushed to the branch {string} of {string}", "label", "name", "alias"
    )
)
def push_to_branch(world: World, label: str, name: str, alias: str) -> None:
    """A commit that the source does not follow."""
    world.settle(alias)
    world.push(alias, label, branch=name)


@when(expression("a commit with {problem} is pushed to {string}", "problem", "alias"))
def push_problem(world: World, problem: str, alias: str) -> None:
    """The newest tree and one bad file."""
    world.settle(alias)
    world.push_files(alias, problem, _PROBLEMS[problem])


@then(
    expression(
        "the Git server saw every cluster of the project fetch {string} with its own {identity}",
        "alias",
        "identity",
    )
)
def fetched_as(world: World, alias: str, identity: str) -> None:
    """The access log names the account or the key of each cluster."""
    handle = world.repository(alias).handle
    for cluster, who in world.identities.items():
        handle.wait_log(
            lambda entry, who=who: (  # type: ignore[misc] # mypy cannot infer lambdas with defaults
                entry.outcome == "ok"
                and entry.operation == "fetch"
                and (
                    entry.fingerprint == who.key.fingerprint
                    if identity == "key"
                    else entry.account == who.user
                )
            ),
            within=world.bench.patience.sync,
            what=f"a fetch of {alias} by {cluster} ({who.user})",
        )


@then(
    expression(
        "the Git server saw every cluster of the project fetch {string} anonymously", "alias"
    )
)
def fetched_anonymously(world: World, alias: str) -> None:
    """As many fetches as clusters, and none with credentials."""
    handle = world.repository(alias).handle
    seen: list[LogEntry] = []

    def enough(entry: LogEntry) -> bool:
        if entry.outcome == "ok" and entry.operation == "fetch":
            seen.append(entry)
        return len(seen) >= len(world.clusters)

    handle.wait_log(
        enough, within=world.bench.patience.sync, what=f"{len(world.clusters)} fetches of {alias}"
    )
    known = [entry for entry in seen if entry.scheme != "none"]
    if known:
        raise Nonconformance(f"{alias} is public, yet somebody logged in: {known[0]}")


@then(
    expression(
        "the Git server refused every cluster of the project that asked for {string}", "alias"
    )
)
def refused(world: World, alias: str) -> None:
    """There were requests, and not one of them was served."""
    handle = world.repository(alias).handle
    handle.wait_log(
        lambda entry: entry.outcome in ("401", "403"),
        within=world.bench.patience.report_error,
        what=f"a refused request for {alias}",
    )
    served = [entry for entry in handle.log() if entry.outcome == "ok"]
    if served:
        raise Nonconformance(f"the Git server served {served[0]}")


@then(expression("the Git server saw no more fetches of {string}", "alias"))
def no_more_fetches(world: World, alias: str) -> None:
    """Nobody asked for the repository since the moment from which nothing may happen."""
    source = world.source(alias)
    asked = source.repository.handle.log(since=source.log_position)
    if asked:
        raise Nonconformance(f"{alias} was still asked for after it was deleted: {asked[0]}")
