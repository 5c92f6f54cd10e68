"""The packing of crystals in many files and formats into one Parquet file."""

from __future__ import annotations

import csv
import sys
from pathlib import Path
from typing import TextIO

from ..errors import InputError
from ..files import check_output, written_whole
from ..pool import Workers
from .columns import columns_beside, name_unlike
from .filters import check_max_side
from .parquet import table_of, write_table
from .reader import read_files
from .results import ReadResult, Skipped, grouped, nothing_kept
from .sources import SourceFile, find_files
from .split import check_seed, split_by_formula
from .where import Condition, those_where


def pack_crystals(
    sources: tuple[Path, ...],
    out: Path,
    max_side: float,
    seed: int,
    workers: Workers,
    overwrite: bool,
    report: Path | None = None,
    where: str | None = None,
) -> None:
    """Pack the crystals of files and folders into one Parquet file, with the options of `crystalgrid-data pack`."""
    _check(sources, out, max_side, seed, overwrite, report)
    condition = None if where is None else Condition.parse(where)
    left_out_csv = out.with_suffix(".left_out.csv")
    earlier_output = (out.resolve(), left_out_csv.resolve())
    files = [file for source in sources for file in find_files(source) if file.path.resolve() not in earlier_output]
    result = read_files(_once_each(files), max_side, workers)
    if condition is not None:
        result = those_where(result, condition)
    crystals, skipped = result.crystals, result.skipped
    for line in grouped(skipped) if len(crystals) or len(skipped) > 1 else ():
        print(f"left out: {line}", file=sys.stderr)
    if report is not None:
        write_report(report, result)
    if len(crystals) == 0:
        raise InputError(nothing_kept(str(out), skipped))
    columns, unlike = columns_beside(result.files, result.ids_as_read)
    name_unlike(unlike)
    with written_whole(left_out_csv) as temporary:
        with open_table(temporary) as table:
            csv.writer(table).writerows([Skipped._fields, *skipped])
        write_table(out, table_of(split_by_formula(crystals, seed), columns))
    listed = f"; each of those with its reason in {left_out_csv}" if skipped else ""
    print(f"{out}: {result.summary()}{listed}")


def _once_each(files: list[SourceFile]) -> list[SourceFile]:
    """Return the files without those that are given again; a line on stderr counts these."""
    first = {file.path.resolve(): file for file in reversed(files)}
    if again := len(files) - len(first):
        print(f"warning: {again:,} files are given more than once, and read once", file=sys.stderr)
    return [file for file in files if first[file.path.resolve()] is file]


def write_report(path: Path, result: ReadResult) -> None:
    """Write a table of every crystal of every file: kept, with its notes, or left out, with the reason."""
    notes: dict[str, list[str]] = {}
    for note in result.notes:
        notes.setdefault(note.id, []).append(note.text)
    kept = zip(result.files, map(str, result.crystals.ids), strict=True)
    rows = [(file, id, "kept", "; ".join(notes.get(id, []))) for file, id in kept]
    for file, id, reason, detail in result.skipped:
        rows.append((file, id, "left out", ": ".join(filter(None, (reason, detail)))))
    with written_whole(path) as temporary, open_table(temporary) as table:
        csv.writer(table).writerows([("file", "id", "verdict", "reason"), *sorted(rows)])


def open_table(path: Path) -> TextIO:
    """Open a CSV file for writing, in which bytes of names that are not valid text are escaped."""
    return path.open("w", newline="", encoding="utf-8", errors="backslashreplace")


def _check(
    sources: tuple[Path, ...],
    out: Path,
    max_side: float,
    seed: int,
    overwrite: bool,
    report: Path | None,
) -> None:
    """Raise InputError for mistakes that would otherwise show after hours of reading."""
    check_max_side(max_side)
    check_seed(seed)
    if not sources:
        raise InputError("sources: wanted files or folders of crystals, got none")
    if out.suffix != ".parquet":
        raise InputError(f"{out}: wanted a name that ends in .parquet")
    check_output(out)
    if report is not None:
        check_output(report, sources)
    if out.exists() and not overwrite:
        raise InputError(f"{out}: exists; choose another name or add --overwrite")
