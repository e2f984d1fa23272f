"""
The faults: what each one does to the reference controllers, and who must notice.

`breaks` must all turn red, `may_break` may (each with its reason), nothing else may. They were
declared from what the documentation says, before the suite was run against them (decision 16).
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Tier = Literal["management", "attached"]

HTTP = "authentication/http::"
SSH = "authentication/ssh::"
TLS = "authentication/self_signed::"
TOKEN = "authentication/token::"
SYNC = "sync/sync::"
STATUS = "sync/status::"
SUSPEND = "suspension/suspend::"
RESUME = "suspension/resume::"
DELETE = "deletion/delete::"
SOURCES = "sources/declaring::"
SECRETS = "secrets/federated_secret::"
BOOTSTRAP = "errors/bootstrap::"

SETTLING = 15.0
"""Seconds a faulty system gives a resumed source to deploy what was withheld."""

CANARIES = frozenset(
    {
        f"{HTTP}a_public_repository_needs_no_secret",
        f"{HTTP}user_name_and_password_over_http",
        f"{HTTP}a_secret_that_does_not_exist_is_reported_until_it_does",
        f"{TLS}the_ca_certificate_in_the_secret_opens_the_repository",
        f"{SSH}a_key_and_the_known_host_open_the_repository",
        f"{TOKEN}a_token_without_a_user_name",
        f"{SYNC}a_new_source_is_synced_without_further_action",
        f"{SYNC}a_new_commit_is_applied_without_any_action_on_the_source",
        f"{RESUME}resume_syncs_what_was_committed_meanwhile",
        f"{DELETE}everything_that_was_applied_is_removed",
    }
)
_PUSHES_V2 = (
    f"{SYNC}a_new_commit_is_applied_without_any_action_on_the_source",
    f"{RESUME}resume_syncs_what_was_committed_meanwhile",
)


@dataclass(frozen=True)
class Fault:
    """One way to be wrong."""

    name: str
    tier: Tier
    claim: str
    """What it does, in a sentence."""
    install: Callable[[], None]
    breaks: frozenset[str]
    may_break: Mapping[str, str] = field(default_factory=dict)
    """Scenario -> why it may notice, too."""

    @property
    def scenarios(self) -> frozenset[str]:
        """What is run against it: those that must notice, and the canaries."""
        return self.breaks | CANARIES


FAULTS: dict[str, Fault] = {}


def replace(owner: Any, name: str, wrong: Any) -> None:
    """Put something wrong in the place of a function; it must exist, or the fault is none."""
    if not hasattr(owner, name):
        raise AttributeError(f"{owner} has no {name} any more; the fault must be adapted")
    setattr(owner, name, wrong)


def fault(
    tier: Tier, claim: str, *breaks: str, may: Mapping[str, str] | None = None
) -> Callable[[Callable[[], None]], Callable[[], None]]:
    """Register a function that makes the controllers wrong."""

    def register(install: Callable[[], None]) -> Callable[[], None]:
        name = install.__name__.replace("_", "-")
        FAULTS[name] = Fault(name, tier, claim, install, frozenset(breaks), may or {})
        return install

    return register


@fault(
    "attached",
    "What Git no longer holds stays on the clusters.",
    f"{SYNC}what_git_no_longer_holds_disappears_from_the_clusters",
    f"{SOURCES}a_changed_path_takes_effect",
    may=dict.fromkeys(_PUSHES_V2, "v2 removes an object, which is looked at, too"),
)
def no_prune() -> None:
    from harness.controllers import kustomization
    from harness.model import objects

    # `project` goes on pruning: without that no source could ever be deleted.
    replace(kustomization, "should_prune", lambda obj: objects.name(obj) == "project")


@fault(
    "attached",
    "Deleting a source leaves what it applied.",
    f"{DELETE}everything_that_was_applied_is_removed",
    f"{DELETE}deleting_a_suspended_source_removes_everything_too",
)
def nothing_pruned_on_delete() -> None:
    from harness.controllers import kustomization

    replace(kustomization, "fate_of_objects", lambda _: "kept")


@fault(
    "management",
    "Suspend stops the fetching only; drift is still corrected.",
    f"{SUSPEND}a_source_can_be_suspended",
    f"{SUSPEND}changes_made_with_tool_stay[kubectl]",
    f"{SUSPEND}changes_made_with_tool_stay[another tool]",
)
def suspend_stops_only_fetching() -> None:
    from harness.controllers import gitops_repository_manifests as manifests

    replace(manifests, "suspended_apply", lambda _: False)


@fault(
    "attached",
    "A suspension is forgotten after two and a half intervals.",
    f"{SUSPEND}changes_made_with_tool_stay[kubectl]",
    f"{SUSPEND}changes_made_with_tool_stay[another tool]",
)
def suspension_broken_late() -> None:
    import time

    from harness.controllers import attached_fields, kustomization

    since: dict[str, float] = {}
    call = kustomization.Kustomizations.__call__

    def skip(obj: Any) -> bool:
        uid = obj["metadata"]["uid"]
        if not attached_fields.is_suspended(obj):
            since.pop(uid, None)
            return False
        begun = since.setdefault(uid, time.monotonic())
        return time.monotonic() - begun < 2.5 * attached_fields.interval(obj)

    def again(self: Any, key: Any) -> float | None:
        pause = call(self, key)
        return 1.0 if pause is None else pause

    replace(kustomization, "should_skip_suspended", skip)
    replace(kustomization.Kustomizations, "__call__", again)


@fault(
    "management",
    "The secret is missing on one of the clusters.",
    f"{SECRETS}a_federatedsecret_manifest_becomes_the_same_secret_on_every_cluster_of_the_project",
    f"{HTTP}user_name_and_password_over_http",
    may={
        **dict.fromkeys(
            (
                f"{TLS}the_ca_certificate_in_the_secret_opens_the_repository",
                f"{SSH}a_key_and_the_known_host_open_the_repository",
                f"{TOKEN}a_token_without_a_user_name",
                f"{HTTP}a_secret_that_does_not_exist_is_reported_until_it_does",
            ),
            "it needs the secret on every cluster",
        ),
    },
)
def secret_missing_on_one_cluster() -> None:
    from harness.controllers import federation

    selected = federation.selected

    def all_but_the_last(*arguments: Any) -> frozenset[str] | None:
        chosen = selected(*arguments)
        return frozenset(sorted(chosen)[:-1]) if chosen else chosen

    replace(federation, "selected", all_but_the_last)


@fault(
    "attached",
    "TLS certificates are not verified.",
    f"{TLS}what_is_refused_and_reported_until_the_certificate_is_there"
    "[A missing CA certificate-nothing]",
    f"{TLS}what_is_refused_and_reported_until_the_certificate_is_there"
    "[Another's CA certificate-another CA certificate]",
    f"{TLS}a_certificate_for_another_host_is_refused_although_its_ca_is_known",
)
def tls_not_verified() -> None:
    from harness.controllers import source_access

    replace(source_access, "trust", lambda *_: {"GIT_SSL_NO_VERIFY": "true"})


@fault(
    "attached",
    "The host key of an SSH server is not checked.",
    f"{SSH}what_is_refused_and_reported_until_it_is_corrected"
    "[Another host's key-the private key-another host key-the host key-not trusted]",
)
def host_key_not_checked() -> None:
    from harness.controllers import source_access

    replace(source_access, "host_key_checking", lambda: "-o StrictHostKeyChecking=no")


@fault(
    "attached",
    "The Kustomization is Ready before its objects exist.",
    f"{SYNC}a_new_source_is_synced_without_further_action",
    f"{STATUS}the_conditions_follow_what_happens",
)
def ready_too_early() -> None:
    from harness.controllers import kustomization

    apply = kustomization.Kustomizations._apply

    def ready_first(self: Any, run: Any, known: Any) -> None:
        self._reporter.succeeded(run)
        apply(self, run, known)

    replace(kustomization.Kustomizations, "_apply", ready_first)


@fault(
    "management",
    "The success event comes before the push.",
    f"{BOOTSTRAP}without_the_bootstrap_repository_there_is_an_error_and_no_success_event",
)
def event_before_the_push() -> None:
    from harness.controllers import gitops_repository
    from harness.controllers import gitops_repository_decision as decision

    publish = gitops_repository.GitopsRepositories._publish

    def announce_first(self: Any, source: Any, files: Any) -> Any:
        self._events.normal(source, decision.SUCCESS, decision.SUCCESS_MESSAGE)
        return publish(self, source, files)

    replace(gitops_repository.GitopsRepositories, "_publish", announce_first)


@fault(
    "management",
    "The path of a source is ignored.",
    f"{SOURCES}only_the_manifests_at_the_path_are_deployed",
    f"{SOURCES}a_changed_path_takes_effect",
)
def path_ignored() -> None:
    from harness.controllers import gitops_repository_manifests as manifests

    replace(manifests, "path", lambda _: "./")


@fault(
    "attached",
    "A repository is fetched again only when somebody asks for it.",
    f"{SYNC}a_new_commit_is_applied_without_any_action_on_the_source",
    f"{SYNC}what_git_no_longer_holds_disappears_from_the_clusters",
    f"{RESUME}after_resume_new_commits_are_synced_again",
)
def reacts_only_to_requested_at() -> None:
    from harness.controllers import source

    fetch = source.Sources._fetch

    def once(self: Any, key: Any, obj: Any) -> None:
        fetch(self, key, obj)

    replace(source.Sources, "_fetch", once)


@fault(
    "management",
    "Deleting a suspended source lifts both suspensions, so that what was withheld is deployed.",
    f"{DELETE}deleting_a_suspended_source_deploys_nothing_that_was_withheld",
)
def delete_deploys_what_was_withheld() -> None:
    from harness.controllers import gitops_repository_manifests as manifests
    from harness.controllers import gitops_repository_removal as removal
    from harness.controllers.gitops_repository import GitopsRepositories
    from harness.model import objects

    right_step, right_reconcile = removal.step, GitopsRepositories.reconcile
    held: dict[str, tuple[float, Any]] = {}  # uid -> until when it is waited for; what was applied

    def lift_both(content: str) -> str:
        lifted = manifests.parsed(content)
        for each in lifted:
            each["spec"]["suspend"] = False
        return manifests.text(lifted)

    # It resumes, lets what comes be deployed, and only then removes: if it removed at once, the
    # removal would mostly be first, and nothing would be wrong in that run.
    def settled_first(sight: Any) -> Any:
        decided = right_step(sight)
        if sight.live is None:
            return decided
        applied = objects.status(sight.live).get("lastAppliedRevision")
        if decided in ("lift", "shown"):
            held[objects.uid(sight.live)] = (time.monotonic() + SETTLING, applied)
        until, before = held.get(objects.uid(sight.live), (0.0, None))
        waits = applied == before and time.monotonic() < until
        return "shown" if decided == "remove" and waits else decided

    def again(self: Any, key: Any) -> float | None:
        source = self._sources.get(key.namespace, key.name)
        after = right_reconcile(self, key)
        return 1.0 if source is not None and objects.deleting(source) else after

    replace(removal, "lift", lift_both)
    replace(removal, "step", settled_first)
    replace(GitopsRepositories, "reconcile", again)


@fault(
    "management",
    "Deleting a suspended source does not lift the suspension first: Flux keeps everything.",
    f"{DELETE}deleting_a_suspended_source_removes_everything_too",
)
def delete_while_suspended_leaks() -> None:
    from harness.controllers import gitops_repository_removal as removal

    def straight(sight: Any) -> str:
        if sight.file is not None:
            return "remove"
        return "done" if sight.reachable and sight.live is None else "gone"

    replace(removal, "step", straight)


@fault(
    "attached",
    "Drift is not corrected.",
    f"{SYNC}a_manual_change_is_undone",
)
def drift_not_corrected() -> None:
    from harness.controllers import apply

    def only_news(desired: Any, memory: Any, _live: Any) -> bool:
        known = memory.get(desired.ref)
        return known is None or known.digest != desired.digest

    replace(apply, "needs_check", only_news)


@fault(
    "management",
    "A token needs a user name.",
    f"{TOKEN}a_token_without_a_user_name",
    f"{TOKEN}a_revoked_token_is_refused_and_reported_until_it_is_replaced",
)
def token_needs_a_user_name() -> None:
    from harness.controllers import gitops_repository_url

    replace(gitops_repository_url, "with_user", lambda url, _: url)


@fault(
    "attached",
    "A missing secret is passed over: the repository is read anonymously.",
    f"{HTTP}a_secret_that_does_not_exist_is_reported_until_it_does",
)
def missing_secret_ignored() -> None:
    from harness.controllers import attached_fields, source

    secret = source.Sources._secret

    def or_nothing(self: Any, obj: Any) -> Any:
        try:
            return secret(self, obj)
        except attached_fields.Failure:
            return {}

    replace(source.Sources, "_secret", or_nothing)


@fault(
    "management",
    "The event says the same in other words.",
    f"{STATUS}the_success_event_is_emitted_once_the_cd_manifests_are_written",
    f"{STATUS}kubectl_describe_shows_the_source_and_its_event",
    f"{SYNC}a_new_source_is_synced_without_further_action",
)
def another_event_message() -> None:
    from harness.controllers import gitops_repository_decision as decision

    replace(decision, "SUCCESS_MESSAGE", "manifests have been synced to the bootstrap repo")


@fault(
    "management",
    "The project's account may write namespaces, its own among them.",
    f"{DELETE}a_manifest_of_a_namespace_does_not_hand_the_projects_namespace_to_the_source",
)
def account_may_write_namespaces() -> None:
    from harness.controllers import project_objects

    replace(project_objects, "CORE_RESOURCES", (*project_objects.CORE_RESOURCES, "namespaces"))
