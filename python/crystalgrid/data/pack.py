"""`crystalgrid-data pack`: crystals in many files and formats to one Parquet file."""

from __future__ import annotations

import csv
import os
import sys
from pathlib import Path

from ..data.filters import LeftOut, check_max_side, nothing_kept, summary
from ..data.parquet import write_parquet
from ..data.reader import find_files
from ..data.split import check_seed, split_by_formula
from ..data.workers import read_all
from ..errors import InputError
from ..files import check_output, written_whole

SHOWN = 20
"""Crystals left out that are listed on the terminal; all are in the CSV."""


def pack_crystals(
    sources: tuple[Path, ...], out: Path, max_side: float, seed: int, workers: int | None, overwrite: bool
) -> None:
    """Pack the crystals of files and folders into one Parquet file, with the options of `crystalgrid-data pack`."""
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
