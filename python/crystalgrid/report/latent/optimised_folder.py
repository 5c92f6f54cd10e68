"""A folder of crystals that were optimised for a property, with which of them are valid, new and better."""

from __future__ import annotations

import math
import sys
from pathlib import Path
from statistics import median

import torch

from ...data.crystalset import CrystalSet
from ...data.results import Skipped, grouped
from ...errors import InputError, require
from ...files import folder_written_whole
from ...generation.encoded_set import encode_set
from ...generation.optimise import Goal, is_nearer, optimise
from ...generation.property_model import PropertyModel, open_property
from ...latents import latents
from ...pool import Workers
from ...worth.check import checked, read_set
from ...worth.validity import is_lemat_valid
from ..implausible import warn
from .crystal_folder import write_crystals
from .decode_file import TOO_CLOSE
from .encode_files import read_sources

NO_CRYSTAL = f"{TOO_CLOSE}, or the crystal that is decoded cannot be encoded"
AT_ONCE = 256
"""The number of vectors that are optimised together."""


def write_optimised(
    run: Path,
    out: Path,
    goal: Goal,
    start: Path | None,
    n: int,
    against: Path | None,
    seed: int,
    workers: Workers,
    column: str | None = None,
) -> None:
    """Optimise latent vectors of the crystals of a file, or of n draws, and write what they decode to.

    against: known crystals, which count as not new; the crystals of the start do, too.
    column: the property that is meant, which the run must predict.
    """
    require("smact", "worth")
    if n < 1:
        raise InputError(f"-n: wanted at least 1, got {n}")
    model = open_property(run)
    if column not in (None, model.column):
        raise InputError(f"{run}: predicts {model.column}, wanted {column}")
    if warning := model.warning():
        warn(f"{run}: {warning}")
    if isinstance(goal, float) and not math.isfinite(goal):
        raise InputError(f"target: wanted a finite number, got {goal}")
    with folder_written_whole(out) as folder:
        ids, z, crystals = _starts(model, start, n, seed, workers)
        best = [found for part in z.split(AT_ONCE) for found in optimise(model, part, goal, is_lemat_valid)]
        found = {id: result for id, result in zip(ids, best, strict=True) if result is not None}
        if not found:
            raise InputError(f"{run}: none of {len(ids)} starts leads to a crystal; {NO_CRYSTAL}")
        known_crystals = CrystalSet.concatenate([crystals, *([read_set(against)] if against is not None else [])])
        optimised = CrystalSet.from_crystals([result.crystal for result in found.values()], found)
        verdicts = checked(optimised, known_crystals, workers)
        columns: dict[str, list[object]] = {
            "start_value": [result.start for result in found.values()],
            "predicted": [result.predicted for result in found.values()],
            "better": [is_nearer(result.predicted, result.start, goal) for result in found.values()],
            "valid": [verdict.lemat_valid for verdict in verdicts],
            "new": [not verdict.known_as and not verdict.same_as for verdict in verdicts],
        }
        left_out = [(id, NO_CRYSTAL) for id in ids if id not in found]
        write_crystals(folder, optimised, str(run), columns, left_out)
    good = sum(all(row) for row in zip(columns["better"], columns["valid"], columns["new"], strict=True))
    print(f"{out}: {len(found)} of {len(ids)} starts lead to a crystal; {good} are valid, new and better by prediction")
    if isinstance(goal, float):
        errors = [abs(result.predicted - goal) for result in found.values()]
        print(f"the predictions are {median(errors):.3g} from {goal:g} in the median, {min(errors):.3g} at least")


def _starts(
    model: PropertyModel, start: Path | None, n: int, seed: int, workers: Workers
) -> tuple[list[str], torch.Tensor, CrystalSet]:
    """Return ids and latent vectors to start from, and the crystals of a file; none for draws of N(0, 1)."""
    if start is None:
        return list(map(str, range(n))), latents(seed, 0, n, model.latent.latent_dim), CrystalSet.from_crystals([])
    crystals = read_sources([start], workers).crystals[:n]
    encoded = encode_set(model.latent, crystals, workers)
    for line in grouped([Skipped("", str(crystals.ids[i]), reason) for i, reason in encoded.reasons.items()]):
        print(f"left out: {line}", file=sys.stderr)
    if len(encoded.rows) == 0:
        raise InputError(f"{start}: {next(iter(encoded.reasons.values()))}")
    return [str(crystals.ids[row]) for row in encoded.rows], torch.from_numpy(encoded.z), crystals
