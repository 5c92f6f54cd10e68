"""Measure what `fit_atoms` gains and costs: distances from found atoms to true ones, before and after the fit.

Over the fixed cubes of `crystalgrid-evaluate`, for a model's densities and species and for the true ones.
"""

import time

import torch
import tyro

from crystalgrid.atoms import find_atoms
from crystalgrid.data.cubes import evaluation_cubes
from crystalgrid.fit import fit_atoms
from crystalgrid.progress import progress
from crystalgrid.report.decoding import decode, encode
from crystalgrid.report.evaluation import (
    CUBES_PER_CRYSTAL,
    choose_crystals,
    crystals_of_split,
    load_model_and_crystals,
)
from crystalgrid.report.metrics import Tally, true_atoms


@torch.no_grad()
def fitting(model: tyro.conf.Positional[str], data: str, max_cubes: int = 3000, seed: int = 0) -> None:
    """Print percentiles of distances from found to true atoms, Å, before and after the fit.

    Args:
        model: folder of a training run, an exported model.pt, or the name of a released model.
        data: "prototypes", a Parquet file, or a folder; its test split is taken.
        max_cubes: use about this many cubes, of crystals chosen at random by the seed.
        seed: of the cubes' origins and rotations.
    """
    loaded, crystals = load_model_and_crystals(model, data, seed)
    crystals = choose_crystals(crystals_of_split(crystals, "test", data), max_cubes, seed)
    grid = loaded.grid
    tallies = {(source, how): Tally(grid) for source in ("decoded", "true") for how in ("labels", "fitted")}
    seconds = dict.fromkeys(("decoded", "true"), 0.0)
    for cubes in progress(evaluation_cubes(crystals, loaded.mode, grid, seed, CUBES_PER_CRYSTAL), "fitting"):
        density, species, true = cubes.density(grid), cubes.species(grid), true_atoms(cubes, grid)
        _, decoded, decoded_atoms = decode(loaded, encode(loaded, density)[0])
        found = {
            "decoded": (decoded_atoms, decoded),
            "true": (find_atoms(species, density, grid), density),
        }
        for source, (atoms, values) in found.items():
            start = time.perf_counter()
            fitted = fit_atoms(atoms, values, grid)
            seconds[source] += time.perf_counter() - start
            tallies[source, "labels"].add(atoms, true, values, density)
            tallies[source, "fitted"].add(fitted, true, values, density)
    for (source, how), tally in tallies.items():
        metrics = tally.summary()
        for region, part in (("all", metrics), ("interior", metrics["interior"])):
            percentiles = "  ".join(f"{p} {d:.4f}" for p, d in part["pred_to_true_A"].items())
            print(f"{source:8} {how:7} {region:9} {percentiles}  precision {part['precision_0p5A']:.4f}")
    count = len(tallies["true", "labels"].all.counts)
    print(f"{count} cubes; ms per cube: " + ", ".join(f"{k} {1e3 * s / count:.0f}" for k, s in seconds.items()))


if __name__ == "__main__":
    tyro.cli(fitting)
