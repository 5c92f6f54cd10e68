"""The end of a command on a signal, while it imports its libraries and after that."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def importing() -> Iterator[None]:
    """Let a signal end the process at once, since torch and numpy continue half imported after a KeyboardInterrupt."""
    handlers = {number: signal.signal(number, _exit_now) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in handlers.items():
        signal.signal(number, handler)


def tidy_and_exit(number: int, _: object) -> None:
    """Exit as after Ctrl-C, so that what was being written is removed."""
    print("error: interrupted", file=sys.stderr, flush=True)
    sys.exit(128 + number)


def _exit_now(number: int, _: object) -> None:
    print("error: interrupted", file=sys.stderr, flush=True)
    os._exit(128 + number)
