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
    description: str = "",
    workers: int | None = None,
) -> None:
    """Write the reference energies that `relax --hull` takes, of crystals and their energies by any one method.

    Keeps the lowest energy of each composition that is on the convex hull of its elements or within 0.1 eV/atom of it.

    Args:
        source: folder that `relax` wrote, Parquet file of crystals with a column energy_per_atom in eV, or JSON file of
            pymatgen's ComputedEntries.
        out: the Parquet file to write.
        energies: Parquet or CSV file with the columns immutable_id and energy_per_atom, if SOURCE has no energies.
        calculator: the potential that the energies are of, which then gives those of elements that SOURCE lacks: the
            lowest of hcp, dhcp, fcc and bcc, relaxed.
        description: the method of the energies, such as "PBE, VASP 6.4"; it is written into the file.
        workers: number of processes; by default one for each CPU that may be used.
    """
    with importing():
        from ..pool import chosen_workers
        from ..worth.hull_build import build_hull
    build_hull(source, out, energies, calculator, description, chosen_workers(workers, None))


def above(
    formula: tyro.conf.Positional[str], energy_per_atom: tyro.conf.Positional[float], hull: str = "chgnet"
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
