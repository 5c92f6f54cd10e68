"""`crystalgrid decode`: latent vectors to crystals."""

from pathlib import Path
from typing import Annotated

import tyro

from .signals import importing


def decode(
    latents: tyro.conf.Positional[Path],
    out: Annotated[Path, tyro.conf.arg(aliases=["-o"])],
    model: str = "mp10a-latent",
) -> None:
    """Decode latent vectors to crystals; the same vector gives the same crystal.

    Writes OUT/crystals.xyz, OUT/crystals.csv with what each crystal is, and OUT/cif. Vectors of another length or with
    NaN, and those whose atoms could not be kept apart, are lines of the table with the reason. A run that is
    interrupted leaves nothing behind.

    Args:
        latents: Parquet file with a column z, as crystalgrid-encode writes it, or an array [B, L] in a .npy file.
        out: folder to write to, new or empty.
        model: the autoencoder of crystals that encoded them: a released model, a training run, or a model.pt.
    """
    with importing():
        from ..report.latent.decode_file import decode_file
    decode_file(latents, out, model)


COMMAND = decode
