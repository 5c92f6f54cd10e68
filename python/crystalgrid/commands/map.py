"""`crystalgrid map`: latent vectors on one page, as points."""

from pathlib import Path
from typing import Annotated

import tyro

from .signals import importing


def map_latents(
    latents: tyro.conf.Positional[Path],
    out: Annotated[Path, tyro.conf.arg(aliases=["-o"])],
    colour_by: str = "space_group_number",
) -> None:
    """Draw a map of latent vectors: their two principal components on one HTML page that needs no network.

    The pointer shows a crystal's id, formula and space group; drag and wheel move the map.

    Args:
        latents: Parquet file with a column z, as crystalgrid-encode writes it.
        out: the HTML file to write; an existing one is replaced.
        colour_by: the column that gives the points their colours, of numbers or text, such as band_gap, which encode
            takes over from the Parquet file of the crystals.
    """
    with importing():
        from ..report.latent.latent_map import write_map
    write_map(latents, out, colour_by)


COMMAND = map_latents
