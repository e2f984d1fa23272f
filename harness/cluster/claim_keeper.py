"""
The process that keeps the claims of a fleet alive: `python -m harness.cluster.claim_keeper DIR`.

A process of its own, because the fleet of `up` stays when its maker ends; that of a run dies with
the run, so that its claims lapse.
"""

import sys
import threading
from pathlib import Path

from harness.cluster import claims


def main() -> None:
    """Renew until somebody ends us."""
    held = claims.read(Path(sys.argv[1]))
    if held is None:
        sys.exit(f"{sys.argv[1]} has no claims.")
    with claims.renewed(held):
        threading.Event().wait()


if __name__ == "__main__":
    main()
