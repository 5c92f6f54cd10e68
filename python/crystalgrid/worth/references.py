"""Files of reference energies: the known crystals that a convex hull is made of."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from functools import cache
from numbers import Real
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ..crystal import ATOMIC_NUMBERS, MAX_Z, SYMBOLS
from ..data.parquet import write_table
from ..errors import InputError
from ..geometry.formula import parse_formula
from .hull import AboveHull, Hull

Composition: TypeAlias = str | Mapping[Any, float]
SHIPPED = ("chgnet",)
"""The potentials whose reference energies come with the package."""
COLUMNS = ("immutable_id", "formula", "energy_per_atom")


def load_hull(name: str | Path) -> Hull:
    """Return the hull of a file that `hull build` has written, or the one that ships for a potential.

    Raises InputError for a file that cannot be read or lacks a column.
    """
    path = Path(__file__).with_name(f"references_{name}.parquet") if name in SHIPPED else Path(name)
    if not path.is_file():
        raise InputError(f"hull {name}: no such file, and hulls that come with the package: {', '.join(SHIPPED)}")
    return _read(path, path.stat().st_mtime_ns)


@cache
def _read(path: Path, _changed: int) -> Hull:
    """Return the hull of a file, which is read again only after it has changed."""
    try:
        table = pq.read_table(path).to_pydict()
    except pa.ArrowException as error:
        raise InputError(f"hull {path}: not Parquet: {error}") from error
    if absent := [column for column in COLUMNS if column not in table]:
        raise InputError(f"hull {path}: no column {absent[0]}; `crystalgrid hull build` writes such files")
    counts = np.zeros((len(table["formula"]), MAX_Z + 1), dtype=np.int64)
    for row, formula in zip(counts, table["formula"], strict=True):
        for z, n in parse_formula(f"hull {path}", formula).items():
            row[z] = n
    return Hull(counts, np.array(table["energy_per_atom"], dtype=float), table["immutable_id"])


def write_references(
    path: Path, hull: Hull, kept: np.ndarray, formulas: list[str], metadata: Mapping[str, str]
) -> None:
    """Write the phases of a hull that a mask [F] keeps, with their formulas [F]."""
    table = pa.table({
        "immutable_id": pa.array(hull.ids[kept].tolist(), pa.string()),
        "formula": pa.array([formula for formula, keep in zip(formulas, kept, strict=True) if keep], pa.string()),
        "energy_per_atom": pa.array(hull.energies[kept].astype(np.float32)),
    })  # fmt: skip
    write_table(path, table.replace_schema_metadata(dict(metadata)))


def energy_above_hull(composition: Composition, energy_per_atom: float, hull: str | Path = "chgnet") -> float:
    """Return how far in eV/atom an energy is above the convex hull of known crystals; negative if it is below.

    composition: a formula such as "LiMnO2", or amounts by element such as pymatgen's Composition. energy_per_atom: in
    eV, by the method that made the hull. hull: a file that `crystalgrid hull build` has written, or "chgnet", CHGNet
    0.3.0's energies of crystals of the Materials Project, which ship with the package.

    Raises InputError if the hull has no energy of one of the elements by itself, and for what is no energy.
    """
    return above_hull(composition, energy_per_atom, hull).energy


def above_hull(composition: Composition, energy_per_atom: float, hull: str | Path) -> AboveHull:
    """Return how far an energy is above the hull, and the decomposition: see `energy_above_hull`."""
    numbers = _atoms_of(composition)
    if not isinstance(energy_per_atom, Real) or not math.isfinite(energy_per_atom):
        raise InputError(f"energy_per_atom: wanted a number in eV/atom, got {energy_per_atom!r:.60}")
    reference = load_hull(hull)
    above = reference.above(numbers, float(energy_per_atom))
    if above is None:
        symbols = ", ".join(SYMBOLS[z - 1] for z in reference.missing(numbers))
        raise InputError(f"composition {composition}: hull {hull} has no energy of {symbols} by itself")
    return above


def _atoms_of(composition: Composition) -> np.ndarray:
    """Return the atomic numbers of the atoms of a formula unit, [N]."""
    if isinstance(composition, Mapping):
        amounts = {str(symbol): n for symbol, n in composition.items() if n}
        if not amounts or any(s not in ATOMIC_NUMBERS or not n > 0 or n % 1 for s, n in amounts.items()):
            raise InputError(f"composition: wanted whole numbers of atoms by element, got {composition!r:.80}")
        counts = Counter[int]()
        for symbol, n in amounts.items():
            counts[ATOMIC_NUMBERS[symbol]] += int(n)  # D and T are hydrogen, too
    else:
        counts = parse_formula("composition", composition)
    return np.repeat(list(counts), list(counts.values()))
