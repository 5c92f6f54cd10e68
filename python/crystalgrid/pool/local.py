"""One job per crystal in processes of this machine, by loky."""

from __future__ import annotations

import os
import signal
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from itertools import chain
from threading import Thread
from typing import TYPE_CHECKING, TypeVar

from ..errors import InputError
from .jobs import AHEAD, Job, work_through

if TYPE_CHECKING:
    from loky import ProcessPoolExecutor

T = TypeVar("T")


def on_this_machine(
    work: Callable[..., T], chunks: Iterator[list[Job]], processes: int, after_death: Callable[..., T] | None
) -> Generator[T, None, None]:
    """Yield the results of chunks of jobs in order, AHEAD chunks per process under way.

    after_death: as for `pool.in_processes`.
    """
    while lost := (yield from _until_a_death(work, chunks, processes, AHEAD * processes)):
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
    """Yield a loky pool, whose processes are not forked (torch's threads do not survive a fork), and end it.

    Each has one thread: there are as many processes as CPUs. Unlike multiprocessing, loky does not run the caller's
    script again, so that the script needs no `if __name__ == "__main__"`.
    """
    from loky import ProcessPoolExecutor

    pool = ProcessPoolExecutor(
        processes, initializer=_end_with_parent, initargs=(os.getpid(),), env={"OMP_NUM_THREADS": "1"}
    )
    try:
        yield pool
    except BaseException:
        pool.shutdown(kill_workers=True)
        raise
    pool.shutdown()  # processes that end by themselves leave no semaphores behind, of which loky would warn


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
