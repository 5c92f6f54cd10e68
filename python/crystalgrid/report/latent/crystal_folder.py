"""A folder of decoded crystals: extended XYZ, CIF files and a table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from pathlib import Path

from ..._conversions import xyz_text
from ...crystal import Crystal
from ...worth.table_folder import file_names
from ..crystal_table import FACTS, facts_of, write_rows

XYZ, TABLE, CIF = "crystals.xyz", "crystals.csv", "cif"
SYMPREC = 0.01
"""The tolerance in Å of the space groups of crystals that were decoded with exact symmetry."""


def write_crystals(
    folder: Path,
    ids: Sequence[str],
    crystals: Sequence[Crystal],
    columns: Mapping[str, Sequence[object]] | None = None,
    left_out: Iterable[tuple[str, str]] = (),
) -> None:
    """Write crystals into a folder that exists: crystals.xyz, crystals.csv and cif/ID.cif.

    columns: further ones of the table, a value for each crystal; left_out: id and reason of lines without a crystal.
    """
    (folder / XYZ).write_text("".join(map(xyz_text, crystals)), encoding="utf-8")
    further = dict(columns or {})
    rows = (
        [id, *facts_of(crystal, SYMPREC), *values, ""]
        for id, crystal, *values in zip(ids, crystals, *further.values(), strict=True)
    )
    empty = [""] * (len(FACTS) + len(further))
    without = ([id, *empty, reason] for id, reason in left_out)
    write_rows(folder / TABLE, chain([["id", *FACTS, *further, "reason"]], rows, without))
    (folder / CIF).mkdir()
    for crystal, name in zip(crystals, file_names(ids), strict=True):
        (folder / CIF / f"{name}.cif").write_text(crystal.to_cif(SYMPREC), encoding="utf-8")
