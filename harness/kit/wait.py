"""
How long to wait for what, and the one loop that polls.

`Patience` holds every deadline of a run: named, documented, settable. `eventually` is for the
readiness of processes and for API discovery only, which nothing can be subscribed to; what happens
on a cluster is awaited by events (`observe`), never by polling.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Self

from harness import errors
from harness.kit import clock as clocks

Probe = Callable[[], str | None]
"""Returns None when content, or a sentence that says what is missing."""

_UNITS = {"": 1.0, "ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_DURATION = re.compile(r"(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>ms|s|m|h|)")


def _deadline(seconds: float, meaning: str) -> Any:
    return field(default=seconds, metadata={"meaning": meaning})


@dataclass(frozen=True, slots=True)
class Patience:
    """
    Every deadline of a run, in seconds.

    The documentation gives no numbers ("a few moments"), so these are generous: they only decide
    when to give up, never how long a passing scenario takes.
    """

    sync: float = _deadline(60, "from a push until what it says is on every placed cluster")
    report_error: float = _deadline(60, "from a fault until the source's conditions name it")
    suspend_seen: float = _deadline(30, "from a suspension until every placed cluster shows it")
    resume: float = _deadline(60, "from a resumption until the latest commit is on the clusters")
    delete: float = _deadline(60, "from the deletion of a source until nothing of it is left")
    edit: float = _deadline(60, "from an edit of a source until the clusters show it")
    drift: float = _deadline(60, "from a foreign change until it is corrected")
    project_ready: float = _deadline(
        60, "from a new Project until its namespace is on each cluster"
    )
    secret: float = _deadline(30, "from a secret's change until every placed cluster has it")
    event: float = _deadline(30, "from an action until its Kubernetes event is there")
    quiet: float = _deadline(8, "how long nothing may happen where no control source can tell")
    namespace_gone: float = _deadline(60, "from the deletion of a namespace until it is gone")
    discovery: float = _deadline(30, "from a CRD's creation until the API server serves it")
    process_ready: float = _deadline(30, "from the start of one of our processes until it answers")
    cluster_ready: float = _deadline(120, "from the start of a fleet until it can be used")
    kind_ready: float = _deadline(300, "from the creation of kind clusters until they can be used")
    image_pull: float = _deadline(900, "from the request for a node image until it is pulled")
    process_stop: float = _deadline(5, "from the wish that a process ends until it is killed")

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> Self:
        """The deadlines of a configuration: numbers are seconds, texts are like `90s` or `2m`."""
        known = {each.name for each in fields(cls)}
        unknown = sorted(set(settings) - known)
        if unknown:
            raise errors.UsageError(
                f"There is no deadline {', '.join(map(repr, unknown))}; "
                f"there are: {', '.join(sorted(known))}."
            )
        return cls(**{name: seconds(value, name=name) for name, value in settings.items()})

    @classmethod
    def meanings(cls) -> dict[str, str]:
        """What each deadline is about, by name."""
        return {each.name: str(each.metadata["meaning"]) for each in fields(cls)}

    def following(self, interval: float) -> Self:
        """The same deadlines, stretched for a system that looks at its sources every `interval`."""
        # Three links poll one after the other: bootstrap repository, source, Kustomization. One
        # more interval is for a first try that fails for reasons of its own.
        least = 30 + 4 * interval
        return replace(
            self,
            **{name: max(getattr(self, name), least) for name in _PACED},
            quiet=max(self.quiet, 4 * interval),
        )

    def as_mapping(self) -> dict[str, float]:
        """Names and seconds, for the report."""
        return {each.name: float(getattr(self, each.name)) for each in fields(self)}


_PACED = (
    "sync", "report_error", "suspend_seen", "resume", "delete", "edit", "drift", "project_ready",
    "secret", "event", "namespace_gone",
)  # fmt: skip


def seconds(value: object, *, name: str = "duration") -> float:
    """The seconds meant by a number or by a text like `250ms`, `90s`, `2m`, `1h`."""
    result: float | None = None
    if isinstance(value, int | float) and not isinstance(value, bool):
        result = float(value)
    elif isinstance(value, str) and (match := _DURATION.fullmatch(value.strip())):
        result = float(match["number"]) * _UNITS[match["unit"]]
    if result is None or not 0 < result < float("inf"):
        raise errors.UsageError(
            f"{name}: {value!r} is not a duration; say seconds (30) or a text (90s, 2m)."
        )
    return result


def eventually(
    probe: Probe,
    *,
    within: float,
    what: str,
    every: float = 0.05,
    clock: clocks.Clock = clocks.SYSTEM,
    failure: type[errors.HarnessError] = errors.SetupError,
) -> None:
    """
    Return as soon as `probe` is content; raise what it still missed when `within` seconds are over.

    Only for the readiness of processes and for API discovery.
    """
    start = clock.monotonic()
    while (missing := probe()) is not None:
        waited = clock.monotonic() - start
        if waited >= within:
            raise failure(f"{what}: not within {within:g} s. Seen last: {missing}")
        clock.sleep(min(every, within - waited))
