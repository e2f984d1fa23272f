"""What is kept of a scenario that did not pass, gathered before anything is cleaned up."""

from pathlib import Path

import yaml

from harness.observe import timeline
from harness.reporting.record import Attachment, Moment
from harness.steps.world import World

_MOST_MOMENTS = 400


def moments(world: World, begun: float) -> list[Moment]:
    """The scenario's timeline: changes on clusters and requests to the Git server."""
    if not world.has_scope:
        return []
    entries = world.scope.history()[:_MOST_MOMENTS]
    seen = [
        Moment(
            max(0.0, entry.at - begun),
            entry.cluster,
            f"{entry.change} {entry.ref} {timeline.summary(timeline.redacted(entry.object))}",
            "change",
        )
        for entry in entries
        if entry.object["kind"] != "Namespace" or entry.change != "MODIFIED"
    ]
    for use in world.repositories.values():
        seen += [
            Moment(max(0.0, request.monotonic - begun), "git", str(request), "request")
            for request in use.handle.log()[-_MOST_MOMENTS:]
        ]
    return seen


def gather(world: World, directory: Path, root: Path) -> list[Attachment]:
    """Files below `directory`: the timeline, the last state of every object, the Git log."""
    directory.mkdir(parents=True, exist_ok=True)
    made: list[Attachment] = []

    def keep(name: str, title: str, kind: str, text: str) -> None:
        (directory / name).write_text(text, encoding="utf-8")
        path = (directory / name).relative_to(root).as_posix()
        made.append(Attachment(title, kind, text if len(text) < 20_000 else None, path))

    if world.has_scope:
        history = world.scope.history()
        keep(
            "timeline.txt",
            "timeline",
            "text/plain",
            "\n".join(entry.line(world.scope.origin) for entry in history) + "\n",
        )
        last = {(e.cluster, e.ref): e.object if e.change != "DELETED" else None for e in history}
        keep(
            "objects.yaml",
            "objects as last seen",
            "application/yaml",
            yaml.dump(
                [
                    {"cluster": cluster, "object": timeline.plain(obj)}
                    for (cluster, _), obj in sorted(last.items(), key=lambda kv: str(kv[0]))
                    if obj is not None and obj["kind"] != "Event"
                ],
                Dumper=yaml.CSafeDumper,
                sort_keys=False,
            ),
        )
    requests = [str(request) for use in world.repositories.values() for request in use.handle.log()]
    keep("git-requests.txt", "Git server's log", "text/plain", "\n".join(requests) + "\n")
    return made
