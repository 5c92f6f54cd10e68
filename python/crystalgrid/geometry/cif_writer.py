"""CIF files with symmetry: the standard cell, the operations of the space group and one atom of each orbit."""

from __future__ import annotations

from collections.abc import Iterator

import gemmi
import numpy as np

from .asymmetric_unit import AsymmetricUnit, asymmetric_unit
from .cell import CellLike, cell_parameters
from .elements import SYMBOLS, reduced_formula

DECIMALS = 8
"""The digits after the point of lengths, angles and coordinates."""
CELL_TAGS = "length_a length_b length_c angle_alpha angle_beta angle_gamma".split()
SITE_TAGS = "label type_symbol symmetry_multiplicity Wyckoff_symbol fract_x fract_y fract_z occupancy".split()


def cif_text(cell: CellLike, symprec: float) -> str:
    """Return the text of a CIF file of a crystal in its standard setting, its atoms moved to exact symmetry.

    The symmetry is the one found within `symprec` Å; see `asymmetric_unit`.
    """
    unit = asymmetric_unit(cell, symprec)
    space_group = gemmi.get_spacegroup_reference_setting(unit.space_group)
    document = gemmi.cif.Document()
    block = document.add_new_block(reduced_formula(cell.numbers).translate({ord("("): None, ord(")"): None}))
    for tag, value in _values(unit, space_group):
        block.set_pair(f"_{tag}", gemmi.cif.quote(value))
    operations = block.init_loop("_space_group_symop_", ["id", "operation_xyz"])
    for index, operation in enumerate(space_group.operations(), start=1):
        operations.add_row([str(index), gemmi.cif.quote(operation.triplet())])
    sites = block.init_loop("_atom_site_", SITE_TAGS)
    for index, orbit in enumerate(unit.orbits, start=1):
        symbol = SYMBOLS[orbit.number - 1]
        coords = map(_decimal, np.round(orbit.frac_coords, DECIMALS) % 1.0)
        sites.add_row([f"{symbol}{index}", symbol, str(orbit.multiplicity), orbit.letter, *coords, "1"])
    return document.as_string()


def _values(unit: AsymmetricUnit, space_group: gemmi.SpaceGroup) -> Iterator[tuple[str, str]]:
    """Yield the tags and values of everything that is said once."""
    counts = {orbit.number: 0 for orbit in unit.orbits}
    for orbit in unit.orbits:
        counts[orbit.number] += orbit.multiplicity
    units = np.gcd.reduce(list(counts.values()))
    symbols = sorted((SYMBOLS[z - 1], count // units) for z, count in counts.items())
    yield "chemical_formula_sum", " ".join(f"{symbol}{count if count > 1 else ''}" for symbol, count in symbols)
    yield "cell_formula_units_Z", str(units)
    for tag, value in zip(CELL_TAGS, np.concatenate(cell_parameters(unit.lattice)), strict=True):
        yield f"cell_{tag}", _decimal(value)
    yield "cell_volume", _decimal(abs(np.linalg.det(unit.lattice)))
    yield "space_group_name_H-M_alt", space_group.xhm()
    yield "space_group_IT_number", str(unit.space_group)


def _decimal(value: float) -> str:
    return f"{value:.{DECIMALS}f}".rstrip("0").rstrip(".")
