"""The losses of a generator of crystals: of its language of structure types, and of the flow that finishes them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..geometry.lattices import from_parameters, parameters_of, products
from ..geometry.orbits import Orbits
from ..nets.generators.crystal_generator import CrystalGenerator
from ..nets.generators.crystal_geometry import Geometry
from ..nets.generators.dressed_types import Dressed
from ..nets.generators.structure_types import StructureTypes
from ..nets.generators.wyckoff_language import Sentences
from .cell_flow_training import match_free_points

VOLUME_WEIGHT = 5.0
"""The weight of the error of the logarithm of the volume beside the nats of the words of a crystal."""


class FinishCells(NamedTuple):
    """Primitive cells of B crystals of K atoms, as the flow learns them."""

    frac_coords: Tensor
    """[B, K, 3] float32, in the copies that follow from the first atom of each orbit."""
    lattice_params: Tensor
    """[B, 6] float32, as symmetric as the crystal."""
    numbers: Tensor
    """[B, K], 0 for no atom."""
    orbits: Orbits
    """In float32."""


def log_volumes(network: CrystalGenerator, examples: StructureTypes, rows: Tensor) -> Tensor:
    """Return the logarithm of the volume in Å³ per atom of known crystals, [B]."""
    lattice = from_parameters(examples.lattice_params[rows].double() / examples.lattice_units)
    copies = network.language.table.copies[examples.space_group[rows].long()]
    log_volume: Tensor = (torch.linalg.det(lattice).abs() / copies / examples.counts[rows].sum(1)).log().float()
    return log_volume


def sentences(network: CrystalGenerator, examples: StructureTypes, rows: Tensor, prompted: Tensor) -> Sentences:
    """Return known crystals as sentences, with their composition given where `prompted` [B] is True."""
    letters, slots, _ = examples.orbits_of(rows)
    elements, counts = examples.elements[rows].long(), examples.counts[rows].long()
    elements = elements[:, : int((elements > 0).sum(1).max())]
    order = torch.where(elements > 0, network.mendeleev_numbers[elements], len(network.seen) + 1).argsort(1)
    prompt = torch.stack((elements.gather(1, order), counts.gather(1, order)), 2) * prompted[:, None, None]
    return Sentences(examples.space_group[rows].long(), letters, slots, elements, prompt)


def language_loss(network: CrystalGenerator, examples: StructureTypes, rows: Tensor, prompted: Tensor) -> Tensor:
    """Return the mean negative log probability of the words of known crystals, plus the error of their volumes."""
    words, log_volume, _ = network.language.read(sentences(network, examples, rows, prompted))
    error = (log_volume - log_volumes(network, examples, rows)).abs().mean()
    loss: Tensor = VOLUME_WEIGHT * error - words.sum(1).mean()
    return loss


def finish_cells(network: CrystalGenerator, examples: StructureTypes, rows: Tensor) -> FinishCells:
    """Return the primitive cells of known crystals."""
    letters, slots, points = examples.orbits_of(rows)
    group, table = examples.space_group[rows].long(), network.language.table
    unknown = torch.zeros(len(rows), dtype=torch.float64, device=rows.device)
    dressed = Dressed(group, letters, slots, examples.elements[rows].long(), unknown, unknown, unknown)
    params = examples.lattice_params[rows].double() / examples.lattice_units
    metric = products(table.primitive[group] @ from_parameters(params)).unsqueeze(2)
    params = parameters_of((table.metric_projector[group] @ metric).squeeze(2))
    placed = network.place(dressed, Geometry(points, from_parameters(params), rows, unknown))
    orbits = Orbits(*(x.float() if x.is_floating_point() else x for x in placed.orbits))
    return FinishCells(placed.frac_coords.float(), params.float(), placed.numbers, orbits)


def finish_loss(network: CrystalGenerator, examples: StructureTypes, rows: Tensor, rng: np.random.Generator) -> Tensor:
    """Return the flow-matching loss of known crystals; noise and times are drawn from `rng`."""
    cells, device = finish_cells(network, examples, rows), rows.device
    uniform = rng.random(cells.frac_coords.shape, dtype=np.float32)
    orbits = Orbits(*(x.cpu() for x in cells.orbits))
    points = match_free_points(uniform, cells.frac_coords.cpu(), cells.numbers.cpu(), orbits).to(device)
    lattice_noise = torch.from_numpy(rng.standard_normal((len(rows), 6), dtype=np.float32)).to(device)
    time = torch.from_numpy(rng.random(len(rows), dtype=np.float32)).to(device)
    crystals = cells.frac_coords, cells.lattice_params, cells.numbers
    return network.finish.loss(crystals, cells.orbits, (points, lattice_noise), time)
