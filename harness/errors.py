"""
The exception tree; the base classes say who must act.

    HarnessError
    ├── UsageError        the command or its configuration is wrong     the user acts; exit code 2
    ├── SetupError        the bench is not usable: binary, port, ...    the operator acts; 3
    ├── Nonconformance    the system under test broke a requirement     the vendor acts; 1
    │   └── NotYet        ... within the time allowed
    ├── Inconclusive      nothing can be said about the system          4
    └── HarnessBug        our own mistake                               we act

Nothing here knows what failed; a message is one clear sentence: the thing, the cause, the fix.
"""

from typing import Literal

InconclusiveCode = Literal[
    "precondition", "environment", "insufficient-evidence", "deadline", "harness-error"
]


class HarnessError(Exception):
    """Whatever this project raises on purpose."""


class UsageError(HarnessError):
    """The command line or a configuration file is wrong."""


class SetupError(HarnessError):
    """The environment that a run needs could not be provided."""


class Nonconformance(HarnessError, AssertionError):
    """The system under test does not do what the documentation says."""


class NotYet(Nonconformance):
    """What the documentation promises did not happen within the time allowed."""


class Inconclusive(HarnessError):
    """The check could not be made, so nothing is said about the system."""

    def __init__(self, code: InconclusiveCode, message: str) -> None:
        super().__init__(message)
        self.code = code


class HarnessBug(HarnessError):
    """The harness contradicts itself."""
