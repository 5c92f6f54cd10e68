"""The card of a released generator of crystals: what it learned from, how it was made, and its first draws."""

from __future__ import annotations

from pathlib import Path

from ..artifacts.generator_info import GeneratorInfo
from ..artifacts.released import WEIGHTS
from ..generation.open_generator import open_generator
from .crystal_picture import draw_crystals

CARD, PICTURE = "card.md", "crystals.png"
LIMITS = "## Known limits\n"
PICTURED = 8
"""The number of crystals in the picture."""

DRAWS = """\
Draws crystals, of what is asked for: `crystalgrid-sample {name} -n 100 --formula LiFePO4 -o draws`, or
`cg.generate(100, model="{name}", formula="LiFePO4")` ([docs/generation.md](../../docs/generation.md))."""
ENCODES = """\
Encodes crystals as 300 numbers, the same for every description of a crystal, and decodes them as crystals:
`crystalgrid encode crystals/ -o z.parquet` and `crystalgrid decode z.parquet -o decoded`, or `encode_crystals` and
`decode_crystals` of `cg.load("{name}")` ([docs/latent.md](../../docs/latent.md))."""


def write_generator_card(folder: Path, info: GeneratorInfo, source: str, machine: str) -> None:
    """Write card.md and the picture of the first crystals; the known limits of an earlier card are kept.

    source: the origin of the data and its licence; machine: the hardware that the generator was trained on.
    """
    card, name = folder / CARD, folder.name
    limits = card.read_text().partition(LIMITS)[2] if card.is_file() else "\nNone stated yet.\n"
    draw_crystals(open_generator(folder).generate(PICTURED), folder / PICTURE)
    command = f"crystalgrid-train --recipe {info.recipe.name} --data {info.data.source}"
    command += f" --start {info.start.model}" if info.start else ""
    use = (DRAWS if info.recipe.latent is None else ENCODES).format(name=name)
    text = f"""# {name}

{use}

| | |
|---|---|
| data | {source}; file `{info.data.source}`, SHA-256 of its crystals {info.data.checksum[:16]}… |
| crystals | {info.crystals:,} known ones, of {len(info.elements)} elements and {len(info.space_groups)} space groups |
| orderings of them | {info.orderings:,} new structure types |
| trained by | `{command} --seed {info.seed} --minutes {info.seconds / 60:.0f} --out RUN` |
| for | {info.step:,} steps, {info.seconds / 60:.0f} minutes, on {machine} |
{energies_row(info)}| versions | crystalgrid {info.versions.crystalgrid}, torch {info.versions.torch} |
| weights | half precision, {(folder / WEIGHTS).stat().st_size / 1e6:.1f} MB |

![The first {PICTURED} crystals of seed 0]({PICTURE})

"""
    card.write_text(text + LIMITS + limits)


def energies_row(info: GeneratorInfo) -> str:
    """Return the row of the card's table that says how energies above the hull are predicted; "" if they are not."""
    learned = info.stability
    if learned is None:
        return ""
    error = f"mean absolute error {learned.error:.3f} eV/atom on other formulas"
    what = f"`{learned.column}` of {learned.crystals:,} crystals, file `{learned.data.source}`"
    return f"| energies above the hull | predicted from {what}: {error} |\n"
