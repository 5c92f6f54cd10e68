"""`crystalgrid recover`: find the crystals in the cubes of atoms that `crystalgrid-sample` wrote."""

from pathlib import Path
from typing import Annotated

import tyro

from ..errors import require
from .signals import importing


def recover(
    folders: tyro.conf.Positional[tuple[Path, ...]],
    out: Annotated[Path, tyro.conf.arg(aliases=["-o"])],
    cif: bool = False,
    known: str | None = None,
    workers: int | None = None,
    dask: str | None = None,
    resume: bool = False,
) -> None:
    """Find the crystal in each sampled structure: its lattice, the atoms of one cell, its space group.

    Writes OUT/crystals.parquet, which every --data reads, with the structures' indices as ids; OUT/crystals.csv, a
    table that says what each crystal is, how well it explains its cube and which earlier one is the same; and a picture
    of the first. Structures without a lattice are counted and left out. With the densities that
    `crystalgrid-sample --save-density` writes, species are right far more often. Finished structures are kept in
    OUT/parts until all are finished.

    Args:
        folders: folders that crystalgrid-sample wrote, such as library/shard-*.
        out: folder to write to, new or empty, unless --resume.
        cif: write OUT/cif/INDEX.cif too, with each crystal's symmetry.
        known: crystals such as the training data: "prototypes", a file, or a folder. The table then names the one
            that each crystal is the same as.
        workers: number of processes; by default one for each core that this process may use.
        dask: address of a Dask scheduler, such as tcp://node1:8786, whose workers do the work instead; they have to see
            OUT under the same path.
        resume: continue a run that was stopped, with the same folders.
    """
    require("pymatgen", "data")
    require("matplotlib", "plot")
    with importing():
        from ..report.recovered_library import recover_library
    recover_library(folders, out, cif=cif, known=known, workers=workers, dask=dask, resume=resume)


COMMAND = recover
