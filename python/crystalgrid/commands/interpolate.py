"""`crystalgrid interpolate`: decode the straight line between two crystals' latent vectors (Fig. 6B)."""

from pathlib import Path
from typing import Annotated

import tyro

from .signals import importing


def interpolate(
    a: tyro.conf.Positional[Path],
    b: tyro.conf.Positional[Path],
    model: str = "mp10a-latent",
    out: Annotated[Path, tyro.conf.arg(aliases=["-o"])] = Path("interpolation"),
    steps: int = 9,
    resume: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False,
) -> None:
    """Encode two crystals and decode the straight line between their latent vectors.

    An autoencoder of crystals writes OUT/latents.npy, the crystals as crystalgrid-decode does, a picture, OUT/path.png,
    and a film, OUT/path.gif. Each cell is drawn, and is in crystals.xyz, with the axes and the origin that are most
    like those of the one before. An autoencoder of densities writes OUT/latents.npy, and OUT/structures/ as
    crystalgrid-sample does. The first structure is A, the last one B.

    Args:
        a: file with the first crystal; if it holds several, the first that the model accepts
        b: file with the last crystal
        model: model.pt, as crystalgrid-export writes it, or the name of a released model, of crystals or of densities
        out: folder to write to, new or empty unless --resume
        steps: number of structures, both ends included
        resume: continue an interrupted run of the same command with a model of densities
    """
    with importing():
        from ..report.latent_path import write_path
    write_path(a, b, model, out, steps=steps, resume=resume)


COMMAND = interpolate
