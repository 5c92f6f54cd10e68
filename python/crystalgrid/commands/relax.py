"""`crystalgrid relax`: what becomes of crystals that are relaxed, how stable they are, and which are the best."""

from pathlib import Path
from typing import Annotated, Literal

import tyro

from ..errors import require
from .signals import importing


def relax(
    source: tyro.conf.Positional[Path],
    out: Annotated[Path, tyro.conf.arg(aliases=["-o"])],
    calculator: str = "chgnet",
    second: str = "",
    hull: Path | None = None,
    second_hull: Path | None = None,
    fmax: float = 0.05,
    steps: int = 500,
    symmetry: bool = True,
    optimizer: Literal["bfgs", "lbfgs", "fire"] | None = None,
    batched: bool = False,
    all: bool = False,
    first: int | None = None,
    trajectories: bool = False,
    workers: int | None = None,
    dask: str | None = None,
) -> None:
    """Relax crystals with a potential: energy above the hull, what each decomposes into, how far it moved, its rank.

    Relaxes those that are valid and new, if `check` has written SOURCE; any other file or folder is checked first.
    Writes OUT/crystals.parquet, OUT/crystals.csv and OUT/cif with every figure of each crystal, the best first, and
    prints how many are stable. The same command goes on after an interruption.

    Args:
        source: folder that `check` has written, or CIF, POSCAR, extended XYZ, Parquet and other files of crystals.
        out: folder to write to: new, empty, or of a run that was stopped.
        calculator: "chgnet", "7net-0", "7net-l3i5", or MODULE:FUNCTION that makes an ASE calculator; with --batched
            it makes a ModelInterface of torch-sim.
        second: another potential; ranks and counts then take the higher of the two energies above the hulls.
        hull: reference energies by the calculator, as `hull build` writes them; those of chgnet ship with the package.
        second_hull: reference energies by the second potential.
        fmax: in eV/Å; a crystal has converged when all forces, and those on its cell, are smaller.
        steps: the most steps for a crystal.
        symmetry: keep the space group that each crystal has within 0.01 Å.
        optimizer: by default "bfgs", the fastest for cells of up to 100 atoms; with --batched "fire", the only one.
        batched: relax many crystals at once through torch-sim, on a GPU if torch finds one, else on the CPU.
        all: relax crystals that are not valid or not new, too.
        first: relax at most so many; draws after the last of these are left out and not counted.
        trajectories: write all steps of each crystal to OUT/trajectories.
        workers: number of processes, each of one thread; by default one for each CPU that may be used. With --batched
            they look for symmetry.
        dask: address of a Dask scheduler, such as tcp://node1:8786, whose workers do the work instead.
    """
    require("ase", "relax")
    require("smact", "relax")
    if batched:
        require("torch_sim", "batched")
    with importing():
        from ..pool import chosen_workers
        from ..worth.relaxed_folder import Choice, relax_folder
        from ..worth.relaxing import RelaxOptions, default_optimizer
    optimizer_name = optimizer or default_optimizer(batched)
    options = RelaxOptions(calculator, second, fmax, steps, symmetry, optimizer_name, batched)
    choice = Choice(all, first, trajectories)
    relax_folder(source, out, options, choice, hull, second_hull, chosen_workers(workers, dask))


COMMAND = relax
