"""Progress of anything longer than a few seconds: a bar on a terminal, plain lines in a log."""

import sys
import time
from collections.abc import Iterable, Iterator, Sized
from typing import TypeVar

from tqdm import tqdm

T = TypeVar("T")
SECONDS_BETWEEN_LINES = 10.0


def progress(items: Iterable[T], what: str, total: int | None = None) -> Iterator[T]:
    """Yield `items` while saying on stderr how many of `total` are done and how fast."""
    if sys.stderr.isatty():
        yield from tqdm(items, desc=what, total=total)
        return
    if total is None and isinstance(items, Sized):
        total = len(items)
    start = said = time.monotonic()
    done = 0
    for item in items:
        yield item
        done += 1
        now = time.monotonic()
        if now - said > SECONDS_BETWEEN_LINES:
            said = now
            print(f"{what}: {done} of {total or '?'}, {done / (now - start):.1f}/s", file=sys.stderr, flush=True)
    print(f"{what}: {done} done in {time.monotonic() - start:.1f} s", file=sys.stderr, flush=True)
