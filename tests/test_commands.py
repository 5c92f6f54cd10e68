"""Entry points: a signal while torch is imported, and later."""

import signal
import subprocess
import sys

import pytest

SIGNALS = {signal.SIGINT: 130, signal.SIGTERM: 143}
STOPPED = """
import signal
from crystalgrid.commands import entry

def imported(*_):
    try:
        signal.raise_signal({number})
    except BaseException:  # as numpy has it
        pass
    raise AttributeError("half imported")

import builtins
real = builtins.__import__
builtins.__import__ = lambda name, *rest: imported() if name == "training.run" else real(name, *rest)
entry.run("train", ["--mode", "repeated", "--out", "x"])
"""


TERMINATED = """
import signal, sys
from types import SimpleNamespace
from crystalgrid.commands import entry

def command() -> None:
    try:
        signal.raise_signal(signal.SIGTERM)
    finally:
        print("tidied")

entry.import_module = lambda *_: SimpleNamespace(COMMAND=command)
entry.run("export", [])
"""


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_while_importing_ends_in_one_line(number: int) -> None:
    program = STOPPED.format(number=int(number))
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (SIGNALS[number], "error: interrupted\n")


def test_a_command_that_is_terminated_tidies_up_and_says_so() -> None:
    done = subprocess.run([sys.executable, "-c", TERMINATED], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (143, "tidied\n", "error: interrupted\n")
