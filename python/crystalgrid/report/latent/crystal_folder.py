"""A folder of decoded crystals: Parquet, a table, CIF files and extended XYZ."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import pyarrow as pa

from ..._conversions import xyz_text
from ...crystal import Crystal
from ...data.crystalset import CrystalSet
from ...worth.table_folder import column_types, write_folder
from ..crystal_table import FACTS, Row, facts_of

XYZ = "crystals.xyz"
SYMPREC = 0.01
"""The tolerance in Å of the space groups of crystals that were decoded with exact symmetry."""
FORMULA_UNITS = "z"
"""The fact that is left out of these tables, where z is a latent vector."""


def write_crystals(
    folder: Path,
    crystals: CrystalSet,
    model: str,
    columns: Mapping[str, Sequence[object]] | None = None,
    left_out: Iterable[tuple[str, str]] = (),
) -> None:
    """Write B crystals into a folder that exists: crystals.parquet, crystals.csv, crystals.xyz and cif/ID.cif.

    model: that decoded them; columns: [B] values each, further columns of the tables; left_out: id and reason of lines
    of the table without a crystal.
    """
    further = {name: pa.array(values) for name, values in (columns or {}).items()}
    own, text = column_types(Row), pa.string()
    facts = {name: own[name] for name in FACTS if name != FORMULA_UNITS}
    types = {"id": text, **facts, **{name: values.type for name, values in further.items()}, "reason": text}
    rows = [
        {
            "id": crystals.ids[i],
            **dict(zip(FACTS, facts_of(crystal, SYMPREC), strict=True)),
            **{name: values[i].as_py() for name, values in further.items()},
            "reason": "",
        }
        for i, crystal in enumerate(crystals)
    ]
    write_folder(
        folder, crystals, rows, types, [{"id": id, "reason": reason} for id, reason in left_out], {"model": model}
    )
    write_xyz(folder / XYZ, crystals)


def write_xyz(path: Path, crystals: Iterable[Crystal]) -> None:
    """Write the frames of crystals."""
    path.write_text("".join(map(xyz_text, crystals)), encoding="utf-8")
