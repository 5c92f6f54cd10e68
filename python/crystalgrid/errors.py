"""The one error that is the user's to mend, and the entry point that turns it into one line."""

import sys
from collections.abc import Callable


class InputError(ValueError):
    """Bad input: its message names the file or argument, what was wanted and what came."""


def run_command(main: Callable[[], None]) -> None:
    """Run a command's `main` and exit: 0, 1 after a one-line error, 130 after Ctrl-C."""
    try:
        main()
    except InputError as error:
        _exit(1, error)
    except OSError as error:  # no space left, permission denied, …: the system's own words name the file
        _exit(1, error)
    except RuntimeError as error:
        if type(error).__name__ != "OutOfMemoryError":  # torch's, which is not imported for its name
            raise
        _exit(1, error)
    except KeyboardInterrupt:
        _exit(130, "interrupted")
    sys.exit(0)


def _exit(code: int, reason: object) -> None:
    print(f"error: {' '.join(str(reason).split())}", file=sys.stderr)
    sys.exit(code)
