"""Structure types of crystals, named as in `geometry.type_name`, with symmetry and equivalent descriptions by moyopy.

`geometry.type_name` knows canonical units alone, whose symmetry is exact, and has a normaliser of its own; a crystal
that is judged may be off by a tolerance, and is judged by others than made it. A test holds that both names agree.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from ..crystal import Crystal
from ..data.crystalset import CrystalSet
from ..geometry.space_group import symmetry_dataset
from ..geometry.type_name import Letters, letters_by_element, name_of
from ..pool import Workers, in_processes
from ..progress import progress

if TYPE_CHECKING:
    from moyopy import MoyoDataset

CHUNK_SIZE = 256
"""The number of crystals that a process gets at a time; no process is started for fewer."""
EXACT = 1e-4
"""Å; the tolerance for cells whose atoms are where symmetry puts them."""

_names: dict[tuple[int, Letters], str] = {}
"""The names of the types met before: there are far fewer of these than crystals, and each takes milliseconds."""


def structure_types(crystals: CrystalSet, symprec: float, workers: Workers = 1) -> list[str]:
    """Return the type of each of B crystals, as `structure_type` does."""
    chunks = [(crystals[start : start + CHUNK_SIZE], symprec) for start in range(0, len(crystals), CHUNK_SIZE)]
    results = in_processes(_types_of, chunks, workers if len(chunks) > 1 else 1)
    return [name for names in progress(results, "structure types", len(chunks)) for name in names]


def _types_of(crystals: CrystalSet, symprec: float) -> list[str]:
    return [structure_type(crystal, symprec) for crystal in crystals]


def structure_type(crystal: Crystal, symprec: float) -> str:
    """Return a name such as '221:a-b-c', a perovskite's: the space group, and the letters of each element's orbits.

    Of the equivalent descriptions of a structure, which the Euclidean normaliser of its space group takes to each
    other, the name has the alphabetically first. It is empty if the symmetry within `symprec` Å cannot be determined.
    """
    dataset = symmetry_dataset(crystal.lattice, crystal.frac_coords, crystal.numbers, symprec)
    if dataset is None:
        return ""
    letters = letters_by_element((crystal.numbers[i], dataset.wyckoffs[i]) for i in set(dataset.orbits))
    key = dataset.number, letters
    if key not in _names:
        _names[key] = name_of(dataset.number, [letters, *_equivalent(dataset)])
    return _names[key]


def _equivalent(dataset: MoyoDataset) -> list[Letters]:
    """Return the letters that the Euclidean normaliser of its space group gives a structure, each once.

    The tolerance with which a symmetry was found may be too large for the normaliser; then the standard cell is taken,
    which is exact.
    """
    import moyopy

    numbers = dataset.std_cell.numbers
    try:
        found = dataset.normalizer_wyckoff_positions()
    except ValueError:
        exact = moyopy.MoyoDataset(dataset.std_cell, symprec=EXACT)
        if exact.number != dataset.number:
            return []
        found, numbers = exact.normalizer_wyckoff_positions(), exact.std_cell.numbers
    sequences = []
    for _, positions in found.coset_representatives:
        atoms = Counter((z, w.letter, w.multiplicity) for z, w in zip(numbers, positions, strict=True))
        orbits = ((z, letter) for (z, letter, size), n in atoms.items() for _ in range(n // size))
        sequences.append(letters_by_element(orbits))
    return sequences
