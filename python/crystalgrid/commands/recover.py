"""`crystalgrid-recover`: from what `crystalgrid-sample` drew, cubes of atoms, to crystals with unit cells."""

from pathlib import Path
from typing import Annotated

import tyro

from .entry import importing


def recover(
    folders: tyro.conf.Positional[tuple[Path, ...]],
    out: Annotated[Path, tyro.conf.arg(aliases=["-o"])],
    cif: bool = False,
    known: str | None = None,
    workers: int | None = None,
    resume: bool = False,
) -> None:
    """Find the crystal in each structure of a library: lattice, the atoms of one cell, space group.

    Writes OUT/crystals.parquet, which every --data reads, ids being the structures' indices, OUT/crystals.csv with what
    each is, how well it explains its cube and which earlier one is the same, and a picture of the first. Structures
    without a lattice are counted and left out. With `crystalgrid-sample --save-density`, species are right far more
    often. What is done is kept in OUT/parts until all is.

    Args:
        folders: that crystalgrid-sample wrote, such as library/shard-*.
        out: folder to write to, new or empty, unless --resume.
        cif: write OUT/cif/INDEX.cif too, with their symmetry.
        known: crystals such as those that the model learned from: "prototypes", a file, or a folder. The table then
            says which of them a crystal is.
        workers: processes; all cores by default.
        resume: go on with a run that was stopped, from the same folders.
    """
    with importing():
        from ..report.recovered_library import recover_library
    recover_library(folders, out, cif, known, workers, resume)


COMMAND = recover
