"""Structure types: space group and Wyckoff letters of each element, whatever the elements are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

from ..crystal import Crystal
from ..data.crystalset import CrystalSet
from ..geometry.space_group import symmetry_dataset
from ..pool import Workers, in_processes
from ..progress import progress

if TYPE_CHECKING:
    from moyopy import MoyoDataset

CHUNK_SIZE = 256
"""The number of crystals that a process gets at a time; no process is started for fewer."""
EXACT = 1e-4
"""Å; the tolerance for cells whose atoms are where symmetry puts them."""
Letters = tuple[str, ...]
"""The Wyckoff letters of each element's orbits, in alphabetical order, one string an element, sorted."""

_canonical: dict[tuple[int, Letters], Letters] = {}
"""The canonical letters of those met before: there are far fewer of these than crystals, and they take milliseconds."""


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
    letters = _letters((crystal.numbers[i], dataset.wyckoffs[i]) for i in set(dataset.orbits))
    key = dataset.number, letters
    if key not in _canonical:
        _canonical[key] = min([letters, *_equivalent(dataset)])
    return f"{dataset.number}:{'-'.join(_canonical[key])}"


def _letters(orbits: Iterable[tuple[int, str]]) -> Letters:
    """Return the letters of orbits, each given by its atomic number and its letter."""
    of_element: dict[int, list[str]] = {}
    for number, letter in orbits:
        of_element.setdefault(number, []).append(letter)
    return tuple(sorted("".join(sorted(letters)) for letters in of_element.values()))


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
        sequences.append(_letters((z, letter) for (z, letter, size), n in atoms.items() for _ in range(n // size)))
    return sequences
