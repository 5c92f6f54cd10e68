"""The crystals that a released generator learned from, which it keeps to draw from them."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import torch

from ..artifacts.find import load_networks
from ..artifacts.generator_info import the_generator
from ..data.crystalset import CrystalSet
from ..geometry.lattices import from_parameters
from ..nets.generators.crystal_generator import CrystalGenerator
from ..nets.generators.crystal_geometry import Geometry
from ..nets.generators.dressed_types import Dressed
from ..progress import progress

AT_ONCE = 512
"""The number of crystals whose atoms are computed together, which bounds memory."""


def training_crystals(model: Path) -> CrystalSet:
    """Return the crystals that a generator keeps, in primitive cells, with the ids that they had in its data.

    Coordinates are as it keeps them, within 1 mÅ or so; crystals too large to be learned are not among them.
    Raises InputError for a model that is no generator.
    """
    network, info = the_generator(load_networks(model), model.name)
    rows = network.types.orbit_offsets.diff().argsort(stable=True)  # equal sizes together, so that little is padding
    rows = rows[network.types.source[rows] >= 0]
    parts = [kept_crystals(network, part) for part in progress(rows.split(AT_ONCE), f"crystals of {model.name}")]
    ids = np.array(info.training_ids)[network.types.source[rows].numpy()]
    return CrystalSet.from_arrays((arrays for part in parts for arrays in part), ids)


@torch.inference_mode()
def kept_crystals(network: CrystalGenerator, rows: torch.Tensor) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Return lattice, fractional coordinates and numbers of known crystals, by their rows among these."""
    types = network.types
    letters, slots, points = types.orbits_of(rows)
    group, unknown = types.space_group[rows].long(), torch.zeros(len(rows), dtype=torch.float64)
    dressed = Dressed(group, letters, slots, types.elements[rows].long(), unknown, unknown, unknown)
    params = types.lattice_params[rows].double() / types.lattice_units
    lattice = network.primitive_lattice(group, from_parameters(params))
    placed = network.place(dressed, Geometry(points, lattice, rows, unknown))
    is_atom = placed.numbers > 0
    ends = np.concatenate(([0], is_atom.sum(1).cumsum(0).numpy()))
    frac_coords, numbers = placed.frac_coords[is_atom].numpy() % 1, placed.numbers[is_atom].numpy()
    return [
        (cell.numpy(), frac_coords[start:end], numbers[start:end])
        for cell, (start, end) in zip(lattice, pairwise(ends), strict=True)
    ]
