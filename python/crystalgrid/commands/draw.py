"""`crystalgrid draw`: draw the first structures of a sampled folder."""

from pathlib import Path
from typing import Annotated

import tyro

from ..errors import require
from .signals import importing


def draw(folder: tyro.conf.Positional[Path], out: Annotated[Path, tyro.conf.arg(aliases=["-o"])]) -> None:
    """Draw the first samples of a folder that `crystalgrid-sample --save-density` wrote.

    Args:
        folder: has the samples and their densities.
        out: PNG file.
    """
    require("matplotlib", "plot")
    with importing():
        from ..report.pictures import draw_samples
    draw_samples(folder, out)


COMMAND = draw
