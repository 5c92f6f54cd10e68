"""Data: crystals from a source, filtered and split, and the cubes that are cut from them.

Needs neither pymatgen nor plotting for Parquet and for the prototypes.
"""

from __future__ import annotations

import sys
from pathlib import Path

from ..errors import InputError
from ..grid import Grid
from .crystalset import CrystalSet
from .cubes import check_mode, fits
from .filters import MAX_SIDE, Found, LeftOut, nothing_kept, sift, summary
from .prototypes import prototypes
from .reader import find_files, format_of
from .split import check_seed, split_by_formula
from .workers import read_all


def load_crystals(
    source: str | Path, *, mode: str = "repeated", grid: Grid | None = None, seed: int = 0, max_side: float = MAX_SIDE
) -> CrystalSet:
    """Crystals to learn from, wrapped into their cells and split; one line on stderr says what was left out and why.

    source: 'prototypes', a Parquet file, another file of crystals, or a folder of these.
    mode: 'single' leaves out crystals that never fit in the cube of `grid`.
    seed: of the split by reduced formula, where the source has no `split`.
    max_side: Å, crystals whose longest side is as long or longer are left out.

    Raises InputError for a mode that does not exist, a source that is missing or cannot be read, or if nothing is kept.
    """
    check_mode(mode)
    check_seed(seed)
    found = _read(source, max_side)
    crystals = split_by_formula(found.crystals, seed).wrapped()
    left_out = found.left_out
    if mode == "single":
        keep = fits(crystals, grid or Grid())
        left_out = left_out + [LeftOut(str(source), str(one), "never fits in the cube") for one in crystals.ids[~keep]]
        crystals = crystals[keep]
    if len(crystals) == 0:
        raise InputError(nothing_kept(str(source), left_out))
    print(f"{source}: {summary(len(crystals), left_out)}", file=sys.stderr, flush=True)
    return crystals


def _read(source: str | Path, max_side: float) -> Found:
    if source == "prototypes":
        return sift(prototypes(), "prototypes", max_side)
    if not Path(source).exists():
        raise InputError(f"{source}: no such file or folder, nor 'prototypes'")
    files = find_files(source)
    return read_all([one for one in files if format_of(one[0])] or files[:1], max_side)
