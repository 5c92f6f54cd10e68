"""What the README shows runs as it stands."""

import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import pytest

import crystalgrid

README = Path(__file__).parents[1] / "README.md"
NAMES = ("data", "train", "prior", "evaluate", "export", "sample", "recover", "interpolate", "figures")
COMMANDS = tuple(f"crystalgrid-{name}" for name in NAMES)


def test_python_example():
    example = "\n".join(re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL))
    run = subprocess.run([sys.executable, "-W", "error", "-c", example], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert re.match(r"\d+ atoms, the first is Z = \d+ at \[", run.stdout)


def test_no_module_hides_a_name_of_the_package():
    """Importing `crystalgrid.x` would replace a function `crystalgrid.x`."""
    modules = {module.name for module in pkgutil.iter_modules(crystalgrid.__path__)}
    assert "density" in modules
    assert not modules & set(crystalgrid.__all__)


def test_links_lead_somewhere():
    for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", README.read_text()):
        assert (README.parent / target).exists(), target


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_explain_themselves(command):
    run = subprocess.run([Path(sys.executable).parent / command, "--help"], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert command in run.stdout
