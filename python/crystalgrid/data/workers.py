"""Workers: work done in other processes, in order. Of files, one that kills the process that reads it is left out."""

import signal
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing, contextmanager
from itertools import chain, islice, starmap
from multiprocessing import active_children, get_context
from pathlib import Path
from typing import Any, TypeVar

from ..errors import InputError
from ..progress import progress
from .crystalset import CrystalSet
from .filters import Found, LeftOut, merged
from .formats import SINGLE
from .reader import UNREADABLE, Job, format_of, jobs, parse

T = TypeVar("T")
CHUNK = 16
"""Jobs that a process gets at a time; fewer in all are not worth starting one."""
AHEAD = 4
"""Chunks per process that are handed out before the first is back."""
Chunk = list[Job | LeftOut]
Parts = Generator[Found, None, None]


def in_processes(work: Callable[..., T], parts: Iterable[tuple], workers: int) -> Iterator[T]:
    """`work(*part)` for each part, in order, here if by one worker; of one that kills its process, InputError."""
    if workers == 1:
        yield from starmap(work, parts)
        return
    futures: deque[Future[T]] = deque()
    try:
        with _pool(workers) as processes:
            for part in parts:
                futures.append(_submit(processes, work, *part))
                if len(futures) == AHEAD * workers:
                    yield futures.popleft().result()
            while futures:
                yield futures.popleft().result()
    except BrokenProcessPool:
        raise InputError("a process died, perhaps for want of memory; --workers 1 needs least") from None


def read_all(files: list[tuple[Path, str]], max_side: float, workers: int = 1) -> Found:
    """Everything in the files, as `find_files` gives them, in order and the same for any number of processes."""
    remaining: Iterator[Job | LeftOut] = jobs(files)
    first = list(islice(remaining, CHUNK + 1))
    if len(first) <= CHUNK:
        return merged(parse(job, max_side) for job in first)
    remaining = chain(first, remaining)
    if workers == 1:
        parts: Parts = (parse(job, max_side) for job in remaining)
    else:
        parts = _read_in_processes(iter(lambda: list(islice(remaining, CHUNK)), []), max_side, workers)
    total = len(files) if all(format_of(path) in (*SINGLE, None) for path, _ in files) else None
    with closing(parts):
        return merged(progress(parts, "reading", total))


def _read_in_processes(chunks: Iterator[Chunk], max_side: float, workers: int) -> Parts:
    pending: deque[Chunk] = deque()
    while True:
        futures: deque[Future[list[Found]]] = deque()
        try:
            with _pool(workers) as processes:
                for chunk in chunks:
                    pending.append(chunk)
                    futures.append(_submit(processes, _parse_chunk, chunk, max_side))
                    if len(pending) == AHEAD * workers:
                        yield from _first(futures, pending)
                while pending:
                    yield from _first(futures, pending)
                return
        except BrokenProcessPool:
            lost = [job for chunk in pending for job in chunk]
            pending.clear()
            yield from _one_by_one(lost, max_side)


def _first(futures: deque[Future[list[Found]]], pending: deque[Chunk]) -> list[Found]:
    found = futures[0].result()
    futures.popleft()
    pending.popleft()  # only now: chunks in `pending` are parsed again if a process dies
    return found


def _one_by_one(chunk: Chunk, max_side: float) -> Iterator[Found]:
    """One job per process at a time, so that it is known which one kills it."""
    left = deque(chunk)
    while left:
        try:
            with _pool(1) as processes:
                while left:
                    found = _submit(processes, _parse_chunk, [left[0]], max_side).result()
                    left.popleft()
                    yield from found
        except BrokenProcessPool:
            job = left.popleft()
            yield Found(
                CrystalSet.from_crystals([]), [LeftOut(job.file, job.id, UNREADABLE, "the process that read it died")]
            )


@contextmanager
def _pool(workers: int) -> Iterator[ProcessPoolExecutor]:
    """Processes, started afresh because threads of torch do not survive a fork, and ended at once after an error."""
    others = active_children()
    processes = ProcessPoolExecutor(workers, get_context("spawn"))
    try:
        yield processes
    except BaseException:
        for child in active_children():
            if child not in others:
                child.terminate()
        raise
    finally:
        processes.shutdown(cancel_futures=True)


def _submit(processes: ProcessPoolExecutor, work: Callable[..., T], *arguments: Any) -> "Future[T]":
    """Submit; a process that is started for it ignores Ctrl-C, which is for the parent to handle."""
    handler = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        return processes.submit(work, *arguments)
    finally:
        signal.signal(signal.SIGINT, handler)


def _parse_chunk(chunk: Chunk, max_side: float) -> list[Found]:
    return [parse(job, max_side) for job in chunk]
