"""The pool: order, look-ahead, processes that die, and being used from anywhere."""

import os
import subprocess
import sys
import time
from pathlib import Path
from threading import Thread

import pytest

from crystalgrid.errors import InputError
from crystalgrid.pool import AHEAD, cpu_count, in_processes

SCRIPT = """
import os, sys
from crystalgrid.pool import in_processes

def work(i):
    return i, os.getpid(), os.environ["OMP_NUM_THREADS"]

results = list(in_processes(work, ((i,) for i in range(40)), 2, chunk_size=4))
assert [i for i, *_ in results] == list(range(40))
assert os.getpid() not in {pid for _, pid, _ in results}
assert {threads for *_, threads in results} == {"1"}
"""
KILLED = """
import os, signal, time
from crystalgrid.pool import in_processes

def work(i):
    return os.getpid()

for pid in in_processes(work, ((i,) for i in range(9)), 2):
    print(pid, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def square(number: int) -> int:
    """Return the square, but 13 kills its process."""
    if number == 13:
        os._exit(9)
    return number**2


def numbers(count: int) -> list[tuple[int]]:
    return [(i,) for i in range(count) if i != 13]


@pytest.mark.parametrize("processes", [1, 2])
def test_results_come_in_order(processes: int) -> None:
    assert list(in_processes(square, numbers(50), processes, chunk_size=3)) == [i**2 for (i,) in numbers(50)]


def test_jobs_are_read_only_so_far_ahead() -> None:
    read = []
    jobs = (read.append(i) or (i,) for i in range(100, 200))
    results = in_processes(square, jobs, 2, chunk_size=2)
    assert next(results) == 100**2
    assert len(read) == AHEAD * 2 * 2
    results.close()


def test_a_process_that_dies_is_one_error() -> None:
    with pytest.raises(InputError, match="a process died, perhaps because memory ran out"):
        list(in_processes(square, ((i,) for i in range(20)), 2))


def test_a_job_that_kills_its_process_can_have_another_result() -> None:
    results = list(in_processes(square, ((i,) for i in range(40)), 2, chunk_size=4, after_death=lambda i: -i))
    assert results == [-13 if i == 13 else i**2 for i in range(40)]


def test_errors_of_a_job_are_raised() -> None:
    with pytest.raises(TypeError, match="unsupported operand"):
        list(in_processes(square, [("x",)], 2))


def test_scripts_need_no_main_guard(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(SCRIPT)
    done = subprocess.run([sys.executable, str(tmp_path / "script.py")], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")


def test_other_threads_can_use_it() -> None:
    results: list[int] = []
    thread = Thread(target=lambda: results.extend(in_processes(square, numbers(8), 2)))
    thread.start()
    thread.join()
    assert results == [i**2 for i in range(8)]


def test_processes_end_when_their_parent_is_killed() -> None:
    done = subprocess.run([sys.executable, "-c", KILLED], capture_output=True, text=True, timeout=120)
    [pid] = map(int, done.stdout.split())
    for _ in range(100):
        if not Path(f"/proc/{pid}").exists():
            return
        time.sleep(0.1)
    pytest.fail(f"process {pid} still runs")


def test_cpus_are_those_that_this_process_may_use() -> None:
    code = "from crystalgrid.pool import cpu_count; print(cpu_count())"
    cpu = min(os.sched_getaffinity(0))
    pinned = f"import os; os.sched_setaffinity(0, {{{cpu}}}); {code}"
    assert subprocess.run([sys.executable, "-c", pinned], capture_output=True, text=True).stdout == "1\n"
    assert 1 <= cpu_count() <= len(os.sched_getaffinity(0))
