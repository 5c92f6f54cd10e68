"""A crystal to draw others near: from a file or an object to the numbers that a generator takes."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

from ..crystal import SYMPREC, Crystal, CrystalLike, as_crystal
from ..data.reader import read
from ..errors import InputError
from ..geometry.canonical_unit import CanonicalUnit, find_canonical_unit
from ..geometry.elements import SYMBOLS
from ..geometry.wyckoff import LETTERS
from .conditions import Conditions, listed

MOST_ORBITS = 256
"""The most Wyckoff orbits of a crystal that is passed on; generators draw far fewer."""


def read_like(like: CrystalLike | str | Path | None, strength: Any = None, fix: Any = None) -> Conditions:
    """Return the conditions that ask for crystals near a given one; none if there is no crystal.

    like: a crystal, or a file that holds one; strength: 0 to 1; fix: symbols of elements and numbers of sites.
    Raises InputError, naming the argument, for what is no such thing, and for strength or fix without like.
    """
    if like is None:
        for name, value in (("strength", strength), ("fix", fix)):
            if value is not None:
                raise InputError(f"{name}: wanted like with it, the crystal that it speaks of")
        return {}
    unit = unit_of(the_crystal(like))
    orbits = np.column_stack((unit.letters, unit.numbers, unit.points))
    conditions = {"like": [float(x) for x in (unit.space_group, *unit.lattice.flat, *orbits.flat)]}
    if strength is not None:
        conditions["strength"] = [share("strength", strength)]
    if fix is not None:
        conditions["fix"] = fixed_sites(fix, unit)
    return conditions


def like_as_text(options: dict[str, Any]) -> dict[str, Any]:
    """Return the options of the sampler's command line with the file of `like`, and `fix`, as numbers in a text.

    Raises InputError as `read_like` does.
    """
    read = read_like(options.get("like"), fix=options.get("fix"))
    numbers = {name: ",".join(f"{x:.0f}" if x.is_integer() else repr(x) for x in read[name]) for name in read}
    return {**options, **numbers}


def the_crystal(like: CrystalLike | str | Path) -> Crystal:
    """Return a crystal, or that of a file; raise InputError unless the file holds one crystal that can be read."""
    if not isinstance(like, str | Path):
        return as_crystal(like)
    if not Path(like).is_file():
        raise InputError(f"like: wanted a file with one crystal, and there is no file {like}")
    crystals = read(like)
    if len(crystals) != 1:
        raise InputError(f"like: wanted a file with one crystal, got {like} with {len(crystals)}")
    return crystals[0]


def unit_of(crystal: Crystal) -> CanonicalUnit:
    """Return a crystal by its Wyckoff orbits, as generators describe it."""
    unit = find_canonical_unit(crystal.lattice, crystal.frac_coords, crystal.numbers, SYMPREC)
    if unit is None:
        raise InputError(
            f"like: the symmetry of {crystal.formula} is not clear within {SYMPREC} Å; symmetrise it first"
        )
    if len(unit.letters) > MOST_ORBITS:
        raise InputError(f"like: the crystal has {len(unit.letters)} Wyckoff orbits, more than any generator draws")
    return unit


def share(name: str, value: Any) -> float:
    """Return a number from 0 to 1."""
    try:
        number = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not 0 <= number <= 1:
        raise InputError(f"{name}: wanted a number from 0 to 1, got {value!r}")
    return number


def fixed_sites(fix: Any, unit: CanonicalUnit) -> list[float]:
    """Return the numbers of the orbits that are named, by their own number or by their element."""
    symbols = [SYMBOLS[z - 1] for z in unit.numbers]
    chosen: set[int] = set()
    for word in listed("fix", fix):
        found = [i for i, symbol in enumerate(symbols) if str(word) in (symbol, str(i))]
        if not found:
            sites = ", ".join(f"{i} {symbols[i]} {LETTERS[letter]}" for i, letter in enumerate(unit.letters))
            raise InputError(f"fix: wanted elements or numbers of these sites: {sites}; got {str(word)!r}")
        chosen.update(found)
    return sorted(map(float, chosen))
