"""The error that a user can repair, and the entry point of commands, which prints it as one line."""

import os
import signal
import sys
import traceback
from collections.abc import Callable
from importlib.util import find_spec
from typing import NoReturn


class InputError(ValueError):
    """Bad input; the message names the file or argument, what was wanted and what was got."""


def require(package: str, extra: str) -> None:
    """Raise InputError that says which extra to install, unless an optional package is installed."""
    if find_spec(package) is None:
        raise InputError(f"{package} is needed for this and not installed: pip install 'crystalgrid[{extra}]'")


def run_command(main: Callable[[], None], verbose: bool = False) -> None:
    """Run a command's `main` and exit: 0, 1 after a one-line error, 130 after Ctrl-C, 141 if stdout was closed.

    verbose: show where in the code the error was raised, too, for bug reports.
    """
    try:
        main()
        sys.stdout.flush()  # here, where a pipe that is closed can still be told from an error
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # which Python flushes once more at its end
        sys.exit(128 + signal.SIGPIPE)
    except (InputError, OSError, RuntimeError) as error:
        # An OSError (no space left, permission denied) names its file. torch's OutOfMemoryError is a RuntimeError, told
        # by its name so that torch need not be imported; any other RuntimeError is a bug.
        if isinstance(error, RuntimeError) and type(error).__name__ != "OutOfMemoryError":
            raise
        if verbose:
            traceback.print_exc()
        _exit(1, error)
    except KeyboardInterrupt:
        _exit(130, "interrupted")
    sys.exit(0)


def _exit(code: int, reason: object) -> NoReturn:
    print(f"error: {' '.join(str(reason).split())}", file=sys.stderr)
    sys.exit(code)
