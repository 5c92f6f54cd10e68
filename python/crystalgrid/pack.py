"""`crystalgrid-data pack`: crystals in many files and formats to one Parquet file."""

from __future__ import annotations

import csv
import os
import sys
from pathlib import Path
from typing import Annotated

import tyro

from .arguments import parsed
from .errors import InputError, run_command
from .files import check_output, written_whole
from .filters import MAX_SIDE, LeftOut, check_max_side, nothing_kept, summary
from .parquet import write_parquet
from .reader import find_files
from .split import check_seed, split_by_formula
from .workers import read_all

SHOWN = 20
"""Crystals left out that are listed on the terminal; all are in the CSV."""


def pack(
    sources: tyro.conf.Positional[tuple[Path, ...]],
    out: Annotated[Path, tyro.conf.arg(aliases=["-o"])],
    max_side: float = MAX_SIDE,
    seed: int = 0,
    workers: int | None = None,
    overwrite: bool = False,
) -> None:
    """Pack crystals of CIF, POSCAR, extended XYZ, pymatgen JSON, CSV with a `cif` column, Parquet, or folders of these.

    Keeps ordered crystals of Z up to 94 in cells shorter than max_side. Writes OUT and, next to it, OUT.left_out.csv
    (file, id, reason, detail) with every crystal that was left out.

    Args:
        sources: files and folders; folders are searched in depth, hidden files aside.
        out: the Parquet file to write.
        max_side: Å, crystals whose longest side is as long or longer are left out; training and evaluation leave out
            those of 10 Å and more in any case.
        seed: of the split by reduced formula, for crystals whose source has no split.
        workers: processes; all cores by default.
        overwrite: replace OUT where it exists.
    """
    _check(sources, out, max_side, seed, workers, overwrite)
    left_out_csv = out.with_suffix(".left_out.csv")
    ours = (out.resolve(), left_out_csv.resolve())
    files = [one for source in sources for one in find_files(source) if one[0].resolve() not in ours]
    found = read_all(files, max_side, workers or os.cpu_count() or 1)
    for one in found.left_out[:SHOWN]:
        print(f"left out: {one}", file=sys.stderr)
    if len(found.left_out) > SHOWN:
        listed = f", all in {left_out_csv}" if len(found.crystals) else ""
        print(f"left out: {len(found.left_out) - SHOWN} more{listed}", file=sys.stderr)
    if len(found.crystals) == 0:
        raise InputError(nothing_kept(str(out), found.left_out))
    with written_whole(left_out_csv) as temporary:
        with temporary.open("w", newline="", encoding="utf-8", errors="backslashreplace") as file:
            csv.writer(file).writerows([LeftOut._fields, *found.left_out])
        write_parquet(out, split_by_formula(found.crystals, seed))
    print(f"{out}: {summary(len(found.crystals), found.left_out)}")


def _check(
    sources: tuple[Path, ...], out: Path, max_side: float, seed: int, workers: int | None, overwrite: bool
) -> None:
    """What can be known to go wrong before hours of reading."""
    check_max_side(max_side)
    check_seed(seed)
    if not sources:
        raise InputError("sources: wanted files or folders of crystals, got none")
    if workers is not None and workers < 1:
        raise InputError(f"workers: wanted at least 1, got {workers}")
    if out.suffix != ".parquet":
        raise InputError(f"{out}: wanted a name that ends in .parquet")
    check_output(out)
    if out.exists() and not overwrite:
        raise InputError(f"{out}: exists; choose another name or add --overwrite")


def cli() -> None:
    """Entry point of `crystalgrid-data`."""
    run_command(lambda: parsed({"pack": pack}, "crystalgrid-data")())


if __name__ == "__main__":
    cli()
