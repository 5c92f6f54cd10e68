"""De novo generation as CDVAE counts it: validity, coverage, and distances between distributions.

    python benchmarks/de_novo.py draws/ --data perov5
    python benchmarks/de_novo.py swaps --data carbon24 --n 1000

Sources are those of generation.py. Fingerprints are matminer's: CrystalNN's `ops` of each site, averaged over sites,
and Magpie's of the composition, scaled by mean and deviation over 1,000 crystals of the training split. A test crystal
is covered (COV-R) if some draw is within the cut-off of structures and some within that of compositions; a draw (COV-P)
if some test crystals are. Draws without a fingerprint, and those that cannot be read, are not. d_rho (g/cm³) and d_elem
are Wasserstein distances between the draws that are valid and the test crystals. A log keeps the fingerprints: the same
command goes on after an interruption.
"""

from __future__ import annotations

import os
import time
import warnings
from functools import cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
import tyro
from scipy.spatial.distance import cdist
from scipy.stats import wasserstein_distance

from crystalgrid.crystal import Crystal
from crystalgrid.data.crystalset import CrystalSet
from crystalgrid.data.parquet import read_parquet
from crystalgrid.worth.journal import rows_of
from crystalgrid.worth.shares import share
from crystalgrid.worth.validity import validity
from generation import drawn

DATA = Path(os.environ.get("CRYSTALGRID_DATA") or Path(__file__).parents[2] / "shared" / "data")
FILES = {"perov5": "perov_5.parquet", "carbon24": "carbon_24.parquet"}
STRUCTURE_CUTOFF, COMPOSITION_CUTOFF = 0.2, 4.0
"""CDVAE's for Perov-5 and Carbon-24."""
FOR_SCALING = 1000
"""Training crystals whose compositions the fingerprints are scaled by; CDVAE's are scaled by those of MP-20."""


@cache
def _featurizers() -> tuple[Any, Any]:
    from matminer.featurizers.composition.composite import ElementProperty
    from matminer.featurizers.site.fingerprint import CrystalNNFingerprint

    return CrystalNNFingerprint.from_preset("ops"), ElementProperty.from_preset("magpie")


def structure_fingerprint(crystal: Crystal) -> dict[str, Any]:
    """Return the fingerprint of a crystal's structure as a row of JSON, or None where CrystalNN finds none."""
    structure = crystal.to_pymatgen()
    try:
        sites = [_featurizers()[0].featurize(structure, i) for i in range(len(structure))]
    except Exception as error:  # CrystalNN fails in many ways on crystals that are none
        return {"fingerprint": None, "error": f"{type(error).__name__}: {error}"[:200]}
    return {"fingerprint": np.mean(sites, axis=0).tolist()}


@cache
def composition_fingerprint(formula: str) -> tuple[float, ...]:
    """Return the Magpie fingerprint of a formula, which is not scaled."""
    from pymatgen.core.composition import Composition

    return tuple(_featurizers()[1].featurize(Composition(formula)))


def composition_fingerprints(crystals: CrystalSet) -> np.ndarray:
    """Return the Magpie fingerprints of B crystals, [B, 132]."""
    return np.array([composition_fingerprint(crystal.formula) for crystal in crystals])


def covered(distances: tuple[np.ndarray, np.ndarray], axis: int) -> np.ndarray:
    """Return which have a partner along an axis within the cut-off of structures, and some in that of compositions."""
    structure, composition = distances
    return (structure.min(axis=axis) <= STRUCTURE_CUTOFF) & (composition.min(axis=axis) <= COMPOSITION_CUTOFF)


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
    structures = [
        fingerprints_of(draws, folder / f"{Path(source).name}-{data}.fingerprints.jsonl"),
        fingerprints_of(test, folder / f"test-{data}.fingerprints.jsonl"),
    ]
    found = [np.array([row is not None for row in rows], dtype=bool) for rows in structures]
    order = np.random.default_rng(seed).permutation(len(training))[:FOR_SCALING]
    scale = Scale(composition_fingerprints(training[order]))
    compositions = [
        scale(composition_fingerprints(crystals[mask])) for crystals, mask in zip((draws, test), found, strict=True)
    ]
    distances = cdist(*([row for row in rows if row is not None] for rows in structures)), cdist(*compositions)
    missing = [False] * (int((~found[0]).sum()) + unreadable)
    valid = [crystal for crystal, verdict in zip(draws, verdicts, strict=True) if verdict.cdvae_valid]
    densities = [[crystal.density for crystal in crystals] for crystals in (valid, test)]
    counts = [[len(np.unique(crystal.numbers)) for crystal in crystals] for crystals in (valid, test)]
    lines = {
        "structure valid": share([*(v.cdvae_structure for v in verdicts), *([False] * unreadable)]),
        "composition valid": share([*(v.smact_valid for v in verdicts), *([False] * unreadable)]),
        "COV-R": share(covered(distances, 0)),
        "COV-P": share([*covered(distances, 1), *missing]),
        "d_rho": f"{wasserstein_distance(*densities):.3f}",
        "d_elem": f"{wasserstein_distance(*counts):.3f}",
        "seconds": f"{time.perf_counter() - start:.0f}",
    }
    print(f"{source}: {len(draws)} crystals, {unreadable} that are none, beside {len(test)} of {data}, seed {seed}")
    print("\n".join(f"{name:19}{value}" for name, value in lines.items()))


def fingerprints_of(crystals: CrystalSet, log: Path) -> list[list[float] | None]:
    """Return the fingerprints of the structures of B crystals, which a log keeps."""
    index = {str(i): i for i in range(len(crystals))}
    settings = {"crystals": crystals.checksum[:12]}
    rows = rows_of(
        log, settings, index, lambda ids: (structure_fingerprint(crystals[index[id]]) for id in ids), log.name
    )
    return [rows[id]["fingerprint"] for id in index]


class Scale:
    """The mean and the deviation of composition fingerprints; features that do not vary are left as they are."""

    def __init__(self, fingerprints: np.ndarray) -> None:
        self.mean, deviation = fingerprints.mean(axis=0), fingerprints.std(axis=0)
        self.deviation = np.where(deviation > 0, deviation, 1.0)

    def __call__(self, fingerprints: np.ndarray) -> np.ndarray:
        """Return scaled fingerprints."""
        return (fingerprints - self.mean) / self.deviation


if __name__ == "__main__":
    tyro.cli(de_novo)
