"""`crystalgrid hull`: reference energies, which energies above the hull are counted from."""

from pathlib import Path
from typing import Annotated

import tyro

from .signals import importing


def build(
    source: tyro.conf.Positional[Path],
    out: Annotated[Path, tyro.conf.arg(aliases=["-o"])],
    energies: Path | None = None,
    calculator: str | None = None,
    kept_by: str | None = None,
    systems_of: Path | None = None,
    description: str = "",
    workers: int | None = None,
) -> None:
    """Write the reference energies that `relax --hull` takes, of crystals and their energies by any one method.

    Keeps the lowest energy of each composition that is on the convex hull of its elements or within 0.1 eV/atom of it.
    Without energies, --calculator computes those of the crystals as they stand. OUT with the ending .jsonl keeps them:
    the same command goes on after an interruption, and another choice of crystals goes on from it.

    Args:
        source: folder that `relax` wrote, Parquet file of crystals, with a column energy_per_atom in eV if it has
            energies, or JSON file of pymatgen's ComputedEntries.
        out: the Parquet file to write; an existing one is replaced.
        energies: Parquet or CSV file with the columns immutable_id and energy_per_atom, if SOURCE has no energies.
        calculator: the potential that the energies are of, "chgnet", "7net-0", "7net-l3i5" or MODULE:FUNCTION. It
            computes them if there are none, and those of elements that SOURCE lacks by themselves: the lowest of hcp,
            dhcp, fcc and bcc, relaxed.
        kept_by: take only crystals that this hull keeps, by their ids: "chgnet", or a file that `hull build` wrote.
        systems_of: take only crystals whose elements are all in one crystal of this file or folder, such as draws.
        description: the method of the energies, such as "PBE, VASP 6.4"; it is written into the file.
        workers: number of processes; by default one for each CPU that may be used.
    """
    with importing():
        from ..pool import chosen_workers
        from ..worth.hull_build import build_hull
        from ..worth.hull_energies import Selection
    selection = Selection(kept_by, systems_of)
    build_hull(source, out, energies, calculator, description, chosen_workers(workers, None), selection)


def above(
    formula: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="FORMULA")],
    energy_per_atom: Annotated[tyro.conf.Positional[float], tyro.conf.arg(metavar="ENERGY_PER_ATOM")],
    hull: str = "chgnet",
) -> None:
    """Print how far an energy is above the convex hull, and what the crystal would decompose into.

    Args:
        formula: such as LiMnO2.
        energy_per_atom: in eV/atom, by the method of the hull.
        hull: "chgnet", or a file that `hull build` has written.
    """
    with importing():
        from ..worth.hull import decomposition_text
        from ..worth.references import above_hull
    result = above_hull(formula, energy_per_atom, hull)
    stable = decomposition_text(formula, result.decomposition)
    print(f"{formula}: {result.energy:.4f} eV/atom above the hull, where {stable} would be stable")


COMMAND = {"build": build, "above": above}
