"""Structure prediction, composition given: how often the k likeliest structures hold the right one.

    python benchmarks/prediction.py --data mp20 --method swaps --n 200

Methods: `swaps` (training crystals in these elements, the chemically nearest first), `training-draw` (the same in
random order), or the name or path of a generator. A log keeps what is finished: the same command goes on after an
interruption. With `--relax-steps 15` the k predictions are relaxed by so many steps of CHGNet, and counted in three
orders: the likeliest first, the lowest energy first, and the least sum of both ranks first.

Match: pymatgen's StructureMatcher(stol=0.5, ltol=0.3, angle_tol=10); a prediction must first pass CDVAE's rule of
distances. RMSE: the least of the k that match, in units of (V/N)^(1/3), mean of the matched. METRe: a test crystal
counts if it is matched by any of the first predictions for its composition, as many as there are test crystals of it;
its cRMSE counts what is not matched as stol.
"""

from __future__ import annotations

import sys
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterable
from functools import cache
from itertools import islice
from math import gcd
from pathlib import Path
from typing import Any, Literal

import numpy as np
import tyro
from pymatgen.analysis.structure_matcher import StructureMatcher
from pymatgen.core.structure import Structure

import crystalgrid
from baselines import Swaps, cell_of
from crystalgrid.crystal import SYMBOLS, Crystal
from crystalgrid.data.crystalset import CrystalSet
from crystalgrid.data.parquet import read_parquet
from crystalgrid.errors import InputError
from crystalgrid.worth.composition import Counts, smact_valid
from crystalgrid.worth.distances import pair_distances
from crystalgrid.worth.journal import rows_of
from crystalgrid.worth.novelty import reduced_structure
from crystalgrid.worth.shares import Share, share
from crystalgrid.worth.validity import judge, reduced_counts
from data_folder import DATA
from direct_match import is_direct_match
from energy_ranking import orders, relaxed_predictions

FILES = {"mp20": "mp_10A.parquet", "perov5": "perov_5.parquet", "carbon24": "carbon_24.parquet"}
TEST_OF_MP20 = "mp_20_ternary.parquet"
TOLERANCES = STOL, LTOL, ANGLE_TOL = 0.5, 0.3, 10
MATCHER = StructureMatcher(stol=STOL, ltol=LTOL, angle_tol=ANGLE_TOL)
MATCHER_OF_REDUCED = StructureMatcher(stol=STOL, ltol=LTOL, angle_tol=ANGLE_TOL, primitive_cell=False)
SAME_DISTANCES = 0.03
"""Crystals match if all their distances differ by less, in units of (V/N)^(1/3); the matcher need not be asked."""
NEAREST = 1000
"""The nearest training crystals, of which the first k that do not match each other are the predictions."""
IN_VAIN = 100
"""The number of candidates in a row that match earlier ones after which no further one is looked at."""
DRAWS = 1000
"""The draws of a generator for one composition, of which the likeliest are taken."""
CANDIDATES = 5
"""The likeliest draws, times k, of which the first k that do not match each other are the predictions."""
Predict = Callable[[Counts, int], Iterable[Crystal]]
"""A function from the atoms of a primitive cell and k to the k likeliest different structures, the likeliest first."""


def sets(data: str) -> tuple[CrystalSet, CrystalSet]:
    """Return the crystals to predict, and those that may be learned from, of which none has their composition.

    Of MP-20, in its own geometry, the former are the test crystals of at most three elements that are among the test
    crystals of mp_10A.
    """
    crystals = read_parquet(DATA / FILES[data]).crystals
    test, training = crystals.split("test"), crystals.split("train")
    if data == "mp20":
        test_ids = set(test.ids)
        public = read_parquet(DATA / TEST_OF_MP20).crystals.split("test")
        test = public[np.array([id in test_ids for id in public.ids])]
    return test, training


def method_of(name: str, training: CrystalSet, seed: int) -> Predict:
    """Return the function that predicts: a baseline, or a generator by its name or path."""
    if name in ("swaps", "training-draw"):
        swaps = Swaps(training)

        def by_swaps(cell: Counts, k: int) -> list[Crystal]:
            candidates = swaps.ranked(cell, np.random.default_rng(seed), by_likeness=name == "swaps")
            return different(islice(candidates, NEAREST), k)

        return by_swaps
    generator = crystalgrid.load(name)
    return lambda cell, k: generated(generator, cell, k, seed)


def generated(generator: Any, cell: Counts, k: int, seed: int) -> list[Crystal]:
    """Return the k likeliest different structures that a generator draws for the atoms of a primitive cell.

    There are none, and stderr says why, if it cannot draw these atoms.
    """
    units = gcd(*(n for _, n in cell))
    formula = "".join(f"{SYMBOLS[z - 1]}{n // units}" for z, n in cell)
    try:
        likeliest = crystalgrid.generate(
            DRAWS, model=generator, formula=formula, z=units, best=CANDIDATES * k, seed=seed
        )
    except InputError as error:
        print(f"{formula}, {units} a cell: {error}", file=sys.stderr)
        return []
    return different(likeliest, k)


def different(candidates: Iterable[Crystal], k: int) -> list[Crystal]:
    """Return the first k candidates, all of the same atoms, of which no two match each other."""
    kept: list[tuple[Crystal, Structure, np.ndarray]] = []
    in_vain = 0
    for candidate in candidates:
        distances = relative_distances(candidate)
        structure = None
        if not any(
            np.abs(distances - other).max() < SAME_DISTANCES or is_direct_match(candidate, crystal, TOLERANCES)
            for crystal, _, other in kept
        ):
            structure = reduced_structure(candidate)
        if structure is None or any(
            MATCHER_OF_REDUCED.fit(structure, other, skip_structure_reduction=True) for _, other, _ in kept
        ):
            in_vain += 1
        else:
            kept.append((candidate, structure, distances))
            in_vain = 0
        if len(kept) == k or in_vain == IN_VAIN:
            break
    return [crystal for crystal, *_ in kept]


def relative_distances(crystal: Crystal) -> np.ndarray:
    """Return the sorted distances between atoms of each two elements, in units of (V/N)^(1/3).

    They do not depend on the basis of the lattice, and tell most crystals that match in microseconds.
    """
    i, j = np.triu_indices(len(crystal))
    distances = pair_distances(crystal)[i, j] / np.cbrt(abs(np.linalg.det(crystal.lattice)) / len(crystal))
    pairs = np.sort([crystal.numbers[i], crystal.numbers[j]], axis=0)
    return distances[np.lexsort((distances, *pairs))]


def score(truth: Crystal, predictions: list[Crystal]) -> list[float | None]:
    """Return the RMSE of each prediction that matches, None for others."""
    structure = truth.to_pymatgen()
    results: list[float | None] = []
    for prediction in predictions:
        match = MATCHER.get_rms_dist(prediction.to_pymatgen(), structure) if judge(prediction).cdvae_structure else None
        results.append(None if match is None else float(match[0]))
    return results


def summary(rows: list[dict[str, Any]], k: int) -> Iterable[str]:
    """Yield the lines of the result."""
    n_of_composition = Counter(row["cell"] for row in rows)
    for name, counted in (("all", rows), ("smact-valid", [row for row in rows if row["smact_valid"]])):
        for first in dict.fromkeys((1, k)):
            best = [least(row["rms"][:first]) for row in counted]
            matched = [rms for rms in best if rms is not None]
            of_all = Share(len(matched), len(rows))
            yield f"match at k = {first}, {name}: {of_all}; RMSE {mean_and_error(matched)}"
    pooled = [least(row["rms"][: n_of_composition[row["cell"]]]) for row in rows]
    counted_as_stol = mean_and_error([STOL if rms is None else rms for rms in pooled])
    yield f"METRe: {share(rms is not None for rms in pooled)}; cRMSE {counted_as_stol}"
    yield f"fewer than {k} different predictions: {share(len(row['rms']) < k for row in rows)}"
    yield f"seconds a composition: {np.mean([row['seconds'] for row in rows]):.2f}"


def least(values: list[float | None]) -> float | None:
    """Return the least of the numbers in a list; None if there is none."""
    return min((value for value in values if value is not None), default=None)


def mean_and_error(values: list[float]) -> str:
    """Return a mean with its 95 % interval."""
    if len(values) < 2:
        return "of fewer than two"
    return f"{np.mean(values):.4f} ± {1.96 * np.std(values, ddof=1) / np.sqrt(len(values)):.4f}"


def prediction(
    data: Literal["mp20", "perov5", "carbon24"],
    method: str = "swaps",
    n: int = 200,
    k: int = 20,
    seed: int = 0,
    relax_steps: int = 0,
    log: Path | None = None,
) -> None:
    """Predict the structures of test crystals from their compositions, and print how many are right.

    Args:
        data: the public data set.
        method: swaps, training-draw, or the name or path of a generator.
        n: number of test crystals, chosen by the seed; 0 for all.
        k: number of structures predicted for each composition.
        seed: of the choice of crystals and of the predictions.
        relax_steps: relax each prediction by at most so many steps of CHGNet, and rank by energy, too.
        log: the file of JSON lines to go on with, prediction-DATA-METHOD.jsonl by default.
    """
    warnings.simplefilter("ignore")  # pymatgen warns of elements without an electronegativity
    test, training = sets(data)
    order = np.random.default_rng(seed).permutation(len(test))
    test = test[order[: n or len(test)]]
    predict = method_of(method, training, seed)
    predicted = cache(lambda cell: _timed(predict, cell, k))
    relaxed = cache(lambda cell: relaxed_predictions(predicted(cell)[0], relax_steps))
    index = {id: i for i, id in enumerate(test.ids)}

    def row(id: str) -> dict[str, Any]:
        truth = test[index[id]]
        cell = cell_of(truth.numbers)
        predictions, seconds = predicted(cell)
        valid = smact_valid(reduced_counts(truth))
        row = {"cell": repr(cell), "smact_valid": valid, "rms": score(truth, predictions), "seconds": seconds}
        if relax_steps:
            crystals, row["energies"] = relaxed(cell)
            row["rms_relaxed"] = score(truth, crystals)
        return row

    log = log or Path(f"prediction-{data}-{Path(method).name}{f'-{relax_steps}-steps' if relax_steps else ''}.jsonl")
    settings = {"data": data, "method": method, "n": len(test), "k": k, "seed": seed}
    settings |= {"relax_steps": relax_steps} if relax_steps else {}
    rows = rows_of(log, settings, test.ids, lambda ids: map(row, ids), "predicting")
    print(settings)
    results = [rows[id] for id in test.ids]
    print("\n".join(summary(results, k)))
    for name in orders([]) if relax_steps else ():
        print(f"relaxed, {name}:", *summary([in_order(row, name) for row in results], k), sep="\n  ")


def in_order(row: dict[str, Any], name: str) -> dict[str, Any]:
    """Return a row of the log with the predictions as relaxed, in the order of that name."""
    return {**row, "rms": [row["rms_relaxed"][i] for i in orders(row["energies"])[name]]}


def _timed(predict: Predict, cell: Counts, k: int) -> tuple[list[Crystal], float]:
    start = time.perf_counter()
    return list(islice(predict(cell, k), k)), time.perf_counter() - start


if __name__ == "__main__":
    tyro.cli(prediction)
