"""`crystalgrid-figures`: the paper's experiments on one model, each as figures and numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..data.split import check_seed
from ..errors import InputError
from ..experiments import conditioning, discriminator, drawn_crystals, draws, interpolation, reconstruction
from ..experiments.study import study
from ..model import can_learn, find, load_trained
from ..report.evaluation import of_split, opened, some, write_json


def run_experiments(
    model: str,
    out: Path,
    data: str,
    split: str,
    max_cubes: int,
    seed: int,
    betas: tuple[float, ...],
    minutes_each: float,
) -> None:
    """Repeat the paper's experiments with one model, with the options of `crystalgrid-figures`."""
    if out.exists() and not out.is_dir():
        raise InputError(f"{out}: wanted a folder to write to, but a file has that name")
    check_seed(seed)
    path = find(model)
    if betas and not can_learn(path):
        raise InputError(f"{model}: --betas needs a training run or a released model, as an exported one cannot learn")
    unet = load_trained(path)[0].unet if betas else None
    loaded, crystals = opened(model, data, seed)
    chosen = some(of_split(crystals, split, data), max_cubes, seed)
    of_split(crystals, "train", data)  # which the discriminator learns from
    out.mkdir(parents=True, exist_ok=True)
    here = study(loaded, crystals, chosen, seed)
    about = {"model": model, "mode": loaded.mode, "data": data, "split": split, "seed": seed}
    results: dict[str, Any] = {**about, "n_cubes": len(here.density)}
    for experiment in (reconstruction, interpolation, draws, drawn_crystals, conditioning):
        results[experiment.__name__.rpartition(".")[-1]] = experiment.run(here, out)
    write_json(out / "figures.json", results)
    accurate, further = None, {}
    if unet is not None:
        from ..experiments import beta  # brings the training, which takes seconds to import

        trained = beta.sweep(loaded, unet, data, betas, minutes_each, seed, out / "betas")
        held_out = some(of_split(crystals, "val", data), max_cubes, seed)
        studies = {weight: study(its, crystals, held_out, seed) for weight, its in trained.items()}
        results["beta"] = beta.run(studies, out)
        write_json(out / "figures.json", results)
        accurate = study(trained[min(trained)], crystals, chosen, seed)
        further = {f"draws with β = {weight:g}": its.drawn.density for weight, its in studies.items()}
    results["discriminator"] = discriminator.run(here, out, accurate, further)
    write_json(out / "figures.json", results)
    print(f"{out}: figures.json and {len([*out.glob('*.png'), *out.glob('*.gif')])} figures")
