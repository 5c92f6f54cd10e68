"""The run of all experiments on one model, with their figures and numbers in one folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..artifacts.find import find_model, is_exported, load_trained
from ..artifacts.metadata import RunInfo
from ..data.split import check_seed
from ..errors import InputError
from ..nets.network import CrystalNet
from ..report.evaluation import choose_crystals, crystals_of_split, load_model_and_crystals, write_json
from . import beta, conditioning, discriminator, drawn_crystals, draws, interpolation, reconstruction
from .study import study

EXPERIMENTS = {
    "reconstruction": reconstruction.run,
    "interpolation": interpolation.run,
    "draws": draws.run,
    "drawn_crystals": drawn_crystals.run,
    "conditioning": conditioning.run,
}
"""The experiments that need nothing but a study, in the order of the paper."""


def run_experiments(
    model: str,
    out: Path,
    data: str,
    split: str,
    *,
    max_cubes: int,
    seed: int,
    betas: Sequence[float] = (),
    minutes_each: float = 10.0,
) -> None:
    """Repeat the paper's experiments with one model: figures and OUT/figures.json.

    betas: weights of the KL divergence, for each of which a model is trained for `minutes_each` minutes.
    """
    if out.exists() and not out.is_dir():
        raise InputError(f"{out}: wanted a folder to write to, but a file has that name")
    check_seed(seed)
    first_model = _model_to_start_from(model) if betas else None
    loaded, crystals = load_model_and_crystals(model, data, seed)
    chosen = choose_crystals(crystals_of_split(crystals, split, data), max_cubes, seed)
    crystals_of_split(crystals, "train", data)  # the discriminator learns from these: raise before the work begins
    out.mkdir(parents=True, exist_ok=True)
    main_study = study(loaded, crystals, chosen, seed)
    results: dict[str, Any] = {"model": model, "mode": loaded.mode, "data": data, "split": split, "seed": seed}
    results["n_cubes"] = len(main_study.density)
    for name, run in EXPERIMENTS.items():
        results[name] = run(main_study, out)
    write_json(out / "figures.json", results)
    most_accurate, draws_by_beta = None, {}
    if first_model is not None:
        folder = out / "betas"
        models = beta.sweep(first_model, data, betas, minutes=minutes_each, seed=seed, folder=folder)
        models = {weight: trained.to(loaded.device) for weight, trained in models.items()}
        held_out = choose_crystals(crystals_of_split(crystals, "val", data), max_cubes, seed)
        studies = {weight: study(trained, crystals, held_out, seed) for weight, trained in models.items()}
        results["beta"] = beta.run(studies, out)
        write_json(out / "figures.json", results)
        most_accurate = study(models[min(models)], crystals, chosen, seed)
        draws_by_beta = {f"draws with β = {weight:g}": swept.drawn.density for weight, swept in studies.items()}
    results["discriminator"] = discriminator.run(main_study, out, most_accurate, draws_by_beta)
    write_json(out / "figures.json", results)
    print(f"{out}: figures.json and {len([*out.glob('*.png'), *out.glob('*.gif')])} figures")


def _model_to_start_from(model: str) -> tuple[CrystalNet, RunInfo]:
    """Return the networks of a model and their run; raise InputError for a model that cannot be trained further."""
    path = find_model(model)
    if is_exported(path):
        raise InputError(f"{model}: --betas needs a training run or a released model, as an exported one cannot learn")
    return load_trained(path)
