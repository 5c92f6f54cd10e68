"""Load crystals to learn from or to evaluate on: read, filtered, split and wrapped into their cells."""

from __future__ import annotations

import sys
from pathlib import Path

from ..errors import InputError
from ..grid import Grid
from .crystalset import CrystalSet
from .cubes import check_mode, fits
from .filters import MAX_SIDE, filter_crystals
from .prototypes import prototypes
from .reader import read_files
from .results import ReadResult, Skipped, nothing_kept, summary
from .sources import find_files, of_known_format
from .split import check_seed, split_by_formula


def load_crystals(
    source: str | Path, *, mode: str = "repeated", grid: Grid | None = None, seed: int = 0, max_side: float = MAX_SIDE
) -> CrystalSet:
    """Return crystals, wrapped into their cells and split; a line on stderr says how many were left out and why.

    source: 'prototypes', a Parquet file, another file of crystals, or a folder of these. Neither prototypes nor Parquet
        need pymatgen.
    mode: 'single' leaves out crystals that never fit in the cube of `grid`.
    seed: seed of the split by reduced formula, if the source has no `split`.
    max_side: Å; crystals whose longest side is as long or longer are left out.

    Raises InputError for an unknown mode, for a source that is missing or cannot be read, and if no crystal is kept.
    """
    check_mode(mode)
    check_seed(seed)
    result = _read(source, max_side)
    crystals, skipped = split_by_formula(result.crystals, seed).wrapped(), result.skipped
    if mode == "single":
        keep = fits(crystals, grid or Grid())
        skipped = skipped + [Skipped(str(source), str(id), "never fits in the cube") for id in crystals.ids[~keep]]
        crystals = crystals[keep]
    if len(crystals) == 0:
        raise InputError(nothing_kept(str(source), skipped))
    print(f"{source}: {summary(len(crystals), skipped, result.notes)}", file=sys.stderr, flush=True)
    return crystals


def _read(source: str | Path, max_side: float) -> ReadResult:
    if source == "prototypes":
        return filter_crystals(prototypes(), "prototypes", max_side)
    if not Path(source).exists():
        raise InputError(f"{source}: no such file or folder, nor 'prototypes'")
    return read_files(of_known_format(find_files(source)), max_side)
