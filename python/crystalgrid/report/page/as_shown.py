"""The columns of crystals as a page shows them: what relaxing changes is of the relaxed crystal."""

from __future__ import annotations

from typing import Any

from ...data.crystalset import CrystalSet
from ...geometry.space_group import symbol_of

Columns = dict[str, list[Any]]
"""What is known of B crystals: lists of B texts, numbers or truth values, by name; None where nothing is known."""


def as_shown(columns: Columns, crystals: CrystalSet) -> Columns:
    """Return the columns with formula, volume, density and space group of the crystals as they are.

    `check` finds them before a crystal is relaxed. The space group at that time becomes `space_group_before`.
    """
    shown = columns | {
        "formula": [crystal.formula for crystal in crystals],
        "volume_per_atom": [crystal.volume / len(crystal) for crystal in crystals],
        "density": [crystal.density for crystal in crystals],
    }
    if "space_group_after" not in columns:
        return shown
    number_of = {symbol_of(number): number for number in range(1, 231)}
    before = columns["space_group"]
    groups = [after or group for after, group in zip(shown.pop("space_group_after"), before, strict=True)]
    numbers = [number_of.get(group, 0) for group in groups]
    return shown | {"space_group": groups, "space_group_number": numbers, "space_group_before": before}
