"""The command `crystalgrid-data`, which packs crystals of many files and formats into one Parquet file."""

from pathlib import Path
from typing import Annotated, Literal

import tyro

from ..errors import require
from .signals import importing

NEEDED = {"ase-db": ("ase", "data"), "mp": ("mp_api", "mp")}
"""The optional package that reads a source, and the extra that installs it."""


def pack(
    sources: tyro.conf.Positional[tuple[Path, ...]],
    out: Annotated[Path, tyro.conf.arg(aliases=["-o"])],
    max_side: float = 10.0,
    seed: int = 0,
    workers: int | None = None,
    dask: str | None = None,
    overwrite: bool = False,
    report: Path | None = None,
    where: str | None = None,
) -> None:
    """Pack crystals of CIF, POSCAR, extended XYZ, pymatgen JSON, CSV with a `cif` column, Parquet, or folders of these.

    Keeps ordered crystals of Z up to 94 in cells shorter than max_side, as given or reduced, and the columns of numbers
    and text of Parquet files. Writes OUT, NAME.parquet, and beside it NAME.left_out.csv (file, id, reason, detail) with
    every crystal that was left out.

    Args:
        sources: files and folders; folders are searched with all folders in them, hidden files are passed over.
        out: the Parquet file to write.
        max_side: in Å; crystals whose longest side is as long or longer are left out. Training and evaluation leave out
            those of 10 Å and more in any case.
        seed: seed of the split by reduced formula, for crystals whose source has no split.
        workers: number of processes; by default one for each CPU that may be used.
        dask: address of a Dask scheduler, such as tcp://node1:8786, whose workers do the work instead; they have to see
            Parquet files of the sources under the same paths.
        overwrite: replace OUT if it exists.
        report: CSV file for the verdict on every crystal of every file.
        where: keep only crystals for which a column of their Parquet file is true, COLUMN, or has a number or a text,
            COLUMN<NUMBER (or >, <=, >=, =) or COLUMN=TEXT.
    """
    with importing():
        from ..data.pack import pack_crystals
        from ..pool import chosen_workers
    pack_crystals(sources, out, max_side, seed, chosen_workers(workers, dask), overwrite, report, where)


def fetch(
    source: tyro.conf.Positional[Literal["optimade", "jarvis", "ase-db", "mp"]],
    place: tyro.conf.Positional[str] = "",
    *,
    out: Annotated[Path, tyro.conf.arg(aliases=["-o"])],
    filter: str = "",
    api_key: str = "",
    licence: str = "not stated",
    max_side: float = 10.0,
    seed: int = 0,
    resume: bool = False,
    overwrite: bool = False,
) -> None:
    """Fetch crystals from a database, or from a file of another project, into one Parquet file.

    The same crystals are kept as by `pack`, with e_above_hull, formation_energy_per_atom and band_gap as columns where
    the source has them; the file says its source, licence and date. A run that stops goes on with --resume.

    Args:
        source: "optimade", a server that speaks OPTIMADE; "jarvis", a JSON or zip file such as jdft_3d; "ase-db", a
            database of ASE; "mp", the Materials Project.
        place: the base URL of the server, or the file; nothing for mp.
        out: the Parquet file to write.
        filter: OPTIMADE's filter, such as 'elements HAS ALL "Li","O" AND nelements=3'; for mp, a chemical system such
            as Li-Fe-O.
        api_key: the key for mp; by default what MP_API_KEY says.
        licence: the licence of a file's crystals, which the Parquet file then states; servers state their own.
        max_side: Å, crystals whose longest side is as long or longer, in their primitive cell, are left out.
        seed: seed of the split by reduced formula.
        resume: go on with a run that was stopped.
        overwrite: replace OUT where it exists.
    """
    if source in NEEDED:
        require(*NEEDED[source])
    with importing():
        from ..data.fetch.fetch import fetch_crystals
    fetch_crystals(
        source, place, out, query=filter, api_key=api_key, licence=licence, max_side=max_side, seed=seed, resume=resume,
        overwrite=overwrite,
    )  # fmt: skip


COMMAND = {"pack": pack, "fetch": fetch}
