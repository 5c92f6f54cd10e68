"""The folder of checked crystals: a Parquet file, a table and CIF files, written whole or not at all."""

from __future__ import annotations

import csv
import json
import re
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from ..data.crystalset import CrystalSet
from ..data.parquet import table_of, write_table
from ..data.reader import read_files
from ..data.results import Skipped, grouped, nothing_kept
from ..data.sources import find_files, of_known_format
from ..errors import InputError, require
from ..files import check_output, folder_written_whole, written_whole
from ..pool import Workers
from .check import Checked, all_in_one, checked, read_set
from .summary import lines, summary
from .validity import SYMPREC

CRYSTALS, TABLE, CIF = "crystals.parquet", "crystals.csv", "cif"
NOT_IN_NAMES = re.compile(r"[^\w.+-]")


def check_folder(
    sources: Sequence[Path], out: Path, against: Path | None, json_file: Path | None, workers: Workers
) -> None:
    """Check the crystals of files and folders; write them with what was found, and print the summary."""
    require("smact", "worth")
    if not sources:
        raise InputError("sources: wanted files or folders of crystals, got none")
    if json_file is not None:
        check_output(json_file)
    with folder_written_whole(out) as folder:
        files = [file for source in sources for file in of_known_format(find_files(all_in_one(source)))]
        result = read_files(files, np.inf, workers)
        for line in grouped(result.skipped):
            print(f"unreadable: {line}", file=sys.stderr)
        if len(result.crystals) == 0:
            raise InputError(nothing_kept(str(sources[0]), result.skipped))
        reference = result.crystals[:0] if against is None else read_set(against)
        rows = checked(result.crystals, reference, workers)
        write_checked(folder, result.crystals, rows, result.skipped)
    found = summary(rows, len(result.skipped), reference)
    if json_file is not None:
        with written_whole(json_file) as temporary:
            temporary.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print("\n".join(lines(found)))
    print(f"{out}: {CRYSTALS}, {TABLE} and {CIF}/ hold each with its figures")


def write_checked(folder: Path, crystals: CrystalSet, rows: Sequence[Checked], skipped: Iterable[Skipped] = ()) -> None:
    """Write crystals.parquet, crystals.csv and cif/ into a folder; unreadable ones are lines of the table alone."""
    columns = {name: pa.array([getattr(row, name) for row in rows]) for name in Checked._fields if name != "id"}
    write_table(folder / CRYSTALS, table_of(crystals, columns))
    with (folder / TABLE).open("w", newline="", encoding="utf-8", errors="backslashreplace") as file:
        table = csv.DictWriter(file, Checked._fields, restval="")
        table.writeheader()
        table.writerows({name: _rounded(value) for name, value in row._asdict().items()} for row in rows)
        table.writerows({"id": entry.id or entry.file, "reason": _reason(entry)} for entry in skipped)
    (folder / CIF).mkdir()
    for crystal, name in zip(crystals, file_names(crystals.ids), strict=True):
        (folder / CIF / f"{name}.cif").write_text(crystal.to_cif(SYMPREC), encoding="utf-8")


def file_names(ids: Iterable[str]) -> list[str]:
    """Return a file name for each id, which is the id itself where it can be one and no earlier id has it."""
    names: dict[str, None] = {}
    for index, id in enumerate(ids):
        name = NOT_IN_NAMES.sub("_", id)[:100].lstrip(".") or "_"
        names[name if name not in names else f"{name}_{index}"] = None
    return list(names)


def _reason(entry: Skipped) -> str:
    return ": ".join(filter(None, (entry.reason, entry.detail)))


def _rounded(value: object) -> object:
    return f"{value:.6g}" if isinstance(value, float) else value
