"""Evaluation: how well a model reconstructs crystals, counted as the paper counts (section 4.2)."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..artifacts.compiled import Compiled
from ..artifacts.metadata import RunInfo
from ..artifacts.short_runs import warn_if_short
from ..atoms import find_atoms
from ..data.crystalset import CrystalSet
from ..data.cubes import evaluation_cubes
from ..data.load import load_crystals
from ..errors import InputError
from ..files import check_output, written_whole
from ..model import Model, load_model
from ..progress import progress
from . import pictures
from .decoding import decode, encode
from .implausible import warn_of_recall
from .intervals import METHOD, intervals
from .metrics import Tally, none_found, true_atoms
from .metrics_table import all_tables
from .panels import check_picture
from .seen_formulas import SEEN, UNSEEN, seen_by

CUBES_PER_CRYSTAL = 3
CUBES_IN_PICTURE = 4
CODEC_NOTE = (
    "The paper's autoencoder is learned. This model's is a closed-form codec; only its U-Net is learned. So the last\n"
    "column is no comparison of like with like."
)


def evaluate_model(
    model: str,
    data: str,
    split: str,
    *,
    json_path: Path | None = None,
    picture: Path | None = None,
    max_cubes: int | None = None,
    seed: int = 0,
) -> dict[str, Any]:
    """Evaluate a model, print the metrics beside the paper's, and return them.

    json_path: file to write the metrics to; picture: PNG, SVG or PDF file that shows the first cubes.
    """
    for path in (json_path, picture):
        if path is not None:
            check_output(path)
    if picture is not None:
        check_picture(picture)
    loaded, crystals = load_model_and_crystals(model, data, seed)
    crystals = crystals_of_split(crystals, split, data)
    if max_cubes is not None:
        crystals = choose_crystals(crystals, max_cubes, seed)
    metrics = measure(loaded, crystals, seed, picture, seen_by(model, crystals))
    metrics |= {"model": model, "data": data, "split": split, "seed": seed}
    if json_path is not None:
        write_json(json_path, metrics)
    print(all_tables(metrics))
    if loaded.metadata.has_codec:
        print(CODEC_NOTE)
    warn_of_recall(model, metrics)
    return metrics


def load_model_and_crystals(model: str, data: str, seed: int) -> tuple[Model, CrystalSet]:
    """Return a model, on the GPU if there is one, and all crystals of `data` that fit its mode.

    Prints a warning where the data has the name of the training data but is split otherwise.
    """
    loaded = load_model(model)
    if isinstance(loaded.metadata, RunInfo):
        warn_if_short(model, loaded.metadata)
    if torch.cuda.is_available() and not isinstance(loaded.network, Compiled):
        loaded.to("cuda")
    crystals = load_crystals(data, mode=loaded.mode, grid=loaded.grid, seed=seed)
    trained_on = loaded.metadata.data
    if Path(trained_on.source).name == Path(data).name and trained_on.checksum != crystals.checksum:
        print(
            f"warning: {data}: other crystals, or split with another --seed, than {model} was trained on; what is "
            "evaluated may have been trained on",
            file=sys.stderr,
        )
    return loaded, crystals


def crystals_of_split(crystals: CrystalSet, split: str, data: str) -> CrystalSet:
    """Return the crystals of one split; InputError, which calls their source `data`, if it has none."""
    chosen = crystals.split(split)
    if len(chosen) == 0:
        raise InputError(f"{data}: no crystals in the split {split!r}, nothing to evaluate")
    return chosen


def choose_crystals(crystals: CrystalSet, max_cubes: int, seed: int) -> CrystalSet:
    """Return enough crystals for `max_cubes` cubes, chosen at random by the seed."""
    count = min(len(crystals), math.ceil(max_cubes / CUBES_PER_CRYSTAL))
    return crystals[np.sort(np.random.default_rng(seed).permutation(len(crystals))[:count])]


@torch.no_grad()
def measure(
    model: Model,
    crystals: CrystalSet,
    seed: int = 0,
    picture: Path | None = None,
    seen: np.ndarray | None = None,
) -> dict[str, Any]:
    """Return the metrics of a model over the fixed cubes of these crystals, with their intervals.

    `extraction_only` has the same metrics for atoms found in the true densities and species, without the networks.
    picture: PNG, SVG or PDF file that shows a few of the first cubes.
    seen: bool for each crystal; the metrics of those for which it is true, and of the others, are added.
    """
    grid = model.grid
    network, extraction = Tally(grid), Tally(grid)
    batches = evaluation_cubes(crystals, model.mode, grid, seed, CUBES_PER_CRYSTAL)
    for batch, cubes in enumerate(progress(batches, "evaluating")):
        density, true = cubes.density(grid), true_atoms(cubes, grid)
        _, decoded, found = decode(model, encode(model, density)[0])
        network.add(found, true, decoded, density)
        extraction.add(find_atoms(cubes.species(grid), density, grid), true, density, density)
        if picture is not None and batch == 0:
            pictures.reconstructions(picture, density, decoded, true, found, grid, cubes_in_picture(len(true)))
    metrics = {
        "mode": model.mode,
        **summary_with_intervals(network, seed),
        "extraction_only": extraction.summary(),
        "interval_method": METHOD,
        "none_found_A": none_found(grid),
    }
    if seen is not None and seen.any() and not seen.all():
        for key, chosen in ((SEEN, seen), (UNSEEN, ~seen)):
            part = network.of_cubes(np.repeat(chosen, CUBES_PER_CRYSTAL))
            metrics[key] = summary_with_intervals(part, seed)
    return metrics


def summary_with_intervals(tally: Tally, seed: int) -> dict[str, Any]:
    """Return the metrics of a tally, with an interval of each as `intervals`."""
    summary = tally.summary()
    summary["interior"]["intervals"] = intervals(tally.interior, CUBES_PER_CRYSTAL, seed)
    n_crystals = summary["n_cubes"] // CUBES_PER_CRYSTAL
    return {"n_crystals": n_crystals, **summary, "intervals": intervals(tally.all, CUBES_PER_CRYSTAL, seed)}


def cubes_in_picture(n_cubes: int) -> list[int]:
    """Return the cubes to draw, the second of each of the first crystals: the first is at the crystal's origin."""
    return list(range(n_cubes))[1::CUBES_PER_CRYSTAL][:CUBES_IN_PICTURE]


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write a JSON file, whole or not at all."""
    text = json.dumps(content, indent=1, allow_nan=False, ensure_ascii=False)
    with written_whole(path) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")
