"""The columns of a report: how each is headed, what it means, and how it is written."""

from __future__ import annotations

from typing import NamedTuple


class Column(NamedTuple):
    """A property of crystals, as a page shows it."""

    label: str
    meaning: str
    """A sentence or two that explain it to somebody who does not know the rule or the method."""
    unit: str = ""
    digits: int = 3
    """The digits after the point of numbers."""


COLUMNS = {
    "rank": Column("Rank", "The place in the ranking of the command that wrote this table; 1 is the best.", digits=0),
    "id": Column("Name", "The name of the crystal in the files it was read from."),
    "formula": Column("Formula", "The reduced formula."),
    "space_group": Column(
        "Space group", "Symbol (Hermann-Mauguin) and number of the space group within 0.1 Å, of the crystal as shown."
    ),
    "energy_above_hull": Column(
        "Above hull",
        "Energy above the convex hull: how much lower the energy of the most stable mixture of known phases is. At 0 "
        "or below the crystal is as stable as anything known; up to about 0.1 eV/atom crystals are often made.",
        "eV/atom",
    ),
    "lemat_valid": Column(
        "Valid",
        "Whether charges balance, no atoms are too near, and cell and density are plausible, before any relaxing: "
        "LeMat-GenBench's rules.",
    ),
    "new": Column(
        "New",
        "Whether no known crystal and no earlier one of these is the same by pymatgen's StructureMatcher; or which is.",
    ),
    "same_as": Column("Same as", "The earlier crystal of this set that is the same; empty for the first of its kind."),
    "doubtful": Column(
        "Doubtful",
        "Why the energy should not be trusted, such as one far below the hull; empty if nothing speaks against it.",
    ),
    "atoms": Column("Atoms", "The number of atoms in the cell as given.", digits=0),
    "volume_per_atom": Column("Volume", "The volume of the cell divided by its number of atoms.", "Å³/atom", 2),
    "density": Column("Density", "Mass by volume.", "g/cm³", 2),
    "energy_per_atom": Column("Energy", "Energy of the relaxed crystal by the potential named below.", "eV/atom"),
    "decomposition": Column("Decomposes to", "The most stable mixture of known phases of the same composition."),
    "rms_moved": Column(
        "Moved", "Root mean square distance by which the atoms moved while the crystal was relaxed.", "Å", 2
    ),
    "energy_drop": Column("Gained", "The energy that relaxing gained.", "eV/atom"),
    "same_after": Column(
        "Same after", "Whether the relaxed crystal is still the same as the one that relaxation began with."
    ),
    "space_group_before": Column("Before relaxing", "The space group within 0.1 Å before the crystal was relaxed."),
    "volume_change": Column("Volume change", "The relative change of volume while the crystal was relaxed."),
    "largest_force": Column("Largest force", "The largest force on an atom of the relaxed crystal.", "eV/Å"),
    "converged": Column("Converged", "Whether forces and stress fell below the limit before the steps ran out."),
    "steps": Column("Steps", "The number of steps of the relaxation.", digits=0),
    "energy_above_hull_second": Column(
        "Above hull, second", "Energy above the hull by the second potential; the higher of the two counts.", "eV/atom"
    ),
    "disagreement": Column(
        "Disagreement", "The difference between the energies above the hulls of the two potentials.", "eV/atom"
    ),
    "relax_error": Column("Not relaxed", "Why the crystal was not relaxed; empty if it was."),
    "reason": Column("Why not valid", "Every rule that the crystal fails, in words; empty if it passes all."),
    "known_as": Column("Known as", "The known crystal that is the same; empty if none is."),
    "formula_known": Column("Formula known", "Whether a known crystal has the same reduced formula."),
    "structure_type": Column(
        "Structure type", "Space group and the Wyckoff letters of each element, before any relaxing."
    ),
    "n_elements": Column("Elements", "The number of different elements.", digits=0),
    "smallest_distance": Column("Nearest atoms", "The smallest distance of two atoms, before any relaxing.", "Å", 2),
    "radii_share": Column(
        "Over radii",
        "The smallest ratio of a distance to the sum of the two covalent radii, before any relaxing.",
        digits=2,
    ),
    "cdvae_valid": Column("CDVAE valid", "CDVAE's rule: atoms at least 0.5 Å apart, and valid by smact."),
    "smact_valid": Column("smact valid", "One element, all metals, or neutral by smact's oxidation states of 2014."),
    "lemat_charge": Column("Charges balance", "LeMat-GenBench's rule of charges."),
    "lemat_distance": Column("Distances", "LeMat-GenBench's rule of distances: no atoms are too near."),
    "lemat_plausible": Column("Plausible", "LeMat-GenBench's rule of plausible cells, densities and symmetry."),
}  # fmt: skip
"""The columns that are explained, those of the table first, in the order in which they are shown."""
IN_TABLE = (
    "rank", "id", "formula", "energy_above_hull", "space_group", "lemat_valid", "new", "rms_moved", "atoms",
    "volume_per_atom", "doubtful",
)  # fmt: skip
"""The columns of the table; those and all others are listed beside the picture of a crystal."""
OTHER_NAMES = {"e_above_hull": "energy_above_hull"}
"""The columns of the Materials Project that are the same as one of ours."""


def column(name: str) -> Column:
    """Return the column of that name; one that is not known is headed by its name."""
    return COLUMNS.get(name, Column(name, "A column of the file that the crystals were read from."))
