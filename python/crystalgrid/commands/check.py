"""`crystalgrid check`: which crystals are valid, which are the same, and which are new."""

from pathlib import Path
from typing import Annotated

import tyro

from ..errors import require
from .signals import importing


def check(
    sources: tyro.conf.Positional[tuple[Path, ...]],
    out: Annotated[Path, tyro.conf.arg(aliases=["-o"])],
    against: Path | None = None,
    json: Path | None = None,
    coverage: tuple[float, float] | None = None,
    workers: int | None = None,
    dask: str | None = None,
) -> None:
    """Check crystals of any generator: valid by published rules or why not, the same as which, known as which.

    Writes OUT/crystals.parquet, OUT/crystals.csv and OUT/cif with every figure of each crystal, and prints the shares
    that papers tabulate. Files that cannot be read are lines of the table with the reason, and count as invalid. A run
    that is interrupted leaves nothing behind.

    Args:
        sources: CIF, POSCAR, extended XYZ, Parquet and other files of crystals, or folders of these.
        out: folder to write to, new or empty.
        against: known crystals such as the training data: a file, a folder, or a released generator by its name, for
            those that it learned from, such as mp10a; the table then names the one that each crystal is the same as.
        json: write the summary to this file, too.
        coverage: count coverage of the known crystals by CDVAE's fingerprints, with these cut-offs of structure and
            composition: 0.4 10 for MP-20, 0.2 4 for Perov-5 and Carbon-24. It takes about a second a crystal.
        workers: number of processes; by default one for each CPU that may be used.
        dask: address of a Dask scheduler, such as tcp://node1:8786, whose workers do the work instead.
    """
    require("smact", "worth")
    with importing():
        from ..pool import chosen_workers
        from ..worth.checked_folder import check_folder
        from ..worth.coverage import Cutoffs
    cutoffs = None if coverage is None else Cutoffs(*coverage)
    check_folder(sources, out, against, json, chosen_workers(workers, dask), cutoffs)


COMMAND = check
