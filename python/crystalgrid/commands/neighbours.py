"""`crystalgrid neighbours`: the crystals whose latent vectors are nearest."""

from pathlib import Path
from typing import Annotated

import tyro

from .signals import importing


def neighbours(
    source: tyro.conf.Positional[Path],
    among: Path,
    n: Annotated[int, tyro.conf.arg(aliases=["-n"])] = 10,
    out: Annotated[Path | None, tyro.conf.arg(aliases=["-o"])] = None,
    model: str = "mp10a-latent",
    workers: int | None = None,
) -> None:
    """List the crystals of a file that are most like each crystal of another, by the distance of latent vectors.

    Args:
        source: file or folder of the crystals whose neighbours are wanted.
        among: file of the crystals to look in, whose latent vectors are kept in the cache for the next time, or a table
            that crystalgrid-encode wrote.
        n: number of neighbours of each crystal, nearest first; a crystal that is in both files is its own first.
        out: write them to this CSV file, too.
        model: an autoencoder of crystals: the name of a released model, a training run, or an exported model.pt.
        workers: number of processes; by default one for each CPU that may be used.
    """
    with importing():
        from ..pool import chosen_workers
        from ..report.latent.neighbours import write_neighbours
    write_neighbours(source, among, n, out, model, chosen_workers(workers, None))


COMMAND = neighbours
