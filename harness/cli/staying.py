"""Fleets that stay: `up`, `down`; and `doctor`."""

import shutil
from collections.abc import Callable

from harness.cli import session
from harness.cli.screen import Screen
from harness.cli.session import Wanted
from harness.cluster import binaries, fleet, providers
from harness.cluster.providing import Request
from harness.errors import SetupError
from harness.gitserver.client import GitServer
from harness.model.verdict import Exit


def up(wanted: Wanted, screen: Screen) -> None:
    """A fleet with its system and Git server, left running."""
    for ended in fleet.reap_stale():
        screen.progress(f"ended what a killed run had left: {ended}")
    with fleet.hold("up") as lease:
        evidence = lease.directory / "evidence"
        with session.prepared(wanted, lease, evidence, screen.progress) as prepared:
            server = GitServer(prepared.session.git_control, prepared.session.git_token)
            demo = server.create_repository("demo/apps")
            demo.commit({"gitops/greeting.yaml": _GREETING}, message="Say hello")
            for line in _guide(prepared, demo.url("http")):
                screen.say(line)
            lease.leave_running()


def down() -> str:
    """End it; a sentence on what was done."""
    ended = fleet.reap_stale()
    if fleet.down():
        return "The fleet is stopped; nothing of it is left."
    if ended:
        return f"No fleet was left running by `up`; ended what a killed run had left: {ended}."
    return "No fleet is running."


def doctor(tell: Callable[[str], None]) -> int:
    """What is there and what is missing; exit code 3 if a run could not begin."""
    sound = True
    tell("Programs for local clusters:")
    for finding in binaries.survey():
        tell(_line(finding))
    tell("Programs that must be installed:")
    for program, why in _NEEDED.items():
        found = shutil.which(program)
        sound = sound and found is not None
        tell(f"  {program:<26} {found or f'MISSING: {why}'}")
    tell("For `--clusters kind` (optional):")
    for finding in binaries.survey(("kind",)):
        tell(_line(finding))
    tell(f"  {'docker':<26} {_docker()}")
    kept = fleet.load()
    tell(f"Fleet left running by `up`: {kept.directory if kept else 'none'}")
    return int(Exit.OK if sound else Exit.SETUP)


_NEEDED = {
    "git": "install it (Debian: apt-get install git); the Git server and the controllers run it",
    "ssh": "install it (Debian: apt-get install openssh-client); the controllers fetch with it",
}
_GREETING = """apiVersion: v1
kind: ConfigMap
metadata:
  name: greeting
data:
  text: hello
"""


def _line(finding: binaries.Finding) -> str:
    where = finding.found_where or "missing"
    version = finding.version or finding.wanted
    return f"  {finding.program:<26} {version:<10} {where}  {finding.note}".rstrip()


def _docker() -> str:
    try:
        providers.named("kind").check(Request())
    except SetupError as error:
        return str(error)
    return "usable"


def _guide(prepared: session.Prepared, url: str) -> list[str]:
    kubeconfig = prepared.fleet.kubeconfig
    contexts = ", ".join(member.context for member in prepared.fleet.members)
    return [
        f"The fleet is running. Contexts: {contexts}.",
        "",
        f"  export KUBECONFIG={kubeconfig}",
        f"  alias kubectl={prepared.session.kubectl}",
        "  kubectl --context management apply -f - <<EOF",
        "  apiVersion: workspaces.kommander.mesosphere.io/v1alpha1",
        "  kind: Project",
        f"  metadata: {{name: demo, namespace: {prepared.session.workspace}}}",
        "  spec:",
        "    namespaceName: demo",
        "    workspaceRef: {name: default-workspace}",
        "    placement: {clusters: [{name: c1}]}",
        "  EOF",
        "  kubectl --context management wait --for=create namespace/demo",
        "  kubectl --context management apply -f - <<EOF",
        "  apiVersion: dispatch.d2iq.io/v1alpha2",
        "  kind: GitopsRepository",
        "  metadata: {name: gitopsdemo, namespace: demo}",
        "  spec:",
        f"    cloneUrl: {url}",
        "    template: {path: ./gitops, ref: {branch: main}}",
        "  EOF",
        "  kubectl --context management describe gitopsrepositories.dispatch.d2iq.io -n demo",
        "  kubectl --context c1 get gitrepositories,kustomizations,configmaps -n demo",
        "",
        "Run scenarios on it with `gitops-conformance run --reuse`; "
        "stop it with `gitops-conformance down`.",
    ]
