"""CIF files of recovered crystals, with their symmetry."""

from __future__ import annotations

import warnings
from pathlib import Path

from ..crystal import Crystal
from ..geometry.space_group import space_group, standard_cell

EXACT = 1e-3
"""The tolerance in Å for the symmetry of a crystal whose atoms were moved to it."""


def write_cif(path: Path, crystal: Crystal, symprec: float) -> None:
    """Write a crystal in its standard cell, its atoms moved to the symmetry it has within `symprec` Å.

    The file has the symmetry operations and one atom of each orbit; a crystal without symmetry has all atoms.
    """
    from pymatgen.io.cif import CifWriter

    symmetric = space_group(crystal, symprec).number > 1
    structure = (standard_cell(crystal, symprec) if symmetric else crystal).to_pymatgen()
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore"
        )  # pymatgen warns of elements without an electronegativity, by which it sorts formulas
        CifWriter(structure, symprec=EXACT if symmetric else None).write_file(path)
