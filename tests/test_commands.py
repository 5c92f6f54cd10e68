"""Entry points: Ctrl-C while torch is imported."""

import subprocess
import sys

STOPPED = """
import signal
from crystalgrid import commands

def imported(*_):
    try:
        signal.raise_signal(signal.SIGINT)
    except BaseException:  # as numpy has it
        pass
    raise AttributeError("half imported")

commands.import_module = imported
commands.train()
"""


def test_an_interrupt_while_importing_ends_in_one_line() -> None:
    done = subprocess.run([sys.executable, "-c", STOPPED], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (130, "error: interrupted\n")
