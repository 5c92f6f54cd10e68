"""Distributed training: one process for each GPU of this machine, or the processes that `torchrun` started."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_EXCEPTION, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, nullcontext, redirect_stderr
from functools import partial
from multiprocessing import active_children, get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import ParamSpec

import torch
from torch import distributed

from ..errors import InputError
from ..nets.distributed import is_distributed

P = ParamSpec("P")
SECONDS_TO_END = 10.0
"""The seconds that other processes get to end after one has failed, as they mostly fail in the same way."""


def run_in_processes(devices: str, function: Callable[P, None], *args: P.args, **kwargs: P.kwargs) -> None:
    """Call a function in as many processes as `devices` requests, or in this one if `torchrun` started it.

    Raises what the function raises in the first process that fails, and InputError for devices that do not exist.
    """
    count = count_processes(devices)
    work = partial(function, *args, **kwargs)
    if count == 1:
        work()
    elif started_by_torchrun():
        _run_in_group(work, "env://", int(os.environ["RANK"]), int(os.environ["LOCAL_RANK"]), count)
    else:
        _start_processes(work, count)


def count_processes(devices: str) -> int:
    """Return the number of processes on all machines: that of `torchrun`, or one for each GPU, or one on the CPU."""
    n_gpus = torch.cuda.device_count()
    if started_by_torchrun():
        n_local = int(os.environ["LOCAL_WORLD_SIZE"])
        if n_gpus and n_local > n_gpus:
            raise InputError(
                f"torchrun: wanted at most a process for each of {n_gpus} GPUs, got {n_local} on this machine"
            )
        return int(os.environ["WORLD_SIZE"])
    if devices != "auto" and not (devices.isdecimal() and 1 <= int(devices) <= max(n_gpus, 1)):
        raise InputError(f'--devices: wanted "auto" or a number from 1 to {max(n_gpus, 1)}, got {devices!r}')
    return (n_gpus or 1) if devices == "auto" else int(devices)


def started_by_torchrun() -> bool:
    """Return whether `torchrun` has started this process."""
    return "LOCAL_WORLD_SIZE" in os.environ


def rank() -> int:
    """Return the index of this process among all that train together."""
    return distributed.get_rank() if is_distributed() else 0


def world_size() -> int:
    """Return the number of processes that train together."""
    return distributed.get_world_size() if is_distributed() else 1


def first_process() -> bool:
    """Return whether this is the process that writes files and prints."""
    return rank() == 0


@contextmanager
def only_first_prints() -> Iterator[None]:
    """Discard the stderr of all processes but the first, since all would print the same."""
    with open(os.devnull, "w") as devnull, nullcontext() if first_process() else redirect_stderr(devnull):
        yield


def training_device() -> torch.device:
    """Return this process's GPU, or the CPU if there is none."""
    return torch.device("cuda", torch.cuda.current_device()) if torch.cuda.is_available() else torch.device("cpu")


def wait_for_all() -> None:
    """Wait until all processes have called this."""
    if is_distributed():
        distributed.barrier()


def any_process(flag: bool) -> bool:
    """Return whether the flag is true in any of the processes."""
    if not is_distributed():
        return flag
    flags = torch.tensor(float(flag), device=training_device())
    distributed.all_reduce(flags, distributed.ReduceOp.MAX)
    return bool(flags)


def from_first_process(value: float) -> float:
    """Return the first process's value in all processes."""
    if not is_distributed():
        return value
    values = torch.tensor(value, dtype=torch.float64, device=training_device())
    distributed.broadcast(values, 0)
    return float(values)


def _run_in_group(work: Callable[[], None], rendezvous: str, rank: int, local_rank: int, count: int) -> None:
    """Call a function in this process as one of a group, which meet at the URL `rendezvous`."""
    if torch.cuda.is_available():
        torch.cuda.set_device(local_rank)
    backend = "nccl" if torch.cuda.is_available() else "gloo"
    distributed.init_process_group(backend, init_method=rendezvous, rank=rank, world_size=count)
    try:
        work()
    finally:
        distributed.destroy_process_group()


def _start_processes(work: Callable[[], None], count: int) -> None:
    """Call a function in new processes of this machine; if one fails, the others are stopped."""
    context = get_context("spawn")  # CUDA does not survive a fork
    with TemporaryDirectory() as folder:
        rendezvous = (Path(folder) / "rendezvous").as_uri()
        # Each has its own session, so that Ctrl-C on a terminal reaches it once, through this process.
        with ProcessPoolExecutor(count, context, initializer=_start_session) as pool, _signals_passed_on():
            futures = [pool.submit(_run_in_group, work, rendezvous, i, i, count) for i in range(count)]
            finished, _ = wait(futures, return_when=FIRST_EXCEPTION)
            if wait(futures, timeout=SECONDS_TO_END).not_done:
                for child in active_children():
                    child.kill()  # a process that waits for the failed one answers no other signal
            for future in finished:
                _raise_error(future.exception())


def _start_session() -> None:
    os.setsid()
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))


def _raise_error(error: BaseException | None) -> None:
    if isinstance(error, BrokenProcessPool):
        raise InputError(
            "training: one of the processes was killed, perhaps because memory ran out; go on with --resume"
        )
    if error is not None:
        raise error


@contextmanager
def _signals_passed_on() -> Iterator[None]:
    """Pass Ctrl-C and SIGTERM on to the processes that this one has started, which then end by themselves."""

    def pass_on(number: int, _frame: object) -> None:
        for child in active_children():
            if child.pid is not None:
                os.kill(child.pid, number)

    before = {number: signal.signal(number, pass_on) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
