"""`crystalgrid-figures`: the paper's experiments on one model, each as figures and numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import tyro

from .arguments import check_positive, parsed
from .errors import InputError, run_command
from .evaluate import of_split, opened, some, write_json
from .experiments import conditioning, discriminator, draws, interpolation, reconstruction, recovery
from .experiments.study import study
from .model import can_learn, find, load_trained
from .split import check_seed


def figures(
    model: tyro.conf.Positional[str],
    out: Path,
    data: str = "prototypes",
    split: str = "test",
    max_cubes: int = 120,
    seed: int = 0,
    betas: tuple[float, ...] = (),
    minutes_each: float = 10.0,
) -> None:
    """Repeat the paper's experiments with one model: every figure as PNG (and GIF), every number in OUT/figures.json.

    Reconstruction, interpolation, random draws and the crystals in them, conditioning on the largest density, and the
    discriminator take a few minutes. The sweep over beta trains a model for each of --betas, kept in OUT/betas, and
    runs only where they are given; the same command goes on with a sweep that was stopped. docs/experiments.md says
    what each figure shows.

    Args:
        model: folder of a training run, an exported model.pt, or the name of a released model.
        out: folder for the figures; files of the same names are replaced.
        data: "prototypes", a Parquet file, or a folder.
        split: "train", "val" or "test", that reconstructions and what draws are compared with come from.
        max_cubes: look at about so many cubes, three per crystal, and at as many draws.
        seed: of the crystals and their cubes, the draws, the discriminator, the models of the sweep, and the split
            where the data has none.
        betas: weights of the KL divergence for the sweep, such as 1e-4 1e-3 1e-2 1e-1, in the recipe's unit.
        minutes_each: of training for each of --betas.
    """
    _check(out, seed, betas, minutes_each)
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
    for experiment in (reconstruction, interpolation, draws, recovery, conditioning):
        results[experiment.__name__.rpartition(".")[-1]] = experiment.run(here, out)
    write_json(out / "figures.json", results)
    accurate, further = None, {}
    if unet is not None:
        from .experiments import beta  # brings the training, which takes seconds to import

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


def _check(out: Path, seed: int, betas: tuple[float, ...], minutes_each: float) -> None:
    if out.exists() and not out.is_dir():
        raise InputError(f"{out}: wanted a folder to write to, but a file has that name")
    check_seed(seed)
    check_positive(minutes_each=minutes_each)
    for weight in betas:
        check_positive(betas=weight)


def cli() -> None:
    """Entry point of `crystalgrid-figures`."""
    run_command(lambda: parsed(figures, "crystalgrid-figures")())


if __name__ == "__main__":
    cli()
