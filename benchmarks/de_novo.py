"""De novo generation as CDVAE counts it: validity, coverage, and distances between distributions.

    python benchmarks/de_novo.py draws/ --data perov5
    python benchmarks/de_novo.py swaps --data carbon24 --n 1000

Sources are those of generation.py. Fingerprints are matminer's: CrystalNN's `ops` of each site, averaged over sites,
and Magpie's of the composition, scaled by mean and deviation over 1,000 crystals of MP-20 that have at most three
elements; CDVAE's are those of MP-20 for all three data sets. A test crystal is covered (COV-R) if some draw is within
the cut-off of structures and some within that of compositions; a draw (COV-P) if some test crystals are. Draws without
a fingerprint, and those that cannot be read, are not. d_rho (g/cm³) and d_elem are Wasserstein distances between the
draws that are valid and the test crystals. A log keeps the fingerprints: the same command goes on after an
interruption.
"""

from __future__ import annotations

import time
import warnings
from pathlib import Path
from typing import Literal

import numpy as np
import tyro
from scipy.stats import wasserstein_distance

from crystalgrid.data.crystalset import CrystalSet
from crystalgrid.data.parquet import read_parquet
from crystalgrid.worth.coverage import (
    FOR_SCALING,
    Cutoffs,
    Scale,
    Structures,
    composition_fingerprints,
    shares_covered,
    structure_fingerprint,
)
from crystalgrid.worth.journal import rows_of
from crystalgrid.worth.shares import share
from crystalgrid.worth.validity import validity
from data_folder import DATA
from generation import drawn

FILES = {"perov5": "perov_5.parquet", "carbon24": "carbon_24.parquet"}
FOR_THE_SCALE = "mp_20_ternary.parquet"
CUTOFFS = Cutoffs(0.2, 4.0)
"""CDVAE's for Perov-5 and Carbon-24."""


def de_novo(
    source: tyro.conf.Positional[str],
    data: Literal["perov5", "carbon24"],
    n: int = 1000,
    seed: int = 11,
    n_test: int = 0,
    folder: Path = Path("."),
    workers: int = 1,
) -> None:
    """Judge crystals that were drawn beside the test split of a public data set, and print the table.

    Args:
        source: a folder or file of crystals, "swaps" or "training".
        data: the public data set.
        n: judge at most so many crystals.
        seed: of swaps and training, and of the choice of test crystals.
        n_test: compare with so many test crystals, chosen by the seed; 0 for all.
        folder: where the logs of fingerprints are kept.
        workers: number of processes that judge validity.
    """
    warnings.simplefilter("ignore")  # pymatgen and matminer warn of elements without an electronegativity
    start = time.perf_counter()
    known = read_parquet(DATA / FILES[data]).crystals
    training, test = known.split("train"), known.split("test")
    if n_test:
        test = test[np.random.default_rng(seed).permutation(len(test))[:n_test]]
    draws, unreadable = drawn(source, training, n, seed)
    verdicts = validity(draws, workers)
    structures = (
        fingerprints_of(draws, folder / f"{Path(source).name}-{data}.fingerprints.jsonl"),
        fingerprints_of(test, folder / f"test-{data}.fingerprints.jsonl"),
    )
    mp20 = read_parquet(DATA / FOR_THE_SCALE).crystals
    scale = Scale(composition_fingerprints(mp20[np.random.default_rng(0).permutation(len(mp20))[:FOR_SCALING]]))
    coverage = shares_covered((draws, test), structures, unreadable, scale, CUTOFFS)
    valid = [crystal for crystal, verdict in zip(draws, verdicts, strict=True) if verdict.cdvae_valid]
    densities = [[crystal.density for crystal in crystals] for crystals in (valid, test)]
    counts = [[len(np.unique(crystal.numbers)) for crystal in crystals] for crystals in (valid, test)]
    lines = {
        "structure valid": share([*(v.cdvae_structure for v in verdicts), *([False] * unreadable)]),
        "composition valid": share([*(v.smact_valid for v in verdicts), *([False] * unreadable)]),
        "COV-R": coverage["cov_r"],
        "COV-P": coverage["cov_p"],
        "d_rho": f"{wasserstein_distance(*densities):.3f}",
        "d_elem": f"{wasserstein_distance(*counts):.3f}",
        "seconds": f"{time.perf_counter() - start:.0f}",
    }
    print(f"{source}: {len(draws)} crystals, {unreadable} that are none, beside {len(test)} of {data}, seed {seed}")
    print("\n".join(f"{name:19}{value}" for name, value in lines.items()))


def fingerprints_of(crystals: CrystalSet, log: Path) -> Structures:
    """Return the fingerprints of the structures of B crystals, which a log keeps; of equal ones it is computed once."""
    first = first_of_equal(crystals)
    index = {str(i): i for i in sorted(set(first))}
    settings = {"crystals": crystals.checksum[:12]}
    rows = rows_of(
        log,
        settings,
        index,
        lambda ids: ({"fingerprint": structure_fingerprint(crystals[index[id]])} for id in ids),
        log.name,
    )
    return [rows[str(i)]["fingerprint"] for i in first]


def first_of_equal(crystals: CrystalSet) -> list[int]:
    """Return for each crystal the index of the first that is equal, atom by atom, to within rounding."""
    first: dict[tuple[bytes, ...], int] = {}
    found = []
    for i in range(len(crystals)):
        crystal = crystals[i]
        key = tuple((np.round(x, 3) + 0.0).tobytes() for x in (crystal.lattice, crystal.frac_coords, crystal.numbers))
        found.append(first.setdefault(key, i))
    return found


if __name__ == "__main__":
    tyro.cli(de_novo)
