"""
The Flux controllers as Deployments, as Flux' own manifests have them; pure.

What they may do is `flux_objects`' to say, and how they are told to work `flux`'.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from harness.systems import flux_objects
from harness.systems.deployment import DATA, SERVED, Controller, Probes
from harness.systems.flux_objects import SOURCE
from harness.systems.installation import FLUX_NAMESPACE

_USER = 65534
_HEALTH = 9440
_MEMORY = "1Gi"
_GARBAGE_LIMIT = "900MiB"
"""From here on garbage is collected however seldom that was asked for."""


def controller(
    name: str,
    image: str,
    arguments: Sequence[str],
    *,
    version: str,
    log: str,
    trusted: str,
    environment: Mapping[str, str],
    all_powerful: bool,
) -> Controller:
    """A controller of Flux; `source-controller` serves its archives under its own name."""
    serves = name == SOURCE
    serving = [
        f"--storage-path={DATA}",
        f"--storage-addr=:{SERVED}",
        f"--storage-adv-addr={SOURCE}.{FLUX_NAMESPACE}.svc.cluster.local.",
    ]
    healthy = _asks("/healthz", _HEALTH)
    return Controller(
        name=name,
        namespace=FLUX_NAMESPACE,
        log=log,
        image=image,
        command=[f"/{name}"],
        arguments=[*arguments, f"--health-addr=:{_HEALTH}", *(serving if serves else [])],
        account=flux_objects.on_cluster(name, version, all_powerful=all_powerful),
        # A source-controller is ready when archives can be had.
        probes=Probes(
            ready=_asks("/", SERVED) if serves else _asks("/readyz", _HEALTH),
            alive=healthy,
            begun=healthy,
        ),
        user=_USER,
        memory=_MEMORY,
        environment={**environment, "GOMEMLIMIT": _GARBAGE_LIMIT},
        trusted=trusted,
        labels=flux_objects.labels(name, version),
        serves=serves,
    )


def _asks(path: str, port: int) -> dict[str, object]:
    return {"httpGet": {"path": path, "port": port}}
