"""One job per crystal on a Dask cluster, whose scheduler moves the jobs of a worker that is lost to others."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from ..errors import InputError, require
from .jobs import AHEAD, Job, work_through

if TYPE_CHECKING:
    from distributed import Client, Future

T = TypeVar("T")
SECONDS_TO_CONNECT = 20
"""A scheduler, and at least one worker of it, have to answer within so many seconds."""


def on_cluster(
    work: Callable[..., T], chunks: Iterator[list[Job]], address: str, after_death: Callable[..., T] | None
) -> Generator[T, None, None]:
    """Yield the results of chunks of jobs in order, AHEAD chunks per thread of the cluster under way.

    address: of the scheduler. after_death: as for `pool.in_processes`.
    """
    from distributed import KilledWorker

    under_way: deque[tuple[list[Job], Future[list[T]]]] = deque()
    with _connected(address) as client:
        ahead = AHEAD * sum(client.nthreads().values())
        while True:
            while len(under_way) < ahead and (chunk := next(chunks, None)):
                under_way.append((chunk, client.submit(work_through, work, chunk, pure=False)))
            if not under_way:
                return
            chunk, future = under_way.popleft()
            try:
                yield from _result(future)
            except KilledWorker:
                if after_death is None:
                    raise InputError("Dask workers died of a job, perhaps because memory ran out") from None
                for _, other in under_way:  # wait for it, as a worker that it kills would be blamed on the jobs below
                    other.exception()  # type: ignore[no-untyped-call]
                for job in chunk:
                    yield _result_or_death(client, work, job, after_death)


def _result_or_death(client: Client, work: Callable[..., T], job: Job, after_death: Callable[..., T]) -> T:
    """Return the result of a job that has the cluster to itself, or what is returned for one that kills a worker."""
    from distributed import KilledWorker

    future: Future[list[T]] = client.submit(work_through, work, [job], pure=False)
    try:
        return _result(future)[0]
    except KilledWorker:
        return after_death(*job)


def _result(future: Future[T]) -> T:
    """Return the result of a future; raise InputError if the scheduler is gone."""
    from distributed import CancelledError

    try:
        result: T = future.result()
    except CancelledError as error:
        raise InputError("the Dask scheduler is gone, or has dropped the jobs") from error
    return result


@contextmanager
def _connected(address: str) -> Iterator[Any]:
    """Yield a client of the scheduler at that address; raise InputError where it or its workers do not answer."""
    require("distributed", "dask")
    from distributed import Client

    try:
        client = Client(address, timeout=SECONDS_TO_CONNECT, set_as_default=False)  # type: ignore[no-untyped-call]
    except (OSError, ValueError) as error:
        raise InputError(f"--dask {address}: no scheduler of Dask answers there ({error})") from None
    with client:
        try:
            client.wait_for_workers(1, timeout=SECONDS_TO_CONNECT)
        except TimeoutError:
            raise InputError(f"--dask {address}: the scheduler has no workers") from None
        yield client
