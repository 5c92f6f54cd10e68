"""Jobs: what workers on this machine and on a cluster are given to do."""

from __future__ import annotations

from collections.abc import Callable
from itertools import starmap
from typing import Any, TypeVar

T = TypeVar("T")
Job = tuple[Any, ...]
"""The arguments of one call."""
AHEAD = 4
"""The chunks per process that are submitted before results are used; it bounds the memory."""


def work_through(work: Callable[..., T], chunk: list[Job]) -> list[T]:
    """Return the results of a chunk of jobs, in the process that this is called in."""
    return list(starmap(work, chunk))
