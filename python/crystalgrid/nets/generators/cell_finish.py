"""The geometry of a crystal whose Wyckoff orbits and elements are known: from noise by a flow, then contacts."""

import torch
from torch import Tensor

from ...geometry.lattices import from_parameters
from ...geometry.orbits import Orbits, orbit_positions, symmetrize_steps
from .cell_velocity import CellVelocity
from .minimum_distances import MinimumDistances

STEPS = 8
"""The Euler steps from noise to a crystal."""


class CellFinish(CellVelocity):
    """A flow from noise to the free coordinates and the lattice that a structure type allows.

    At the end atoms that came too near each other are pushed apart, which a network that is still learning does not
    avoid. widths: of the layers' hidden parts.
    """

    def __init__(self, widths: tuple[int, ...], steps: int = STEPS) -> None:
        super().__init__(widths)
        self.steps = steps
        self.minimum_distances = MinimumDistances()

    def forward(
        self, orbits: Orbits, numbers: Tensor, points: Tensor, standardized: Tensor, start: float
    ) -> tuple[Tensor, Tensor]:
        """Return fractional coordinates [B, K, 3] and lattice parameters [B, 6] at time 1.

        numbers: [B, K], 0 for no atom; points: [B, K, 3], free points of the orbits at the time `start`; standardized:
        [B, 6], lattice parameters at that time.
        """
        frac_coords = orbit_positions(orbits, points)
        params = self.symmetrize(orbits, standardized)
        steps = int(max(1.0, round(self.steps * (1 - start))))
        for step in range(steps):
            time = torch.full_like(params[:, 0], start + (1 - start) * step / steps)
            v, lattice_v = self.velocity(frac_coords, params, numbers, orbits.space_group, time)
            frac_coords = frac_coords + symmetrize_steps(orbits, v) * ((1 - start) / steps)
            params = self.symmetrize(orbits, params + lattice_v * ((1 - start) / steps))
        lattice_params = self.physical(params)
        return self.minimum_distances(frac_coords, from_parameters(lattice_params), numbers, orbits), lattice_params
