"""
The attached tier of a system alone on one cluster: no management tier, no bootstrap repository.

Which systems there are, and how each starts, is theirs to say (`harness.systems`).
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from harness.cluster import programs
from harness.cluster.binaries import Binaries
from harness.cluster.fleet import Lease, Member
from harness.kit import process
from harness.kit.process import Supervised
from harness.kit.wait import Patience
from harness.systems import flux, flux_versions, installation, reference
from harness.systems.front import AttachedTier, Options, Site

SYSTEMS: Final = (reference.NAME, flux.NAME)


def needed(*systems: str) -> tuple[str, ...]:
    """The programs that a run with these systems is made of."""
    return (*programs.CORE, *(flux_versions.transcribed().programs if flux.NAME in systems else ()))


def start(
    system: str,
    lease: Lease,
    member: Member,
    *,
    found: Binaries,
    trusted_ca: Path,
    patience: Patience,
    controllers: Sequence[str],
) -> list[Supervised]:
    """Install and start one system's attached tier on one cluster; returns when it is ready."""
    directory = lease.directory / f"system-{member.name}"
    directory.mkdir(mode=0o700)
    environment = {**os.environ, "SSL_CERT_FILE": str(trusted_ca)}
    site = Site(lease, directory, environment, patience)
    tier = _tier(system, found, controllers)
    installation.install_kinds(member, tier.kinds(), patience)
    tier.prepare(site, member)
    starting = tier.start(site, member)
    for each in starting:
        process.await_ready(each.process, each.probe, within=patience.process_ready)
    return [each.process for each in starting]


def _tier(system: str, found: Binaries, controllers: Sequence[str]) -> AttachedTier:
    # The wording of Flux as it is now, so that messages can be compared as they are.
    options = Options(dialect="modern", controllers=controllers)
    if system == flux.NAME:
        return flux.Tier(found, flux_versions.transcribed(), options)
    return reference.Tier(found.path("kubectl"), options)
