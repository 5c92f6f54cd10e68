"""Pack crystals in many files and formats into one Parquet file."""

from __future__ import annotations

import csv
import sys
from pathlib import Path

from ..errors import InputError
from ..files import check_output, written_whole
from ..pool import cpu_count
from .filters import check_max_side
from .parquet import write_parquet
from .reader import read_files
from .results import Skipped, nothing_kept, summary
from .sources import find_files
from .split import check_seed, split_by_formula

SHOWN = 20
"""Crystals left out that are listed on the terminal; all are in the CSV."""


def pack_crystals(
    sources: tuple[Path, ...], out: Path, max_side: float, seed: int, workers: int | None, overwrite: bool
) -> None:
    """Pack the crystals of files and folders into one Parquet file, with the options of `crystalgrid-data pack`."""
    _check(sources, out, max_side, seed, workers, overwrite)
    left_out_csv = out.with_suffix(".left_out.csv")
    earlier_output = (out.resolve(), left_out_csv.resolve())
    files = [file for source in sources for file in find_files(source) if file.path.resolve() not in earlier_output]
    crystals, skipped = read_files(files, max_side, workers or cpu_count())
    _list_on_terminal(skipped, f", all in {left_out_csv}" if len(crystals) else "")
    if len(crystals) == 0:
        raise InputError(nothing_kept(str(out), skipped))
    with written_whole(left_out_csv) as temporary:
        with temporary.open("w", newline="", encoding="utf-8", errors="backslashreplace") as file:
            csv.writer(file).writerows([Skipped._fields, *skipped])
        write_parquet(out, split_by_formula(crystals, seed))
    print(f"{out}: {summary(len(crystals), skipped)}")


def _list_on_terminal(skipped: list[Skipped], where_all_are: str) -> None:
    for crystal in skipped[:SHOWN]:
        print(f"left out: {crystal}", file=sys.stderr)
    if len(skipped) > SHOWN:
        print(f"left out: {len(skipped) - SHOWN} more{where_all_are}", file=sys.stderr)


def _check(
    sources: tuple[Path, ...], out: Path, max_side: float, seed: int, workers: int | None, overwrite: bool
) -> None:
    """Raise InputError for what would otherwise go wrong after hours of reading."""
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
