"""The folder of checked crystals: a Parquet file, a table and CIF files, written whole or not at all."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ..data.crystalset import CrystalSet
from ..data.parquet import metadata_of, read_parquet
from ..data.reader import read_files
from ..data.results import Skipped, grouped, nothing_kept
from ..data.sources import all_in_one, find_files, of_known_format
from ..errors import InputError, require
from ..files import check_output, folder_written_whole, written_whole
from ..pool import Workers
from .check import Checked, checked, read_set
from .coverage import Cutoffs, coverage
from .steps import write_steps
from .summary import lines, summary
from .table_folder import CIF, CRYSTALS, METADATA, TABLE, column_types, write_folder

PACKAGES = ("moyopy", "pymatgen", "smact")
"""The packages whose versions may change a verdict."""
RELAXED = "relaxed"
"""The key under which a file says whether its crystals were relaxed after they were checked."""


class CheckedCrystals(NamedTuple):
    """Crystals with what the check found of each."""

    crystals: CrystalSet
    rows: list[Checked]
    unreadable: list[dict[str, str]]
    """The id and the reason of each that could not be read."""
    against: str
    """The name of the known crystals; empty if none were named, so that nobody knows which are new."""

    def metadata(self) -> dict[str, Any]:
        """Return what the file of crystals says of its figures."""
        return {"against": self.against, "unreadable": self.unreadable}


def check_folder(
    sources: Sequence[Path],
    out: Path,
    against: Path | None,
    json_file: Path | None,
    workers: Workers,
    cutoffs: Cutoffs | None = None,
) -> None:
    """Check the crystals of files and folders; write them with what was found, and print the summary.

    cutoffs: of coverage of the known crystals, which is counted if they are given.
    """
    require("smact", "worth")
    if cutoffs is not None:
        require("matminer", "coverage")
        if against is None:
            raise InputError("coverage: wanted known crystals to cover, --against, too")
    if not sources:
        raise InputError("sources: wanted files or folders of crystals, got none")
    if json_file is not None:
        check_output(json_file, [file.path for source in sources for file in find_files(source)])
    with folder_written_whole(out) as folder:
        crystals, skipped = read_sources(sources, workers)
        known_crystals = crystals[:0] if against is None else read_set(against)
        result = checked_crystals(crystals, skipped, known_crystals, "" if against is None else against.name, workers)
        rows = [row._asdict() for row in result.rows]
        types = column_types(Checked)
        write_folder(folder, crystals, rows, types, result.unreadable, result.metadata())
        words = ["check", *sources, "-o", out, *(() if against is None else ("--against", against))]
        write_steps(folder, sources, words, packages=PACKAGES)
    covered = {} if cutoffs is None else coverage(crystals, len(skipped), known_crystals, cutoffs, workers)
    found = summary(result.rows, len(skipped), known_crystals, covered)
    if json_file is not None:
        with written_whole(json_file) as temporary:
            temporary.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print("\n".join(lines(found)))
    print(f"{out}: {CRYSTALS}, {TABLE} and {CIF}/ hold each with its figures")


def read_sources(sources: Sequence[Path], workers: Workers) -> tuple[CrystalSet, list[Skipped]]:
    """Return the crystals of files and folders, and those that cannot be read, which are printed; InputError if all."""
    files = [file for source in sources for file in of_known_format(find_files(source))]
    result = read_files(files, np.inf, workers)
    if len(result.crystals) == 0:
        raise InputError(nothing_kept(str(sources[0]), result.skipped))
    for line in grouped(result.skipped):
        print(f"unreadable: {line}", file=sys.stderr)
    return result.crystals, result.skipped


def checked_crystals(
    crystals: CrystalSet, skipped: Sequence[Skipped], known: CrystalSet, against: str, workers: Workers
) -> CheckedCrystals:
    """Return crystals with what the check finds of each; against: the name of the known ones."""
    unreadable = [
        {"id": entry.id or entry.file, "reason": ": ".join(filter(None, (entry.reason, entry.detail)))}
        for entry in skipped
    ]
    return CheckedCrystals(crystals, checked(crystals, known, workers), unreadable, against)


def read_checked(source: Path, workers: Workers) -> CheckedCrystals:
    """Return the crystals of a folder that `check` has written; those of any other file or folder are checked first."""
    file = all_in_one(source)
    if file.name == CRYSTALS and (found := _written_by_check(file)):
        return found
    crystals, skipped = read_sources([source], workers)
    return checked_crystals(crystals, skipped, crystals[:0], "", workers)


def _written_by_check(file: Path) -> CheckedCrystals | None:
    """Return the crystals of a file with what the check found, or None if the file does not have all of that."""
    fields = [name for name in Checked._fields if name != "id"]
    try:
        table = pq.read_table(file)
    except (pa.ArrowException, OSError):  # whoever reads it for its crystals says what is wrong
        return None
    if METADATA not in metadata_of(file) or not set(fields) <= set(table.column_names):
        return None
    metadata = json.loads(metadata_of(file)[METADATA])
    if metadata.get(RELAXED):
        print(
            f"{file}: which are valid and new was judged before they were relaxed; crystalgrid check judges them anew",
            file=sys.stderr,
        )
    values = table.select(fields).to_pylist()
    row_of = dict(zip(table["immutable_id"].to_pylist(), values, strict=True))
    crystals = read_parquet(file).crystals
    rows = [Checked(id=str(id), **row_of[id]) for id in crystals.ids]
    return CheckedCrystals(crystals, rows, metadata["unreadable"], metadata["against"])
