"""CIF files of recovered crystals, with their symmetry."""

from __future__ import annotations

import warnings
from pathlib import Path

from ..crystal import Crystal
from ..geometry.space_group import space_group, standard_cell

EXACT = 1e-3
"""Å within which a crystal has its symmetry once its atoms were moved to it."""


def write_cif(path: Path, crystal: Crystal, symprec: float) -> None:
    """Write a crystal in its standard cell, its atoms moved to the symmetry it has within `symprec` Å.

    The file has the symmetry operations and one atom of each orbit; without any symmetry, all atoms.
    """
    from pymatgen.io.cif import CifWriter

    symmetric = space_group(crystal, symprec).number > 1
    structure = (standard_cell(crystal, symprec) if symmetric else crystal).to_pymatgen()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of elements without an electronegativity, by which pymatgen sorts formulas
        CifWriter(structure, symprec=EXACT if symmetric else None).write_file(path)
