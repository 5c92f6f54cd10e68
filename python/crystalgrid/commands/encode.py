"""`crystalgrid encode`: crystals to latent vectors."""

from pathlib import Path
from typing import Annotated

import tyro

from .signals import importing


def encode(
    sources: tyro.conf.Positional[tuple[Path, ...]],
    out: Annotated[Path, tyro.conf.arg(aliases=["-o"])],
    model: str = "mp10a-latent",
    workers: int | None = None,
    dask: str | None = None,
) -> None:
    """Encode crystals as latent vectors, the same for a crystal in any cell, origin, rotation or supercell.

    Writes a Parquet file with a row for each crystal: id, formula, space group, z, the reason why a crystal could not
    be encoded, and the columns of numbers and text of a Parquet file that it came from.

    Args:
        sources: CIF, POSCAR, extended XYZ, Parquet and other files of crystals, or folders of these.
        out: the Parquet file to write; an existing one is replaced.
        model: an autoencoder of crystals: the name of a released model, a training run, or an exported model.pt.
        workers: number of processes; by default one for each CPU that may be used.
        dask: address of a Dask scheduler, such as tcp://node1:8786, whose workers do the work instead.
    """
    with importing():
        from ..pool import chosen_workers
        from ..report.latent.encode_files import encode_files
    encode_files(sources, out, model, chosen_workers(workers, dask))


COMMAND = encode
