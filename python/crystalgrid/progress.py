"""The progress of work that takes longer than a few seconds: a bar on a terminal, plain lines in a log."""

import sys
import time
from collections.abc import Iterable, Iterator, Sized
from typing import TypeVar

from tqdm import tqdm

T = TypeVar("T")
SECONDS_BETWEEN_LINES = 10.0


def progress(items: Iterable[T], what: str, total: int | None = None) -> Iterator[T]:
    """Yield `items`, and print on stderr how many of `total` are done, how fast, and how much time is left."""
    if sys.stderr.isatty():
        yield from tqdm(items, desc=what, total=total)
        return
    if total is None and isinstance(items, Sized):
        total = len(items)
    start = last_line = time.monotonic()
    done = 0
    for item in items:
        yield item
        done += 1
        now = time.monotonic()
        if now - last_line > SECONDS_BETWEEN_LINES:
            last_line = now
            print(line(what, done, total, now - start), file=sys.stderr, flush=True)
    print(f"{what}: {done} done in {time.monotonic() - start:.1f} s", file=sys.stderr, flush=True)


def line(what: str, done: int, total: int | None, seconds: float, earlier: int = 0) -> str:
    """Return what a log is told: how many are done, how fast, and the time left; `earlier` ones took other seconds."""
    rate = max(1, done - earlier) / max(seconds, 1e-9)
    if total is None:
        return f"{what}: {done} done, {rate:.1f}/s"
    return f"{what}: {done} of {total}, {rate:.1f}/s, {tqdm.format_interval(max(0, total - done) / rate)} left"
