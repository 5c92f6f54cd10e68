"""A map of latent vectors: their two principal components on one page of HTML that needs no network."""

from __future__ import annotations

import html
import json
from pathlib import Path
from string import Template
from typing import Any

import numpy as np

from ...data.latent_table import Latents, read_latents
from ...errors import InputError
from ...files import check_output, replaced_note, written_whole

TEMPLATE = Path(__file__).with_name("map.html")
MOST_CATEGORIES = 10
"""The most values of a column of text that have a colour of their own; all others share one."""
OTHERS = "others"


def write_map(latents: Path, out: Path, colour_by: str) -> None:
    """Write the map of a file of latent vectors, coloured by one of its columns."""
    if out.suffix.lower() not in (".html", ".htm"):
        raise InputError(f"{out}: wanted a name that ends in .html")
    check_output(out)
    read = read_latents(latents)
    coordinates, shares = principal_components(read.z)
    data = {
        "x": np.round(coordinates[:, 0], 3).tolist(),
        "y": np.round(coordinates[:, 1], 3).tolist(),
        "id": read.ids,
        "formula": read.column("formula"),
        "space_group": read.column("space_group"),
        "colour": colours(read, latents, colour_by),
        "shares": np.round(shares, 4).tolist(),
    }
    text = Template(TEMPLATE.read_text(encoding="utf-8")).substitute(
        title=html.escape(f"Map of {latents.name}"), data=json.dumps(data, allow_nan=False).replace("</", "<\\/")
    )
    replaced = replaced_note(out)
    with written_whole(out) as temporary:
        temporary.write_text(text, encoding="utf-8")
    print(f"{out}: {len(read.z):,} crystals, {100 * sum(shares):.0f} % of the variance of z{replaced}")


def principal_components(z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the first two principal components [B, 2] of vectors [B, L], and their shares of the variance [2]."""
    centred = z.astype(np.float64) - z.mean(axis=0)
    variances, directions = np.linalg.eigh(centred.T @ centred)
    strongest = directions[:, [-1, -2]]
    strongest = strongest * np.sign(strongest[np.abs(strongest).argmax(axis=0), [0, 1]])  # else the sign is arbitrary
    total = max(float(variances.sum()), np.finfo(float).tiny)
    return centred @ strongest, np.clip(variances[[-1, -2]], 0, None) / total


def colours(read: Latents, path: Path, name: str) -> dict[str, Any]:
    """Return what a column colours points by: its numbers, or the indices of its most frequent texts.

    Raises InputError for a column that does not exist.
    """
    names = read.columns.column_names
    if name not in names:
        raise InputError(f"{path}: no column {name!r} to colour by; it has {', '.join(names)}")
    values = read.column(name)
    if all(value is None or (isinstance(value, int | float) and not isinstance(value, bool)) for value in values):
        numbers = [value if isinstance(value, int | float) and np.isfinite(value) else None for value in values]
        return {"name": name, "values": numbers, "categories": None}
    texts, counts = np.unique([str(value) for value in values], return_counts=True)
    frequent = texts[np.argsort(-counts, kind="stable")][:MOST_CATEGORIES].tolist()
    index = {text: i for i, text in enumerate(frequent)}
    categories = [*frequent, *([OTHERS] if len(texts) > len(frequent) else [])]
    return {
        "name": name,
        "values": [index.get(str(value), len(frequent)) for value in values],
        "categories": categories,
    }
