"""`python -m harness.controllers management|attached ...`: one controller process."""

from __future__ import annotations

import sys

_USAGE = "usage: python -m harness.controllers management|attached [options]"


def main(argv: list[str]) -> int:
    """Run the controllers of one tier until they are told to stop."""
    if argv[:1] == ["management"]:
        from harness.controllers import management

        return management.main(argv[1:])
    if argv[:1] == ["attached"]:
        from harness.controllers import attached

        return attached.main(argv[1:])
    print(_USAGE, file=sys.stderr)  # noqa: T201 - the command line's own complaint
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
