"""Measuring two things side by side, and one table of all that was measured."""

import time
from collections.abc import Callable
from pathlib import Path

import freud
import pytest
import torch

import report
from workload import Workload


@pytest.fixture(scope="session")
def workload() -> Workload:
    """256 cubes, one thread for everybody."""
    torch.set_num_threads(1)
    freud.parallel.set_num_threads(1)
    return Workload()


@pytest.fixture
def side_by_side(benchmark, workload) -> Callable[..., None]:
    """Time ours and a peer's in turn, so that a busy machine is unkind to both."""

    def measure(
        what: str, peer_name: str, ours: Callable[[], object], peer: Callable[[], object], *,
        cubes: int, peer_cubes: float | None = None, rounds: int = 15, **extra: object,
    ) -> None:  # fmt: skip
        peer_seconds: list[float] = []

        def timed_peer() -> None:
            start = time.perf_counter()
            peer()
            peer_seconds.append((time.perf_counter() - start) / (peer_cubes or cubes))

        benchmark.pedantic(ours, setup=timed_peer, rounds=rounds, warmup_rounds=1)
        ours_seconds = [seconds / cubes for seconds in benchmark.stats.stats.data]
        benchmark.extra_info.update(
            what=what,
            peer=peer_name,
            workload=f"256 cubes of {workload.source}",
            ours_seconds=ours_seconds,
            peer_seconds=peer_seconds[-rounds:],
            **extra,
        )

    return measure


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write the table as Markdown and JSON, and print it."""
    measured = [dict(bench.extra_info) for bench in session.config._benchmarksession.benchmarks if bench.extra_info]
    if measured:
        print("\n\n" + report.write(measured, Path("out/benchmarks")))
