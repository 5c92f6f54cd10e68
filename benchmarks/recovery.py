"""The share of crystals that are recovered from their densities, through a model or not, as CDVAE counts it.

pymatgen's `StructureMatcher(stol=0.5, ltol=0.3, angle_tol=10)` compares each crystal with the one recovered from a cube
of it; the RMSE is over those that match, in units of (volume per atom)^(1/3).
"""

import time
import warnings

import numpy as np
import torch
import tyro
from pymatgen.analysis.structure_matcher import StructureMatcher

from crystalgrid import find_atoms, recover
from crystalgrid import load as load_model
from crystalgrid.data.cubes import evaluation_cubes
from crystalgrid.data.load import load_crystals
from crystalgrid.grid import Grid
from crystalgrid.progress import progress

AT_A_TIME = 8


@torch.no_grad()
def recovery(data: str, model: str | None = None, split: str = "test", crystals: int = 1000, seed: int = 0) -> None:
    """Print how many crystals are recovered from their atoms alone, and with the density.

    Args:
        data: "prototypes", a Parquet file, or a folder.
        model: a model in repeated mode, to encode and decode densities and to label atoms; by default both are true.
        split: "train", "val" or "test".
        crystals: number of crystals, one cube of each, with its corner at the crystal's origin.
        seed: the seed of their choice.
    """
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")  # pymatgen's, of elements without electronegativity
    chosen, network = load_crystals(data, mode="repeated").split(split), load_model(model) if model else None
    grid = network.grid if network else Grid()
    chosen = chosen[np.random.default_rng(seed).permutation(len(chosen))[:crystals]]
    matcher = StructureMatcher(stol=0.5, ltol=0.3, angle_tol=10)
    found: dict[str, int] = {}
    rms: dict[str, list[float]] = {"atoms alone": [], "with the density": []}
    seconds = dict.fromkeys(rms, 0.0)
    for start in progress(range(0, len(chosen), AT_A_TIME), "recovering"):
        part = chosen[start : start + AT_A_TIME]
        (cubes,) = evaluation_cubes(part, "repeated", grid, seed, per_crystal=1)
        density, species, confidence = cubes.density(grid), cubes.species(grid), None
        if network:
            density = network.decode(network.encode(density)[0])
            species, confidence = network.segment(density)
        atoms = find_atoms(species, density, grid, confidence=confidence)
        for how in rms:
            start_time = time.process_time()
            recovered = recover(atoms, None if how == "atoms alone" else density, grid)
            seconds[how] += time.process_time() - start_time
            for result, true in zip(recovered, part, strict=True):
                found[how] = found.get(how, 0) + (result is not None)
                match = result and matcher.get_rms_dist(true.to_pymatgen(), result.crystal.to_pymatgen())
                rms[how] += [match[0]] if match else []
    print(f"{len(chosen)} crystals of {data}, split {split}, seed {seed}, {model or 'true densities and labels'}")
    print("| | with a lattice | match | RMSE, mean | median | ms a cube |\n|---|--:|--:|--:|--:|--:|")
    for how, values in rms.items():
        shares = f"{found[how] / len(chosen):.1%} | {len(values) / len(chosen):.1%}"
        errors = f"{np.mean(values):.4f} | {np.median(values):.4f}"
        print(f"| {how} | {shares} | {errors} | {1e3 * seconds[how] / len(chosen):.0f} |")


if __name__ == "__main__":
    tyro.cli(recovery)
