"""Model cards: what a released model was trained on, what it gives, and how it was made."""

import json
from pathlib import Path
from typing import Any

import torch

from ..artifacts.released import WEIGHTS, load_released, write_weights
from ..atoms import find_atoms
from ..latents import latents
from ..model import Model, load
from . import pictures as plot
from .evaluation import decoded, evaluate_model, table

CARD, METRICS, PICTURE, DRAWS = "card.md", "metrics.json", "reconstructions.png", "draws.png"
LIMITS = "## Known limits\n"
PICTURED_DRAWS = 4


def release_model(run: Path, folder: Path, data: Path, source: str, machine: str, max_cubes: int | None) -> None:
    """Make a released model of a training run, with the options of `crystalgrid release`."""
    folder.mkdir(parents=True, exist_ok=True)
    write_weights(run, folder)
    evaluate_model(str(folder), str(data), "test", folder / METRICS, folder / PICTURE, max_cubes, seed=0)
    metrics = json.loads((folder / METRICS).read_text())
    metrics |= {"model": folder.name, "data": data.name}
    (folder / METRICS).write_text(json.dumps(metrics, indent=1, ensure_ascii=False) + "\n")
    draw_draws(load(folder), folder / DRAWS)
    write_card(folder, metrics, source, machine, max_cubes)


@torch.no_grad()
def draw_draws(model: Model, path: Path) -> None:
    """A picture of the first draws of a model's prior, if it has learned one; else there is none."""
    path.unlink(missing_ok=True)
    if model.has_prior:
        density, species, confidence = decoded(model, model.prior(latents(0, 0, PICTURED_DRAWS, model.latent_dim)))
        plot.samples(path, density, find_atoms(species, density, model.grid, confidence=confidence), model.grid)


def write_card(folder: Path, metrics: dict[str, Any], source: str, machine: str, max_cubes: int | None) -> None:
    """Write card.md from the weights' own account of themselves and the metrics."""
    card = folder / CARD
    limits = card.read_text().partition(LIMITS)[2] if card.is_file() else "\nNone stated yet.\n"
    _, about = load_released(folder)
    name, data = folder.name, about["data"]
    pictured = f"\n![Draws: decoded densities and the atoms found in them]({DRAWS})\n" if "prior" in about else ""
    measure = f"crystalgrid-evaluate {name} --data {data['source']} --split test"
    measure += f" --max-cubes {max_cubes}" if max_cubes else ""
    text = f"""# {name}

Encodes densities of crystals ({about["mode"]} mode) as {about["recipe"]["network"]["latent_dim"]} numbers, decodes
them, and segments them into atoms.

| | |
|---|---|
| data | {source}; file `{data["source"]}`, SHA-256 of its crystals {data["checksum"][:16]}… |
{history(about, name, machine)}
| versions | crystalgrid {about["versions"]["crystalgrid"]}, torch {about["versions"]["torch"]} |
| weights | half precision, {(folder / WEIGHTS).stat().st_size / 1e6:.1f} MB; the metrics are of these |

## Metrics

`{measure} --json m.json`

```
{table(metrics)}
```

The last column is what Hoffmann et al. 2019 report, on a random split of other crystals.
"Interior" counts atoms 1 Å or more from every face of the cube; "extraction only" has the true densities and species in
place of the networks', which is what finding atoms in voxels costs by itself. All numbers: `{METRICS}`.

![True density, decoded density and atoms of test crystals]({PICTURE})
{pictured}
"""
    card.write_text(text + LIMITS + limits)


def history(about: dict[str, Any], name: str, machine: str) -> str:
    """Rows of the card's table: how the model was trained, from where, and how its prior."""
    mode, data, recipe, start = about["mode"], about["data"]["source"], about["recipe"], about.get("start")
    minutes, batch = about["seconds"] / 60, recipe["optimizer"]["batch_size"]
    command = f"crystalgrid-train --mode {mode} --data {data} --recipe {recipe['name']}"
    command += f" --start {start['model']}" if start else ""
    rows = [
        f"| trained by | `{command} --seed {about['seed']} --minutes {minutes:.0f} --out RUN` |",
        f"| for | {about['step']:,} steps of {batch} cubes, {minutes:.0f} minutes, on {machine} |",
    ]
    if start:
        rows.append(f"| begun with | {begun('weights', start)} |")
    if "prior" in about:
        learned = about["prior"]
        start, minutes = learned.get("start"), learned["seconds"] / 60
        command = f"crystalgrid-prior {name} --data {learned['data']['source']}"
        command += f" --start {start['model']}" if start else ""
        spent = f"{learned['step']:,} steps of {learned['recipe']['optimizer']['batch_size']} crystals"
        spent += f", begun with {begun('prior', start)}" if start else ""
        command += f" --seed {learned['seed']} --minutes {minutes:.0f} --out RUN"
        rows.append(f"| prior | `{command}`: {spent}; draws come from it |")
    return "\n".join(rows)


def begun(what: str, start: dict[str, Any]) -> str:
    """What a run began with, in words."""
    return f"the {what} that `{start['model']}` had after {start['step']:,} steps, {start['seconds'] / 60:.0f} minutes"
