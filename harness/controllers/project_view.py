"""Which Project a namespace belongs to, and on which clusters it is: what sources ask."""

from __future__ import annotations

from collections.abc import Mapping

from harness.cluster.reflector import Reflector
from harness.controllers import attachment_members, federation, project_objects
from harness.controllers.attachment_members import Member
from harness.controllers.runtime import Key
from harness.model import objects
from harness.model.objects import Object


class Projects:
    """All Projects, seen from their namespaces."""

    def __init__(self, projects: Reflector) -> None:
        self._projects = projects

    def of(self, namespace: str) -> Object | None:
        """The Project whose namespace this is."""
        for project in self._projects.items():
            if project_objects.claimed(project) == namespace:
                return project
        return None

    def key_of(self, namespace: str) -> list[Key]:
        """The key of the Project whose namespace this is, or will be."""
        return [
            Key.of(project)
            for project in self._projects.items()
            if project_objects.namespace_name(project) == namespace
        ]

    def keys(self) -> list[Key]:
        """All Projects."""
        return [Key.of(project) for project in self._projects.items()]


def placed(project: Object, members: Mapping[str, Member]) -> frozenset[str]:
    """Those of the attached clusters that a Project is on."""
    return federation.placement(
        objects.spec(project).get("placement"), attachment_members.labels(members)
    )
