"""Which worker gets which scenario when: those that run alone come first, then all the others."""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain
from typing import Any

import pytest
from xdist.scheduler import LoadScheduling
from xdist.workermanage import WorkerController

Alone = Callable[[str], bool]
"""Whether the scenario of a node id is to run alone."""


class Scheduling:
    """The plugin by which xdist takes our schedule; of the process that starts the workers."""

    def __init__(self, alone: Alone) -> None:
        self._alone = alone

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_make_scheduler(self, config: pytest.Config, log: Any) -> AloneFirst:
        """Instead of what `--dist` would make."""
        return AloneFirst(config, log, self._alone)


class AloneFirst(LoadScheduling):  # type: ignore[misc] # xdist has no types
    """
    xdist's `load`, but until the scenarios that run alone have ended one worker gets them all.

    First and not last: at the end of a run its fleet waits for nothing else than for them, while
    at its beginning the other workers have a fleet to connect to.
    """

    def __init__(self, config: pytest.Config, log: Any, alone: Alone) -> None:
        super().__init__(config, log)
        self._alone = alone

    def schedule(self) -> None:
        """As in `load`; a worker begins only when it knows what comes next."""
        super().schedule()
        if self._waiting():
            self.check_schedule(self.nodes[0])

    def check_schedule(self, node: WorkerController, duration: float = 0) -> None:
        """As in `load`; who got the last one is told so at once, for it may be its only one."""
        super().check_schedule(node, duration)
        if not self.pending and not node.shutting_down:
            node.shutdown()

    def mark_test_complete(
        self, node: WorkerController, item_index: int, duration: float = 0
    ) -> None:
        """As in `load`; the end of the last one that runs alone lets the other workers begin."""
        if not self._waiting():
            super().mark_test_complete(node, item_index, duration)
            return
        self.node2pending[node].remove(item_index)
        released = not self._waiting()
        # The one that was busy so far has what comes next already.
        for each in self.nodes[::-1] if released else [node]:
            self.check_schedule(each)

    def _send_tests(self, node: WorkerController, num: int) -> None:
        if self._waiting():
            if node is not self.nodes[0]:
                return
            # Each time anew: what a crashed worker has left comes back at the end.
            self.pending.sort(key=lambda index: not self._is_alone(index))
        super()._send_tests(node, num)

    def _waiting(self) -> bool:
        """Whether a scenario that runs alone has not ended yet."""
        left = chain(self.pending, *self.node2pending.values())
        return any(map(self._is_alone, left))

    def _is_alone(self, index: int) -> bool:
        return self.collection is not None and self._alone(self.collection[index])
