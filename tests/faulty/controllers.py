"""`python -m tests.faulty.controllers FAULT management|attached ...`: wrong in that one way.

The name `none` is the twin: nothing is wrong.
"""

import sys

from harness.controllers.__main__ import main
from tests.faulty.faults import FAULTS

if __name__ == "__main__":
    name, tier, *_ = sys.argv[1:]
    fault = FAULTS.get(name)
    if fault is not None and fault.tier == tier:
        fault.install()
    sys.exit(main(sys.argv[2:]))
