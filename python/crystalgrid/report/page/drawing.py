"""The drawing of a crystal as numbers for a page: the balls, sticks and edges that `draw` draws, in its view."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...crystal import SYMBOLS, Crystal
from ...geometry.cell import cell_parameters
from ...geometry.space_group import standard_cell
from ...worth.validity import SYMPREC
from ..ball_and_stick import View, ball_radius, scene
from ..element_colours import ELEMENT_COLOURS

PER_ANGSTROM = 100
"""Positions are whole hundredths of an Å, which is less than a pixel."""


def drawing(crystal: Crystal) -> dict[str, Any]:
    """Return the drawing of a crystal in its conventional cell as whole numbers.

    Positions are as seen: to the right, upwards and to the viewer from the middle of what is drawn, in 0.01 Å.
    atoms: [N × 3] positions; numbers: [N]; bonds: [P × 2] indices of atoms; origin: [3] and lattice: [9] of the cell;
    cell: its lengths in Å and angles in degrees.
    """
    cell = standard_cell(crystal, SYMPREC)
    drawn, view = scene(cell), View(cell.lattice)
    lengths, angles = cell_parameters(cell.lattice)
    return {
        "atoms": _whole((drawn.positions - view.middle) @ view.axes.T),
        "numbers": drawn.numbers.tolist(),
        "bonds": drawn.bonds.ravel().tolist(),
        "origin": _whole(-view.middle @ view.axes.T),
        "lattice": _whole(cell.lattice @ view.axes.T),
        "cell": [round(float(value), 3) for value in (*lengths, *angles)],
    }


def elements(numbers: np.ndarray) -> dict[int, dict[str, Any]]:
    """Return the symbol, the colour as #rrggbb and the ball's radius in Å of each element among atoms [N]."""
    found = {}
    for z in np.unique(numbers).tolist():
        colour = bytes((255 * ELEMENT_COLOURS[z]).round().astype(np.uint8)).hex()
        radius = round(float(ball_radius(np.array([z]))[0]), 3)
        found[z] = {"symbol": SYMBOLS[z - 1], "colour": f"#{colour}", "radius": radius}
    return found


def _whole(positions: np.ndarray) -> list[int]:
    whole: list[int] = np.rint(PER_ANGSTROM * positions).astype(int).ravel().tolist()
    return whole
