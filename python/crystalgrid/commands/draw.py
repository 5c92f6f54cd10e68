"""`crystalgrid draw`: draw crystals in their unit cells, or the first cubes of a sampled folder."""

from pathlib import Path
from typing import Annotated

import tyro

from ..errors import require
from .arguments import check_positive
from .signals import importing


def draw(
    source: tyro.conf.Positional[Path],
    out: Annotated[Path, tyro.conf.arg(aliases=["-o"])],
    first: int = 8,
    symprec: float = 0.01,
) -> None:
    """Draw crystals as crystallographers do: balls and sticks in the conventional cell, with formula and space group.

    Of a folder that `crystalgrid-sample --save-density` wrote, draw the first cubes: densities and the atoms in them.

    Args:
        source: file of crystals, or folder that crystalgrid-sample or crystalgrid-recover wrote.
        out: PNG, SVG or PDF file; an existing one is replaced.
        first: draw at most so many.
        symprec: the largest distance of atoms from symmetric positions, in Å; 0.1 for crystals that were relaxed.
    """
    check_positive(first=first, symprec=symprec)
    require("matplotlib", "plot")
    with importing():
        from ..report.pictures import draw_source
    draw_source(source, out, first, symprec)


COMMAND = draw
