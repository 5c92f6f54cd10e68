"""The command `crystalgrid-data`, which packs crystals of many files and formats into one Parquet file."""

from pathlib import Path
from typing import Annotated

import tyro

from .signals import importing


def pack(
    sources: tyro.conf.Positional[tuple[Path, ...]],
    out: Annotated[Path, tyro.conf.arg(aliases=["-o"])],
    max_side: float = 10.0,
    seed: int = 0,
    workers: int | None = None,
    overwrite: bool = False,
) -> None:
    """Pack crystals of CIF, POSCAR, extended XYZ, pymatgen JSON, CSV with a `cif` column, Parquet, or folders of these.

    Keeps ordered crystals of Z up to 94 in cells shorter than max_side. Writes OUT and, next to it, OUT.left_out.csv
    (file, id, reason, detail) with every crystal that was left out.

    Args:
        sources: files and folders; folders are searched with all folders in them, hidden files are passed over.
        out: the Parquet file to write.
        max_side: in Å; crystals whose longest side is as long or longer are left out. Training and evaluation leave out
            those of 10 Å and more in any case.
        seed: seed of the split by reduced formula, for crystals whose source has no split.
        workers: number of processes; by default one for each CPU that may be used.
        overwrite: replace OUT if it exists.
    """
    with importing():
        from ..data.pack import pack_crystals
    pack_crystals(sources, out, max_side, seed, workers, overwrite)


COMMAND = {"pack": pack}
