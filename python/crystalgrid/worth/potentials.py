"""Potentials: ASE calculators by name, if their weights come in a wheel, and any other by its module and function."""

from __future__ import annotations

import importlib
import io
import sys
import warnings
from collections.abc import Callable
from contextlib import redirect_stdout
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from ..errors import InputError, require


class Potential(NamedTuple):
    """A calculator of energies, forces and stresses."""

    name: str
    calculator: Any
    """An ASE calculator, or a model of torch-sim."""
    elements: frozenset[int] | None
    """The atomic numbers that it has learned; None if it does not say."""


@cache
def potential(name: str) -> Potential:
    """Return a potential by its name or by 'module:function', whose function makes an ASE calculator.

    A module is sought in the current folder, too. Raises InputError in one line if it cannot be had.
    """
    require("ase", "relax")
    check_name(name, "an ASE calculator")
    with warnings.catch_warnings(), redirect_stdout(io.StringIO()):  # libraries report their devices
        warnings.simplefilter("ignore")
        return NAMED[name](name) if name in NAMED else Potential(name, _calculator(name), None)


def check_name(name: str, makes: str) -> None:
    """Raise InputError for a name that is neither of a potential nor of a function, which makes what `makes` says."""
    if not isinstance(name, str) or (name not in NAMED and ":" not in name):
        raise InputError(
            f"calculator: wanted {', '.join(NAMED)} or MODULE:FUNCTION that makes {makes}, got {name!r:.60}"
        )


def _chgnet(name: str) -> Potential:
    require("chgnet", "relax")
    from .chgnet_calculator import LEARNED, chgnet_calculator

    return Potential(name, chgnet_calculator(), LEARNED)


def _sevennet(name: str) -> Potential:
    require("sevenn", "relax")
    from .sevennet_calculator import EnergyFirstCalculator

    calculator = EnergyFirstCalculator(name)
    return Potential(name, calculator, frozenset(map(int, calculator.type_map)))


NAMED: dict[str, Callable[[str], Potential]] = {"chgnet": _chgnet, "7net-0": _sevennet, "7net-l3i5": _sevennet}
"""The potentials that have a name."""


def _calculator(name: str) -> Any:
    """Return the calculator that the function of a module makes."""
    calculator = made_by(name)
    if not hasattr(calculator, "get_property"):
        raise InputError(f"calculator {name}: wanted an ASE calculator, got {type(calculator).__name__}")
    return calculator


def made_by(name: str) -> Any:
    """Return what the function of a module makes; the module is sought in the current folder, too."""
    module_name, _, function_name = name.partition(":")
    if (folder := str(Path.cwd())) not in sys.path:
        sys.path.append(folder)
    try:
        return getattr(importlib.import_module(module_name), function_name)()
    except Exception as error:  # the module is the user's, and may fail in any way
        raise InputError(f"calculator {name}: cannot be made: {type(error).__name__}: {error}") from error
