"""Prototypes: 288 measured structures of the AFLOW Library of Crystallographic Prototypes, shipped with the package.

M. J. Mehl et al., Comput. Mater. Sci. 136, S1 (2017). `scripts/write_prototypes.py` made the file from the copy that
pymatgen distributes under the MIT licence; the file's metadata says so too.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from ..crystal import ATOMIC_NUMBERS
from .crystalset import CrystalSet

FILE = Path(__file__).with_suffix(".parquet")
"""The file of the prototypes; unlike users' files it has fractional positions, which are exact to the last bit."""


def prototypes() -> CrystalSet:
    """Return all prototypes, among them one with an element of Z > 94 and some whose cells are long."""
    rows = pq.read_table(FILE).to_pylist()
    arrays = (
        (
            np.array(row["lattice_vectors"]),
            np.array(row["fractional_site_positions"]),
            np.array([ATOMIC_NUMBERS.get(symbol, 0) for symbol in row["species_at_sites"]]),
        )
        for row in rows
    )
    return CrystalSet.from_arrays(arrays, [row["immutable_id"] for row in rows])
