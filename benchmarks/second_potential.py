"""Energies above the hull by a second potential, of crystals that another one has chosen and relaxed."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from crystalgrid.data.parquet import read_parquet
from crystalgrid.worth.doubts import FAR_BELOW
from crystalgrid.worth.hull_energies import as_they_stand
from crystalgrid.worth.references import load_hull


def second_energies(file: Path, calculator: str, hull: Path, workers: int) -> dict[str, float]:
    """Return by id the energies above the hull in eV/atom that a potential gives crystals of a file as they stand.

    NaN where it gives none, an element has no reference, or the energy is too far below the hull to be believed.
    Energies are kept beside the file. hull: of energies by the same potential.
    """
    crystals = read_parquet(file).crystals
    journal = file.with_name(f"{calculator.replace(':', '-')}.jsonl")
    energies = as_they_stand(crystals, calculator, journal, crystals.checksum[:12], workers)
    references = load_hull(hull)
    results = [references.above(crystal.numbers, e) for crystal, e in zip(crystals, energies, strict=True)]
    above = np.array([np.nan if result is None else result.energy for result in results])
    above[above < FAR_BELOW] = np.nan
    return dict(zip(crystals.ids.astype(str), above.tolist(), strict=True))
