"""Properties of crystals that are kept where a source states them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

NAMES = {
    "e_above_hull": ("e_above_hull", "energy_above_hull", "hull_distance", "ehull", "stability"),
    "formation_energy_per_atom": (
        "formation_energy_per_atom", "formation_energy_peratom", "formation_energy", "delta_e",
        "enthalpy_formation_atom",
    ),
    "band_gap": ("band_gap", "bandgap", "optb88vdw_bandgap", "egap"),
}  # fmt: skip
"""The columns, in eV/atom, eV/atom and eV, and their names in sources, without the sources' own prefixes."""
ALIASES = {alias for names in NAMES.values() for alias in names}


def properties(stated: Mapping[str, Any], prefix: str = "") -> dict[str, float]:
    """Return those of the columns that a source states under one of their names, as finite numbers."""
    plain = {str(name).lower().removeprefix(prefix.lower()): value for name, value in stated.items()}
    found = {}
    for column, aliases in NAMES.items():
        values = [plain[alias] for alias in aliases if _is_number(plain.get(alias))]
        if values:
            found[column] = float(values[0])
    return found


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
