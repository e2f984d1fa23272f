"""From exceptions to exit codes (design.md 6) and one sentence; no traceback for a mistake."""

import os
import signal
import sys
import traceback
from collections.abc import Callable
from typing import Any

import click

from harness.errors import HarnessError, Inconclusive, Nonconformance, SetupError, UsageError
from harness.model.verdict import Exit


def exit_status(command: Callable[[], Any]) -> int:
    """Run a command; tell what went wrong; say how to exit."""
    # SIGTERM ends a run as Ctrl-C does: everything that was started is stopped.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        status = command()
        return int(status) if isinstance(status, int) else int(Exit.OK)
    except click.exceptions.Exit as leaving:
        return int(leaving.exit_code)
    except (KeyboardInterrupt, click.Abort):
        _tell("Interrupted; everything that was started has been stopped.")
        return int(Exit.INTERRUPTED)
    except click.UsageError as error:
        hint = f" Try `{error.ctx.command_path} --help`." if error.ctx else ""
        _tell(f"{error.format_message()}{hint}")
        return int(Exit.USAGE)
    except click.ClickException as error:
        _tell(error.format_message())
        return int(Exit.USAGE)
    except (BrokenPipeError, SystemExit):
        # click makes SystemExit(1) of a broken pipe, and of nothing else in this mode.
        return _reader_left()
    except HarnessError as error:
        _tell(str(error))
        return int(_status_of(error))
    except Exception:
        _tell("This is a mistake of the harness itself; please report it with what follows.")
        traceback.print_exc()
        return int(Exit.SETUP)


def _status_of(error: HarnessError) -> Exit:
    if isinstance(error, UsageError):
        return Exit.USAGE
    if isinstance(error, Nonconformance):
        return Exit.FAILED
    if isinstance(error, Inconclusive):
        return Exit.INCONCLUSIVE
    if isinstance(error, SetupError):
        return Exit.SETUP
    return Exit.SETUP


def _reader_left() -> int:
    """The reader (head, less) left; nothing more can be told to it, least of all a success."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 128 + signal.SIGPIPE


def _tell(sentence: str) -> None:
    print(f"gitops-conformance: {sentence}", file=sys.stderr)
