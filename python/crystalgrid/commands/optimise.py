"""`crystalgrid optimise`: crystals whose predicted property is what one wants."""

from pathlib import Path
from typing import Annotated, Literal

import tyro

from ..errors import InputError
from .signals import importing


def optimise(
    run: tyro.conf.Positional[Path],
    out: Annotated[Path, tyro.conf.arg(aliases=["-o"])],
    target: float | None = None,
    goal: Literal["lower", "higher"] | None = None,
    start: Path | None = None,
    n: Annotated[int, tyro.conf.arg(aliases=["-n"])] = 100,
    against: Path | None = None,
    seed: int = 0,
    workers: int | None = None,
) -> None:
    """Move latent vectors along the gradient of a property, and write the crystals that they decode to.

    Writes OUT/crystals.parquet, crystals.csv, crystals.xyz and cif/. The table has the prediction at the start and that
    for the crystal itself, whether it is better, whether it is valid by LeMat-GenBench's rules, and whether it is new.
    Predictions are no measurements: relax what matters.

    Args:
        run: run of crystalgrid-train --recipe property.
        out: folder to write to, new or empty.
        target: the value that the property shall have.
        goal: "lower" or "higher", in place of a target.
        start: file of crystals to start from; by default draws of N(0, 1).
        n: number of starts: the first of the file, or draws.
        against: known crystals, a file or folder; those of the start are known in any case.
        seed: seed of the draws.
        workers: number of processes; by default one for each CPU that may be used.
    """
    if (target is None) == (goal is None):
        raise InputError("wanted either --target VALUE or --goal lower|higher")
    with importing():
        from ..pool import chosen_workers
        from ..report.latent.optimised_folder import write_optimised
    aim = goal if target is None else target
    assert aim is not None
    write_optimised(run, out, aim, start, n, against, seed, chosen_workers(workers, None))


COMMAND = optimise
