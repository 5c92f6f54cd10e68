"""Conditions on crystals that a generator draws, from what a user writes to the numbers that a generator takes.

`export/README.md` describes the numbers; the C++ sampler reads its command line to the same ones.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import Any, TypeAlias

from ..errors import InputError
from ..geometry.elements import ATOMIC_NUMBERS
from ..geometry.formula import parse_formula
from ..geometry.orbits import SPACE_GROUPS

Conditions: TypeAlias = dict[str, list[float]]
Names: TypeAlias = str | Sequence[str]
"""Names, as a list or in a text with commas between them."""
NO_LIMIT = 1e9
"""The end of a range that has none; no crystal has so many of anything."""
STRUCTURES = {"any": 0.0, "known": 1.0, "new": 2.0, "free": 3.0}
CRYSTAL_SYSTEMS = {
    "triclinic": range(1, 3), "monoclinic": range(3, 16), "orthorhombic": range(16, 75), "tetragonal": range(75, 143),
    "trigonal": range(143, 168), "hexagonal": range(168, 195), "cubic": range(195, 231),
}  # fmt: skip
"""The space groups of each crystal system."""


def read_conditions(given: dict[str, Any]) -> Conditions:
    """Return conditions, by the names of the arguments of `generate`, as a generator takes them; None is no condition.

    Raises InputError, naming the argument, for a value that says nothing, and for arguments that exclude each other.
    """
    given = {name: value for name, value in given.items() if value is not None}
    conditions = {}
    for name, value in given.items():
        if name not in ("space_group", "crystal_system"):
            conditions[name] = READERS[name](name, value)
    groups = [READERS[name](name, given[name]) for name in ("space_group", "crystal_system") if name in given]
    if groups:
        conditions["space_groups"] = sorted(set(groups[0]).intersection(*groups[1:]))
        if not conditions["space_groups"]:
            raise InputError("space_group and crystal_system: none of these groups is in that system")
    if "z" in conditions and "formula" not in conditions:
        raise InputError("z: wanted formula with it, of which it counts the units in the primitive cell")
    if "formula" in given and "z" not in given:
        warn_of_units(given["formula"])
    return conditions


def warn_of_units(formula: str) -> None:
    """Warn of a formula of several units, as Li2O2, of which crystals hold any number."""
    units = math.gcd(*parse_formula("formula", formula).values())
    if units > 1:
        warnings.warn(
            f"formula: {formula} is {units} formula units; crystals hold any number of them; "
            f"z={units} asks for {formula} in the primitive cell",
            stacklevel=5,
        )


def formula(name: str, value: Any) -> list[float]:
    """Return Z and the number of atoms in one formula unit, one element after the other."""
    counts = parse_formula(name, value)
    divisor = math.gcd(*counts.values())
    return [float(number) for z in sorted(counts) for number in (z, counts[z] // divisor)]


def elements(name: str, value: Any) -> list[float]:
    """Return atomic numbers of symbols, as a list or in a text with commas between them."""
    numbers = set()
    for symbol in listed(name, value):
        if symbol not in ATOMIC_NUMBERS:
            raise InputError(f"{name}: wanted symbols of elements of Z = 1 to 94, as Li,Fe,P,O, got {symbol!r}")
        numbers.add(float(ATOMIC_NUMBERS[symbol]))
    return sorted(numbers)


def whole_numbers(name: str, value: Any) -> list[float]:
    """Return whole numbers from 1 on, of a number, a list, or a text with commas."""
    words = listed(name, value)
    if not all(str(word).isdecimal() and int(word) > 0 for word in words):
        raise InputError(f"{name}: wanted whole numbers from 1 on, as 4 or 2,4, got {value!r}")
    return sorted({float(word) for word in words})


def space_groups(name: str, value: Any) -> list[float]:
    """Return numbers of space groups, of numbers or short Hermann-Mauguin symbols."""
    numbers = set()
    for word in listed(name, value):
        number = int(word) if str(word).isdecimal() else symbols().get(_plain(str(word)), 0)
        if not 1 <= number <= SPACE_GROUPS:
            raise InputError(
                f"{name}: wanted numbers from 1 to 230 or symbols of space groups, as 62 or Pnma,Fm-3m, got {word!r}"
            )
        numbers.add(float(number))
    return sorted(numbers)


def crystal_systems(name: str, value: Any) -> list[float]:
    """Return the numbers of the space groups of crystal systems."""
    systems = listed(name, value)
    for system in systems:
        if system not in CRYSTAL_SYSTEMS:
            raise InputError(f"{name}: wanted one of {', '.join(CRYSTAL_SYSTEMS)}, got {system!r}")
    return sorted(float(number) for system in systems for number in CRYSTAL_SYSTEMS[system])


def interval(name: str, value: Any) -> list[float]:
    """Return the least and the most of a range: a text LO:HI or a pair, in which either may be absent, or a number."""
    ends = value.split(":") if isinstance(value, str) else value if isinstance(value, Sequence) else [value]
    low, high = ends if len(ends) == 2 else [*ends, *ends][:2]
    try:
        least = 0.0 if low in ("", None) else float(low)
        most = NO_LIMIT if high in ("", None) else float(high)
    except (TypeError, ValueError):
        least, most = math.nan, math.nan
    if len(ends) not in (1, 2) or not 0 <= least <= most:
        raise InputError(f"{name}: wanted a range LO:HI from 0 on, LO at most HI, as 2:4 or (2, 4), got {value!r}")
    return [least, most]


def whole_interval(name: str, value: Any) -> list[float]:
    """Return the least and the most of a range, as `interval` does, of what is counted in whole numbers."""
    ends = interval(name, value)
    if any(end % 1 for end in ends):
        raise InputError(f"{name}: wanted whole numbers, as 4 or 2:4, got {value!r}")
    return ends


def structures(name: str, value: Any) -> list[float]:
    """Return the number of `any`, `known`, `new` or `free`."""
    if not isinstance(value, str) or value not in STRUCTURES:
        raise InputError(f"{name}: wanted any, known, new or free, got {value!r}")
    return [STRUCTURES[value]]


READERS: dict[str, Callable[[str, Any], list[float]]] = {
    "formula": formula, "z": whole_numbers, "elements": elements, "among": elements, "without": elements,
    "n_elements": whole_interval, "space_group": space_groups, "crystal_system": crystal_systems,
    "atoms": whole_interval, "density": interval, "volume_per_atom": interval, "largest_z": whole_interval,
    "structures": structures,
}  # fmt: skip
"""The function that reads each condition, by the name of its argument."""


def listed(name: str, value: Any) -> list[Any]:
    """Return the parts of a text with commas, of a list, set or array, or a single value; InputError if none."""
    parts = value.split(",") if isinstance(value, str) else list(value) if isinstance(value, Iterable) else [value]
    parts = [part.strip() if isinstance(part, str) else part for part in parts]
    if not parts or "" in parts:
        raise InputError(f"{name}: wanted a value or several, got {value!r}")
    return parts


@cache
def symbols() -> dict[str, int]:
    """Return the numbers of space groups by their short symbols without spaces and underscores."""
    from moyopy import SpaceGroupType

    numbers = range(1, SPACE_GROUPS + 1)
    return {_plain(SpaceGroupType(number).hm_short): number for number in numbers}


def _plain(symbol: str) -> str:
    return symbol.replace(" ", "").replace("_", "")
