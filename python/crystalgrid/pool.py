"""A pool of processes, for one job per crystal, which returns results in order to any thread or script.

The processes are on this machine or of a Dask cluster.
"""

from __future__ import annotations

import os
import signal
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from itertools import chain, islice, starmap
from threading import Thread
from typing import TYPE_CHECKING, Any, TypeVar

from .errors import InputError

if TYPE_CHECKING:
    from loky import ProcessPoolExecutor

T = TypeVar("T")
Job = tuple[Any, ...]
"""The arguments of one call."""
Workers = int | str
"""A number of processes on this machine, or the address of a Dask scheduler."""
AHEAD = 4
"""The chunks per process that are submitted before results are used; it bounds the memory."""


def cpu_count() -> int:
    """Return how many CPUs this process may use: those of its affinity mask and its cgroup's quota, at least 1."""
    import loky

    return int(loky.cpu_count())


def chosen_workers(workers: int | None, dask: str | None) -> Workers:
    """Return the workers that the options --workers and --dask ask for: by default, one process for each CPU."""
    if workers is not None and workers < 1:
        raise InputError(f"--workers: wanted at least 1, got {workers}")
    if dask is not None and workers is not None:
        raise InputError("--workers and --dask: only one of them can say where the jobs run")
    return dask or workers or cpu_count()


def in_processes(
    work: Callable[..., T],
    jobs: Iterable[Job],
    workers: Workers,
    chunk_size: int = 1,
    after_death: Callable[..., T] | None = None,
) -> Generator[T, None, None]:
    """Yield `work(*job)` of each job, in order; a single worker is the caller's own process.

    jobs: read lazily in the caller's thread, at most AHEAD chunks per process before their results are used.
    chunk_size: jobs that are sent to a process together, to share the cost of sending.
    after_death: makes the result of a job that kills its process, `after_death(*job)`. All jobs in progress are then
        repeated, each alone, to find which one it was. Without it, a process that dies is an InputError.
    """
    if workers == 1:
        yield from starmap(work, jobs)
        return
    remaining = iter(jobs)
    chunks = iter(lambda: list(islice(remaining, chunk_size)), [])
    if isinstance(workers, str):
        from .cluster import on_cluster

        yield from on_cluster(work, chunks, workers, after_death)
        return
    while lost := (yield from _until_a_death(work, chunks, workers, AHEAD * workers)):
        if after_death is None:
            raise InputError("a process died, perhaps because memory ran out; --workers 1 needs the least memory")
        alone = iter([[job] for job in lost])
        while killer := (yield from _until_a_death(work, alone, 1, 1)):
            yield after_death(*killer[0])


def _until_a_death(
    work: Callable[..., T], chunks: Iterator[list[Job]], processes: int, ahead: int
) -> Generator[T, None, list[Job]]:
    """Yield results until the chunks end or a process dies; return the jobs that were in progress when it died."""
    under_way: deque[list[Job]] = deque()
    futures: deque[Future[list[T]]] = deque()
    with _pool(processes) as pool:
        try:
            while True:
                while len(futures) < ahead and (chunk := next(chunks, None)):
                    under_way.append(chunk)
                    futures.append(_submit(pool, work, chunk))
                if not futures:
                    return []
                results = futures[0].result()
                futures.popleft()
                under_way.popleft()
                yield from results
        except BrokenProcessPool:
            return list(chain.from_iterable(under_way))


@contextmanager
def _pool(processes: int) -> Iterator[ProcessPoolExecutor]:
    """Yield a loky pool, whose processes are not forked (torch's threads do not survive a fork), and end it at once.

    Each has one thread: there are as many processes as CPUs. Unlike multiprocessing, loky does not run the caller's
    script again, so that the script needs no `if __name__ == "__main__"`.
    """
    from loky import ProcessPoolExecutor

    pool = ProcessPoolExecutor(
        processes, initializer=_end_with_parent, initargs=(os.getpid(),), env={"OMP_NUM_THREADS": "1"}
    )
    try:
        yield pool
    finally:
        pool.shutdown(kill_workers=True)


def _submit(pool: ProcessPoolExecutor, work: Callable[..., T], chunk: list[Job]) -> Future[list[T]]:
    """Submit a chunk; processes that are started for it inherit a mask without Ctrl-C, which the caller handles."""
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        future: Future[list[T]] = pool.submit(work_through, work, chunk)
        return future
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def _end_with_parent(parent: int) -> None:
    """End this process when its parent is gone: a parent that is killed cannot end it."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    Thread(target=watch, daemon=True).start()


def work_through(work: Callable[..., T], chunk: list[Job]) -> list[T]:
    """Return the results of a chunk of jobs, in the process that this is called in."""
    return list(starmap(work, chunk))
