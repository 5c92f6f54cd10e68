"""`crystalgrid-evaluate`: how well a model brings crystals back, counted as the paper counts."""

import json
import math
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..artifacts.compiled import Compiled
from ..atoms import find_atoms
from ..data.crystalset import CrystalSet
from ..data.cubes import evaluation_cubes
from ..data.load import load_crystals
from ..errors import InputError
from ..files import check_output, written_whole
from ..model import Model
from ..model import load as load_model
from ..progress import progress
from .metrics import Tally, true_atoms

CUBES_PER_CRYSTAL = 3
CUBES_AT_ONCE = 16
"""That go through the networks together, which bounds memory."""
CUBES_IN_PICTURE = 4
PAPER: dict[str, dict[str, Any]] = {
    "single": {
        "recall_0p5A": 0.99, "count_exact": 0.90, "count_within_1": 0.97,
        "species_exact": 0.66, "species_within_2": 0.98,
    },
    "repeated": {
        "pred_to_true_A": {"p50": 0.2, "p75": 1.0, "p90": 2.0}, "true_to_pred_A": {"p75": 1.0},
        "species_exact": 0.654, "z_pearson": 0.98,
    },
}  # fmt: skip
"""What Hoffmann et al. 2019 report (sections 4.1 and 4.2.2), on a random split of other crystals."""


def evaluate_model(
    model: str, data: str, split: str, json: Path | None, picture: Path | None, max_cubes: int | None, seed: int
) -> None:
    """Evaluate a model and print, draw and write the results, with the options of `crystalgrid-evaluate`."""
    for path in (json, picture):
        if path is not None:
            check_output(path)
    loaded, crystals = opened(model, data, seed)
    crystals = of_split(crystals, split, data)
    if max_cubes is not None:
        crystals = some(crystals, max_cubes, seed)
    metrics = measure(loaded, crystals, seed, picture)
    metrics = {**metrics, "model": model, "data": data, "split": split, "seed": seed}
    if json is not None:
        write_json(json, metrics)
    print(table(metrics))


def opened(model: str, data: str, seed: int) -> tuple[Model, CrystalSet]:
    """A model, on the GPU if there is one, and all crystals of `data` that its mode can be shown."""
    loaded = load_model(model)
    if torch.cuda.is_available() and not isinstance(loaded.network, Compiled):
        loaded.to("cuda")
    crystals = load_crystals(data, mode=loaded.mode, grid=loaded.grid, seed=seed)
    known = loaded.metadata.get("data", {})
    if Path(known.get("source", "")).name == Path(data).name and known["checksum"] != crystals.checksum:
        print(
            f"warning: {data}: other crystals, or split with another --seed, than {model} was trained on; what is "
            "evaluated may have been trained on",
            file=sys.stderr,
        )
    return loaded, crystals


def of_split(crystals: CrystalSet, split: str, data: str) -> CrystalSet:
    """The crystals of one split, of which there must be some; `data` is what an error calls their source."""
    chosen = crystals.split(split)
    if len(chosen) == 0:
        raise InputError(f"{data}: no crystals in the split {split!r}, nothing to evaluate")
    return chosen


def some(crystals: CrystalSet, max_cubes: int, seed: int) -> CrystalSet:
    """Enough crystals for `max_cubes` cubes, drawn with the seed."""
    count = min(len(crystals), math.ceil(max_cubes / CUBES_PER_CRYSTAL))
    return crystals[np.sort(np.random.default_rng(seed).permutation(len(crystals))[:count])]


@torch.no_grad()
def measure(model: Model, crystals: CrystalSet, seed: int = 0, picture: Path | None = None) -> dict[str, Any]:
    """The metrics of the fixed cubes of these crystals; `picture`: draw a few of the first."""
    grid = model.grid
    network, extraction = Tally(grid), Tally(grid)
    for cubes in progress(evaluation_cubes(crystals, model.mode, grid, seed, CUBES_PER_CRYSTAL), "evaluating"):
        density, species = cubes.density(grid), cubes.species(grid)
        seen, segmented, confidence = decoded(model, encoded(model, density)[0])
        true, found = true_atoms(cubes, grid), find_atoms(segmented, seen, grid, confidence=confidence)
        network.add(found, true, seen, density)
        extraction.add(find_atoms(species, density, grid), true, density, density)
        if picture is not None:
            from . import pictures as plot

            chosen = list(range(len(true)))[1::CUBES_PER_CRYSTAL][:CUBES_IN_PICTURE]
            plot.reconstructions(picture, density, seen, true, found, grid, chosen)
            picture = None
    return {"mode": model.mode, **network.summary(), "extraction_only": extraction.summary()}


def encoded(model: Model, density: Tensor) -> tuple[Tensor, Tensor]:
    """Density [B, n, n, n] to mean and log variance of z, each [B, latent_dim], on the CPU."""
    mu, logvar = model.encode(density.to(model.device))
    return mu.cpu(), logvar.cpu()


def decoded(model: Model, z: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """z [B, latent_dim] to density, the species segmented from that and their confidence, [B, n, n, n] on the CPU."""
    parts = []
    for part in z.split(CUBES_AT_ONCE):
        density = model.decode(part.to(model.device))
        parts.append([grids.cpu() for grids in (density, *model.segment(density))])
    density, species, confidence = map(torch.cat, zip(*parts, strict=True))
    return density, species, confidence


def table(metrics: dict[str, Any]) -> str:
    """The metrics for reading, next to the paper's."""
    columns = {
        "model": metrics,
        "interior": metrics["interior"],
        "extraction only": metrics["extraction_only"],
        "interior ": metrics["extraction_only"]["interior"],
        "paper": PAPER[metrics["mode"]],
    }
    lines = [f"{metrics['n_cubes']} cubes, {metrics['mode']} mode", f"{'':22}" + "".join(f"{c:>17}" for c in columns)]
    for key in (key for key, value in metrics["interior"].items() if key != "n_cubes"):
        parts = metrics[key] if isinstance(metrics[key], dict) else {"": None}
        for part in parts:
            values = [(c.get(key) or {}).get(part) if part else c.get(key) for c in columns.values()]
            lines.append(f"{key} {part:3}".ljust(22) + "".join(f"{_shown(value):>17}" for value in values))
    return "\n".join(line.rstrip() for line in lines)


def _shown(value: float | None) -> str:
    return "–" if value is None else f"{value:.4g}"


def write_json(path: Path, metrics: dict[str, Any]) -> None:
    """Write the metrics whole."""
    text = json.dumps(metrics, indent=1, allow_nan=False, ensure_ascii=False)
    with written_whole(path) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")
