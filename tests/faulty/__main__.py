"""`python -m tests.faulty [NAME ...]`: the whole suite against every fault, as a table."""

import sys
import tempfile
from pathlib import Path

from tests.faulty import judge
from tests.faulty.faults import FAULTS


def main(names: list[str]) -> int:
    """Exit 1 if any fault went unnoticed or had unexplained company."""
    wrong = 0
    for name in names or list(FAULTS):
        with tempfile.TemporaryDirectory(prefix="fault-") as folder:
            said = judge.judge(FAULTS[name], Path(folder) / "report", whole=True)
        red = sorted(s for s, o in said.outcomes.items() if o != "passed")
        bad = bool(said.unnoticed or said.collateral)
        wrong += bad
        print(f"{'WRONG' if bad else 'ok   '} {name}: {said.fault.claim}")
        for scenario in red:
            print(f"        {said.outcomes[scenario]:<13} {scenario}")
        for scenario in sorted(said.unnoticed):
            print(f"        NOT NOTICED   {scenario}")
        for scenario in sorted(said.collateral):
            print(f"        UNEXPLAINED   {scenario}")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main([name for name in sys.argv[1:] if not name.startswith("-")]))
