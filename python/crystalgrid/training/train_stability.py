"""The training of a generator's prediction of energies above the hull, from crystals that a potential has judged."""

from __future__ import annotations

import json
import math
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..artifacts.checkpoint import Checkpoint, best, write_checkpoint
from ..artifacts.find import load_learner
from ..artifacts.formulas import trained_formulas
from ..artifacts.generator_info import GeneratorInfo, StabilityInfo, the_generator
from ..artifacts.metadata import DataInfo
from ..artifacts.state_names import state_for_file
from ..data.columns import numbers_of
from ..data.crystalset import CrystalSet
from ..data.load import load_crystals
from ..errors import InputError
from ..files import folder_written_whole
from ..nets.generators.crystal_generator import LARGEST_ENERGY, CrystalGenerator
from ..nets.generators.dressed_types import Dressed
from ..nets.generators.predicted_energy import stability_features
from ..nets.generators.structure_types import KnownCrystals
from ..nets.generators.wyckoff_language import Sentences
from ..progress import progress
from .encoded_crystals import encode
from .known_crystals import as_examples, keep_known, known_of
from .property_heads import Examples, fit_perceptrons, mean_absolute_error
from .train_property import Splits, split_rows

STABILITY = "stability"
"""The name that asks for this training in place of a recipe's."""
COLUMN = "energy_above_hull"
"""The column of energies above the hull, as `crystalgrid relax` names it."""
LEAST, MOST = -0.2, 1.0
"""Energies above the hull are cut here, in eV/atom: how bad a bad crystal is need not be learned."""
READ_AT_ONCE = 128
"""The number of crystals that the language reads at once."""


def train_stability(*, out: Path, data: str, start: str | None, column: str | None, seed: int) -> None:
    """Write a generator that predicts energies above the hull, by which it draws crystals of known types again.

    Its other weights are those of the generator to start from, which may be an autoencoder of crystals: that decodes
    what latent vectors leave open by the prediction. Raises InputError for a missing start, one that is no generator,
    data that are no Parquet file, a column that is missing or not of numbers, and too few crystals of a split.
    """
    if start is None:
        raise InputError(f"--recipe {STABILITY}: wanted --start MODEL, the generator whose draws have been judged")
    before, info = the_generator(load_learner(start), start)
    if not Path(data).is_file() or Path(data).suffix != ".parquet":
        raise InputError(f"--recipe {STABILITY}: wanted --data FILE.parquet with energies above the hull, got {data}")
    torch.manual_seed(seed)
    with folder_written_whole(out) as folder:
        crystals, energies = judged_crystals(data, column or COLUMN, seed)
        sizes = info.recipe.generator
        encoded = encode(crystals, (sizes.orbits, sizes.atoms), info.symprec, "symmetry")
        if left_out := len(crystals) - len(encoded.source):
            of_all = f"{left_out:,} of {len(crystals):,} crystals"
            print(f"{of_all} are too large, or of unclear symmetry, and are not learned", file=sys.stderr)
        crystals, energies = crystals[encoded.source.numpy()], energies[encoded.source.numpy()]
        splits, source = split_rows(crystals, seed, data), DataInfo(data, crystals.checksum)
        learned_from = StabilityInfo(source, column or COLUMN, len(splits["learned"]), math.nan)
        network = with_prediction(before, replace(info, stability=learned_from))
        features = features_of(network, encoded)
        metrics = fit(network, features, torch.from_numpy(energies).float(), splits)
        info = replace(info, stability=replace(learned_from, error=metrics["mae"]))
        best(folder).parent.mkdir()
        write_checkpoint(best(folder), Checkpoint(info, state_for_file(network), formulas=trained_formulas(start)))
        content = json.dumps({"model": start, "column": column or COLUMN, "seed": seed, **metrics}, indent=1)
        (folder / "metrics.json").write_text(content + "\n", encoding="utf-8")
    print("\n".join(lines(metrics)))


def judged_crystals(data: str, column: str, seed: int) -> tuple[CrystalSet, np.ndarray]:
    """Return the crystals of a file that have a number in a column, split by formula, and the numbers [B]."""
    crystals = load_crystals(data, seed=seed, max_side=math.inf)
    energies = numbers_of(Path(data), column, [str(id) for id in crystals.ids])
    has_number = np.isfinite(energies)
    if gaps := int((~has_number).sum()):
        print(f"{column}: {gaps:,} of {len(energies):,} crystals have no number and are left out", file=sys.stderr)
    crystals = crystals[has_number]
    split_rows(crystals, seed, data)  # too few are refused before minutes are spent on their symmetry
    return crystals, energies[has_number]


def with_prediction(before: CrystalGenerator, info: GeneratorInfo) -> CrystalGenerator:
    """Return a generator with the networks and known crystals of another one, and a prediction that knows nothing."""
    network = info.build()
    keep_known(network, known_of(before))
    state = {name: value for name, value in before.state_dict().items() if not name.startswith("stability.")}
    network.load_state_dict(state, strict=False)
    return network.eval()


@torch.inference_mode()
def features_of(network: CrystalGenerator, judged: KnownCrystals) -> Tensor:
    """Return what the energies above the hull of crystals are predicted from, [B, F]."""
    examples = as_examples(judged)
    order = examples.orbit_offsets.diff().argsort(stable=True)
    parts = []
    for rows in progress(order.split(READ_AT_ONCE), "reading", math.ceil(len(order) / READ_AT_ONCE)):
        group, elements = examples.space_group[rows].long(), examples.elements[rows].long()
        letters, slots, _ = examples.orbits_of(rows)
        unknown = torch.zeros(len(rows), dtype=torch.float64)
        dressed = Dressed(group, letters, slots, elements, unknown, unknown, unknown)
        relative, distance, _ = network.nearest_known(dressed)
        used = elements[:, : int((elements > 0).sum(1).max())]
        nothing = torch.zeros(len(rows), 0, 2, dtype=torch.int64)
        reading = network.language.read(Sentences(group, letters, slots, used, nothing))
        parts.append(stability_features(reading, distance, relative < 0))
    return torch.cat(parts)[order.argsort()].clone()


def fit(network: CrystalGenerator, features: Tensor, energies: Tensor, splits: Splits) -> dict[str, float | int]:
    """Fit a generator's prediction to features [B, F] and energies [B]; return its errors on held-out formulas."""
    cut = energies.clamp(LEAST, MOST)
    examples = {name: Examples(features[rows], cut[rows]) for name, rows in splits.items()}
    assert network.stability is not None
    head = fit_perceptrons(network.stability, examples["learned"], examples["chosen_by"])
    test = splits["test"]
    with torch.no_grad():
        passes = head(features[test]) <= LARGEST_ENERGY
    distance = features[test, -2]  # the simplest rule: as many, of those that are chemically nearest to known crystals
    nearest = distance <= distance.kthvalue(max(1, int(passes.sum()))).values
    stable = energies[test] <= LARGEST_ENERGY
    return {
        **{f"n_{name}": len(rows) for name, rows in splits.items()},
        "mae": mean_absolute_error(head, examples["test"]),
        "mae_constant": float((examples["test"].y - examples["learned"].y.median()).abs().mean()),
        "stable": float(stable.float().mean()),
        "passing": float(passes.float().mean()),
        "stable_of_passing": float(stable[passes].float().mean()) if passes.any() else 0.0,
        "stable_of_nearest": float(stable[nearest].float().mean()),
    }


def lines(metrics: dict[str, float | int]) -> list[str]:
    """Return what is printed of a prediction that was learned."""
    printed = [
        f"energies above the hull: learned from {metrics['n_learned']:,} crystals, judged by {metrics['n_test']:,} of "
        "other formulas",
        f"mean absolute error {metrics['mae']:.3f} eV/atom (a constant: {metrics['mae_constant']:.3f}), "
        f"energies cut at {LEAST} and {MOST}",
    ]
    if metrics["mae"] >= metrics["mae_constant"] or metrics["stable_of_passing"] <= metrics["stable"]:
        printed.append("warning: that is no better than chance: judge more crystals, and do not draw with this one")
    within = f"within {LARGEST_ENERGY} eV/atom: {metrics['stable']:.1%} of all"
    if metrics["passing"] == 0:
        return [*printed, f"{within}; nothing passes, so that crystals are drawn as before: judge more crystals"]
    passing = f"{metrics['stable_of_passing']:.1%} of the {metrics['passing']:.1%} that pass"
    nearest = f"{metrics['stable_of_nearest']:.1%} of as many that are chemically nearest to known crystals"
    return [*printed, f"{within}, {passing}, {nearest}"]
