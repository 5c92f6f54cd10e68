"""The handling of Ctrl-C while training."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from .processes import first_process


@contextmanager
def stop_on_interrupt() -> Iterator[list[int]]:
    """Let the step finish and the run save itself after Ctrl-C; a second Ctrl-C stops at once.

    Yields the list of the signals received.
    """
    signals: list[int] = []

    def stop(number: int, _frame: object) -> None:
        if signals:
            raise KeyboardInterrupt
        signals.append(number)
        if first_process():
            print("\nstopping after this step, with a checkpoint; go on with --resume", file=sys.stderr, flush=True)

    before = signal.signal(signal.SIGINT, stop)
    try:
        yield signals
    finally:
        signal.signal(signal.SIGINT, before)
