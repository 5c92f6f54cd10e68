"""The training of a model that predicts a column of a Parquet file from the latent vectors of its crystals."""

from __future__ import annotations

import json
import math
import sys
import time
from pathlib import Path

import numpy as np
import torch

from ..data.columns import numbers_of
from ..data.composition_features import composition_features
from ..data.crystalset import CrystalSet
from ..data.load import load_crystals
from ..data.split import reduced_formulas, split_by_formula
from ..errors import InputError
from ..files import folder_written_whole, written_whole
from ..generation.encoded_set import encode_set
from ..generation.open_generator import open_latent
from ..generation.property_model import write_property
from ..nets.property_head import PropertyHead
from ..pool import cpu_count
from .composition_reading import Readings, readings
from .property_heads import Examples, fit_heads, mean_absolute_error

PROPERTY = "property"
"""The name that asks for this training in place of a recipe's."""
LEAST = 10
"""The fewest crystals with a number that each split must have."""
NAMES = {"learned": "train", "chosen_by": "val", "test": "test"}
"""The splits of the file that crystals are learned from, the better head is chosen by, and it is judged by."""
Splits = dict[str, np.ndarray]


def train_property(*, out: Path, data: str, start: str | None, column: str | None, seed: int) -> None:
    """Train heads on latent vectors, keep the better on formulas held out, and write a run with its errors.

    Raises InputError for a missing start or column, one that is not of numbers or constant, and too few crystals of a
    split.
    """
    if start is None or column is None:
        raise InputError("--recipe property: wanted --start MODEL, whose latent vectors, and --column NAME, to predict")
    began = time.monotonic()
    model = open_latent(start)
    with folder_written_whole(out) as folder:
        crystals = load_crystals(data, seed=seed, max_side=math.inf)
        values = numbers_of(Path(data), column, [str(id) for id in crystals.ids])
        if gaps := int(np.isnan(values).sum()):
            print(f"{column}: {gaps:,} of {len(values):,} crystals have no number and are left out", file=sys.stderr)
        crystals, values = crystals[np.isfinite(values)], values[np.isfinite(values)]
        if np.ptp(values) == 0:
            raise InputError(
                f"{column}: wanted numbers that differ, got {values[0]:g} for all {len(values):,} crystals"
            )
        split_rows(crystals, seed, data)  # too few are refused before minutes are spent on encoding
        encoded = encode_set(model, crystals, cpu_count())
        if encoded.reasons:
            print(f"{len(encoded.reasons):,} crystals cannot be encoded and are left out", file=sys.stderr)
        crystals, values = crystals[encoded.rows], values[encoded.rows]
        splits = split_rows(crystals, seed, data)
        learned_units = [encoded.units[row] for row in splits["learned"]]
        examples = readings(model, learned_units, torch.from_numpy(encoded.z[splits["learned"]]), seed)
        heads, errors = judged(encoded.z, values, splits, seed, examples)
        _, by_composition = judged(composition_features(crystals), values, splits, seed)
        learned, test = values[splits["learned"]], values[splits["test"]]
        chosen = min(heads, key=lambda name: errors[name]["chosen_by"])
        metrics = {
            "column": column, "model": start, "head": chosen, "seed": seed,
            **{f"n_{name}": len(rows) for name, rows in splits.items()},
            "mae": errors[chosen]["test"], **{f"mae_{name}": error["test"] for name, error in errors.items()},
            "mae_constant": float(np.abs(test - np.median(learned)).mean()),
            "mae_composition": min(by_composition.values(), key=lambda error: error["chosen_by"])["test"],
            "seconds": round(time.monotonic() - began, 1),
        }  # fmt: skip
        elements = np.unique(crystals[splits["learned"]].numbers).tolist()
        write_property(folder, heads[chosen], {**metrics, "elements": elements})
        with written_whole(folder / "metrics.json") as temporary:
            temporary.write_text(json.dumps(metrics, indent=1) + "\n", encoding="utf-8")
        (folder / "card.md").write_text(card(metrics), encoding="utf-8")
    print(card(metrics))


def split_rows(crystals: CrystalSet, seed: int, data: str) -> Splits:
    """Return the rows to learn from, to choose by and to judge by; no formula is in two of them.

    The crystals of the split test judge. Those of val choose; where train or val is empty, a ninth of the formulas
    of the other choose.
    """
    names = crystals.splits
    if not {"train", "val"} <= set(names):
        rest = np.flatnonzero(names != "test")
        names = names.copy()
        blank = crystals[rest].with_splits(np.full(len(rest), "", dtype="<U5"))
        names[rest] = np.where(split_by_formula(blank, seed).splits == "val", "val", "train")
    splits = {new: np.flatnonzero(names == old) for new, old in NAMES.items()}
    learned = set(reduced_formulas(crystals[splits["learned"]]))
    for name in ("chosen_by", "test"):
        unseen = [formula not in learned for formula in reduced_formulas(crystals[splits[name]])]
        splits[name] = splits[name][np.array(unseen, dtype=bool)]
    for new, rows in splits.items():
        if len(rows) < LEAST:
            raise InputError(
                f"{data}: wanted at least {LEAST} crystals with a number in split {NAMES[new]}, got {len(rows)}"
            )
    return splits


def judged(
    x: np.ndarray, y: np.ndarray, splits: Splits, seed: int, compositions: Readings | None = None
) -> tuple[dict[str, PropertyHead], dict[str, dict[str, float]]]:
    """Return heads by name, and the mean absolute error of each on the crystals that choose and those that judge."""
    vectors, numbers = torch.from_numpy(x).float(), torch.from_numpy(y).float()
    examples = {name: Examples(vectors[rows], numbers[rows]) for name, rows in splits.items()}
    heads = fit_heads(examples["learned"], examples["chosen_by"], seed, compositions)
    return heads, {
        name: {split: mean_absolute_error(head, examples[split]) for split in ("chosen_by", "test")}
        for name, head in heads.items()
    }


def card(metrics: dict[str, object]) -> str:
    """Return the description of a trained property model, with its error on formulas that were held out."""
    rows = {
        f"from z of {metrics['model']} ({metrics['head']})": "mae", "from z, ridge regression": "mae_ridge",
        "from z, perceptron": "mae_mlp", "from z, perceptrons that read the composition from it": "mae_readout",
        "from the composition alone, the better of both": "mae_composition",
        "a constant, the median": "mae_constant",
    }  # fmt: skip
    lines = [
        f"# {metrics['column']}",
        "",
        f"Learned from {metrics['n_learned']:,} crystals, chosen by {metrics['n_chosen_by']:,}, judged by "
        f"{metrics['n_test']:,} of other formulas; seed {metrics['seed']}, {metrics['seconds']} s.",
        "",
        "| prediction | mean absolute error |",
        "|---|--:|",
        *(f"| {text} | {metrics[name]:.4g} |" for text, name in rows.items()),
    ]
    return "\n".join(lines) + "\n"
