"""The columns of crystals as a page shows them: what relaxing changes is of the relaxed crystal."""

from __future__ import annotations

from typing import Any

from ...data.crystalset import CrystalSet
from ...geometry.space_group import symbol_of

Columns = dict[str, list[Any]]
"""What is known of B crystals: lists of B texts, numbers or truth values, by name; None where nothing is known."""


def as_shown(columns: Columns, crystals: CrystalSet) -> Columns:
    """Return the columns with volume, density and space group of the crystals as they are.

    `check` finds these before a crystal is relaxed. The space group at that time becomes `space_group_before`.
    """
    if "space_group_after" not in columns:
        return columns
    number_of = {symbol_of(number): number for number in range(1, 231)}
    before = columns["space_group"]
    groups = [after or group for after, group in zip(columns["space_group_after"], before, strict=True)]
    shown = {name: values for name, values in columns.items() if name != "space_group_after"}
    return shown | {
        "space_group": groups,
        "space_group_number": [number_of.get(group, 0) for group in groups],
        "space_group_before": before,
        "volume_per_atom": [crystal.volume / len(crystal) for crystal in crystals],
        "density": [crystal.density for crystal in crystals],
    }
