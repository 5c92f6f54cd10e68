"""Crystals with figures as `crystalgrid relax` writes them, for tests of reports."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa

from crystalgrid.crystal import Crystal
from crystalgrid.data.crystalset import CrystalSet
from crystalgrid.data.parquet import table_of, write_table
from crystalgrid.worth.table_folder import METADATA
from zoo import PEROVSKITE, ZOO

SALT = Crystal(2.8 * (np.ones((3, 3)) - np.eye(3)), [[0, 0, 0], [0.5, 0.5, 0.5]], [11, 17])
CAESIUM_CHLORIDE = Crystal(4.12 * np.eye(3), [[0, 0, 0], [0.5, 0.5, 0.5]], [55, 17])
UNBALANCED = Crystal(4 * np.eye(3), [[0, 0, 0], [0.5, 0.5, 0.5], [0.5, 0.5, 0]], [11, 17, 17])
CRYSTALS = {
    "salt": SALT, "perovskite": PEROVSKITE, "unbalanced": UNBALANCED, "caesium": CAESIUM_CHLORIDE,
    "oxide": ZOO["hexagonal"],
}  # fmt: skip
ABOVE = {"salt": 0.05, "perovskite": 0.0, "unbalanced": -0.5, "caesium": np.nan, "oxide": 0.3}
"""The energies above the hull, eV/atom."""


def write_relaxed(folder: Path) -> None:
    """Write a folder as if the crystals had been checked and relaxed."""
    folder.mkdir()
    crystals = CrystalSet.from_crystals(CRYSTALS.values(), CRYSTALS)
    listed = list(CRYSTALS.values())
    columns = {
        "space_group": pa.array([crystal.space_group.symbol for crystal in listed]),
        "space_group_number": pa.array([crystal.space_group.number for crystal in listed]),
        "lemat_valid": pa.array([name != "unbalanced" for name in CRYSTALS]),
        "atoms": pa.array([len(crystal) for crystal in listed]),
        "known_as": pa.array(["mp-1" if name == "salt" else "" for name in CRYSTALS]),
        "energy_above_hull": pa.array(list(ABOVE.values())),
        "energy_per_atom": pa.array([above - 3.0 for above in ABOVE.values()]),
        "doubtful": pa.array(["far below the hull" if name == "unbalanced" else "" for name in CRYSTALS]),
        "rms_moved": pa.array([0.1 * i for i in range(len(listed))]),
    }
    metadata = {METADATA: json.dumps({"against": "known.parquet"})}
    write_table(folder / "crystals.parquet", table_of(crystals, columns, metadata))
    (folder / "crystals.csv").write_text("id\n" + "\n".join(CRYSTALS) + "\n")
