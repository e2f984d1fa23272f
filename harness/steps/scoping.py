"""Opens the observation of a scenario's namespace; the plugin closes it after the evidence."""

from contextlib import ExitStack

from harness.steps.world import World


class Scoping:
    """Keeps a scenario's scopes open until `close`."""

    def __init__(self) -> None:
        self._stack = ExitStack()

    def enter(self, world: World, namespace: str) -> None:
        """Begin to record a namespace for the scenario."""
        world.scope = self._stack.enter_context(world.bench.observer.scope(namespace))

    def close(self) -> None:
        """End the recording."""
        self._stack.close()
