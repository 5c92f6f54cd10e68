"""Jobs on a Dask cluster: order, look-ahead, a worker that is killed, and the same recovered library."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("distributed")
import dask
from distributed import LocalCluster

from cluster_jobs import pid_and_square
from crystalgrid.commands.data import pack
from crystalgrid.data.load import load_crystals
from crystalgrid.errors import InputError
from crystalgrid.pool import AHEAD, chosen_workers, in_processes

pytestmark = pytest.mark.slow


@pytest.fixture
def once() -> Iterator[None]:
    """Let Dask give a job up when the first worker has died of it, not the fourth."""
    with dask.config.set({"distributed.scheduler.allowed-failures": 0}):
        yield


@pytest.fixture
def cluster() -> Iterator[LocalCluster]:
    """Yield a cluster of two workers, in processes of one thread."""
    with LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=None, silence_logs=50, host="127.0.0.1"
    ) as cluster:
        yield cluster


def test_results_come_in_order_though_a_worker_is_killed(cluster: LocalCluster) -> None:
    read = []
    jobs = (read.append(i) or (i,) for i in range(100, 200))
    results = in_processes(pid_and_square, jobs, cluster.scheduler_address, chunk_size=2)
    pid, first = next(results)
    assert len(read) == AHEAD * 2 * 2
    os.kill(pid, signal.SIGKILL)
    rest = list(results)
    assert [first, *(square for _, square in rest)] == [i**2 for i in range(100, 200)]
    assert pid not in {other for other, _ in rest[-20:]}


def test_a_job_that_kills_its_workers_can_have_another_result(once: None, cluster: LocalCluster) -> None:
    jobs, address = [(i,) for i in range(10, 16)], cluster.scheduler_address
    results = in_processes(pid_and_square, jobs, address, chunk_size=3, after_death=lambda i: (0, -i))
    assert [square for _, square in results] == [100, 121, 144, -13, 196, 225]
    with pytest.raises(InputError, match="Dask workers died of a job"):
        list(in_processes(pid_and_square, jobs, address, chunk_size=3))


def test_errors_of_a_job_are_raised(cluster: LocalCluster) -> None:
    with pytest.raises(TypeError, match="unsupported operand"):
        list(in_processes(pid_and_square, [("x",)], cluster.scheduler_address))


def test_crystals_are_packed_by_a_cluster(cluster: LocalCluster, crystals: Path, tmp_path: Path) -> None:
    (tmp_path / "cif").mkdir()
    for i, crystal in enumerate(load_crystals(str(crystals))):
        crystal.to_pymatgen().to(filename=str(tmp_path / "cif" / f"{i:02}.cif"))
    pack((tmp_path / "cif",), tmp_path / "here.parquet", workers=1)
    pack((tmp_path / "cif",), tmp_path / "there.parquet", dask=cluster.scheduler_address)
    assert (tmp_path / "here.parquet").read_bytes() == (tmp_path / "there.parquet").read_bytes()


def test_what_is_no_scheduler_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crystalgrid.pool.cluster.SECONDS_TO_CONNECT", 1)
    for address in ("tcp://127.0.0.1:9", "nowhere"):
        with pytest.raises(InputError, match=f"--dask {address}: no scheduler of Dask answers there"):
            list(in_processes(pid_and_square, [(1,)], address))
    with LocalCluster(n_workers=0, dashboard_address=None, host="127.0.0.1") as cluster:
        address = cluster.scheduler_address
        with pytest.raises(InputError, match=f"--dask {address}: the scheduler has no workers"):
            list(in_processes(pid_and_square, [(1,)], address))


def test_one_option_says_where_jobs_run() -> None:
    assert chosen_workers(3, None) == 3
    assert chosen_workers(None, "tcp://node1:8786") == "tcp://node1:8786"
    with pytest.raises(InputError, match="--workers and --dask: only one of them"):
        chosen_workers(2, "tcp://node1:8786")
