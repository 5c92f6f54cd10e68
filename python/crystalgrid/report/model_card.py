"""Model cards, which say what a released model was trained on, how well it does, and how it was made."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from ..artifacts.generator_info import GeneratorInfo, the_autoencoder
from ..artifacts.metadata import RunInfo, StartInfo
from ..artifacts.released import WEIGHTS, load_released, released_info, write_weights
from ..latents import latents
from ..model import Model, load_model
from . import pictures
from .decoding import decode
from .evaluation import CODEC_NOTE, evaluate_model, write_json
from .generator_card import write_generator_card
from .metrics_table import all_tables

CARD, METRICS, PICTURE, DRAWS = "card.md", "metrics.json", "reconstructions.png", "draws.png"
LIMITS = "## Known limits\n"
N_DRAWS = 4
"""The number of draws of the prior in their picture."""


def release_model(run: Path, folder: Path, data: Path, *, source: str, machine: str, max_cubes: int | None) -> None:
    """Make a released model of a training run: weights, metrics, pictures and the card; of a generator no metrics.

    source: the origin of the data and its licence; machine: the hardware that the model was trained on.
    """
    folder.mkdir(parents=True, exist_ok=True)
    write_weights(run, folder)
    info = released_info(folder)
    if isinstance(info, GeneratorInfo):
        write_generator_card(folder, info, source, machine)
        return
    metrics = evaluate_model(
        str(folder), str(data), "test", json_path=folder / METRICS, picture=folder / PICTURE, max_cubes=max_cubes
    )
    metrics |= {
        "model": folder.name,
        "data": data.name,
    }  # names that mean something elsewhere, not paths of this machine
    write_json(folder / METRICS, metrics)
    draw_draws(load_model(folder), folder / DRAWS)
    write_card(folder, metrics, source, machine, max_cubes)


def draw_draws(model: Model, path: Path) -> None:
    """Draw the first draws of a model's prior; without a prior, remove an earlier picture."""
    path.unlink(missing_ok=True)
    if model.has_prior:
        with torch.no_grad():
            z = model.prior(latents(0, 0, N_DRAWS, model.latent_dim))
        drawn = decode(model, z, "draws")
        pictures.samples(path, drawn.density, drawn.atoms, model.grid)


def write_card(folder: Path, metrics: dict[str, Any], source: str, machine: str, max_cubes: int | None) -> None:
    """Write card.md from the metadata in the weights and the metrics; an earlier card's known limits are kept."""
    card = folder / CARD
    limits = card.read_text().partition(LIMITS)[2] if card.is_file() else "\nNone stated yet.\n"
    _, info = the_autoencoder(load_released(folder), str(folder))
    name = folder.name
    pictured = f"\n![Draws: decoded densities and the atoms found in them]({DRAWS})\n" if info.prior else ""
    command = f"crystalgrid-evaluate {name} --data {info.data.source} --split test"
    command += f" --max-cubes {max_cubes}" if max_cubes else ""
    codec_note = "\n" + CODEC_NOTE if info.has_codec else ""
    text = f"""# {name}

Encodes densities of crystals ({info.mode} mode) as {info.latent_dim} numbers,
decodes them, and segments them into atoms.

| | |
|---|---|
| data | {source}; file `{info.data.source}`, SHA-256 of its crystals {info.data.checksum[:16]}… |
{history(info, name, machine)}
| versions | crystalgrid {info.versions.crystalgrid}, torch {info.versions.torch} |
| weights | half precision, {(folder / WEIGHTS).stat().st_size / 1e6:.1f} MB; the metrics are of these |

## Metrics

`{command} --json m.json`

```
{all_tables(metrics)}
```

The last column is what Hoffmann et al. 2019 report, on a random split of other crystals.{codec_note}
"Interior" counts atoms 1 Å or more from every face of the cube. "Extraction only" has the true densities and species in
place of the networks': it is what finding atoms in voxels costs by itself. All numbers: `{METRICS}`.

![True density, decoded density and atoms of test crystals]({PICTURE})
{pictured}
"""
    card.write_text(text + LIMITS + limits)


def history(info: RunInfo, name: str, machine: str) -> str:
    """Return the rows of the card's table on the training of the model and its prior."""
    minutes = info.seconds / 60
    command = f"crystalgrid-train --mode {info.mode} --data {info.data.source} --recipe {info.recipe.name}"
    command += f" --start {info.start.model}" if info.start else ""
    training = f"{info.step:,} steps of {info.recipe.optimizer.batch_size} cubes, {minutes:.0f} minutes, on {machine}"
    rows = [
        f"| trained by | `{command} --seed {info.seed} --minutes {minutes:.0f} --out RUN` |",
        f"| for | {training} |",
    ]
    if info.start:
        rows.append(f"| started from | {starting_point('weights', info.start)} |")
    if info.prior:
        rows.append(_history_of_prior(info.prior, name))
    return "\n".join(rows)


def _history_of_prior(prior: RunInfo, name: str) -> str:
    command = f"crystalgrid-prior {name} --data {prior.data.source}"
    command += f" --start {prior.start.model}" if prior.start else ""
    command += f" --seed {prior.seed} --minutes {prior.seconds / 60:.0f} --out RUN"
    training = f"{prior.step:,} steps of {prior.recipe.optimizer.batch_size} crystals"
    training += f", started from {starting_point('prior', prior.start)}" if prior.start else ""
    return f"| prior | `{command}`: {training}; draws come from it |"


def starting_point(part: str, start: StartInfo) -> str:
    """Return in words the model whose weights or prior (`part`) a run started from."""
    return f"the {part} that `{start.model}` had after {start.step:,} steps, {start.seconds / 60:.0f} minutes"
