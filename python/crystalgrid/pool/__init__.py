"""A pool of processes, for one job per crystal, which returns results in order to any thread or script.

The processes are on this machine or of a Dask cluster.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from itertools import islice, starmap
from typing import TypeVar

from ..errors import InputError
from .jobs import AHEAD, Job
from .local import on_this_machine

__all__ = ["AHEAD", "Workers", "chosen_workers", "cpu_count", "in_processes"]

T = TypeVar("T")
Workers = int | str
"""A number of processes on this machine, or the address of a Dask scheduler."""


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
    yield from on_this_machine(work, chunks, workers, after_death)
