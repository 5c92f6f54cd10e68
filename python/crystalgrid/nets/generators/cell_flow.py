"""A flow over unit cells, which carries noise to lattices and atoms (flow matching, Lipman et al. 2023)."""

import math

import torch
from torch import Tensor

from ...geometry.lattices import LATTICE_PARAMS, from_parameters
from ...geometry.orbits import orbit_positions, symmetrize_steps
from .base import Generator
from .cell_velocity import CellVelocity
from .composition import ELEMENTS, Composition
from .minimum_distances import MinimumDistances
from .templates import Templates

LEAST_NOISE = 1 + ELEMENTS + LATTICE_PARAMS + 6
"""The length of the noise for a crystal of one atom; each further atom takes six numbers."""


class CellFlow(CellVelocity, Generator):
    """A generator of crystals from noise.

    A crystal takes its symmetry from a training crystal (`Templates`), and its elements from `Composition`. Its atoms
    start at uniform random positions that the symmetry allows, in a cell of random shape, and follow dx/dt = v(x, t)
    from t = 0 to 1, where x is the fractional coordinates and the standardised lattice parameters. v is learned from
    points on straight lines between noise and crystals; fractional coordinates take the shorter way around. At the end
    `MinimumDistances` pushes apart atoms that came too near, which a network that is still learning does not avoid. No
    step breaks the symmetry.

    latent_dim: the length of the noise; the numbers beyond those that a cell needs are not used.
    widths: the widths of the layers' hidden parts; an atom has half as many features as the first of them.
    atoms: the most atoms in a cell.
    steps: the number of Euler steps from noise to a crystal.
    """

    draws_cells = True
    sizes = ("widths", "atoms")

    def __init__(self, latent_dim: int, widths: tuple[int, ...], atoms: int, steps: int = 12) -> None:
        super().__init__(widths)
        assert atoms <= most_atoms(latent_dim)
        self.steps, self.atoms = steps, atoms
        self.noise_parts = [1, ELEMENTS, LATTICE_PARAMS, 3 * atoms, 3 * atoms]
        self.templates = Templates(atoms)
        self.composition = Composition(atoms)
        self.minimum_distances = MinimumDistances()

    def forward(self, noise: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return lattices [B, 3, 3] in Å, fractional coordinates [B, K, 3] and numbers [B, K] for noise ~ N(0, 1).

        noise: [B, latent_dim]. Atomic numbers after the last atom are 0. Each starting coordinate is the angle of a
        point whose two coordinates are numbers of the noise: it is uniform and does not change if noise is scaled.
        """
        template, elements, params, x, y = torch.split(noise[:, : sum(self.noise_parts)], self.noise_parts, 1)
        orbits, element_slots = self.templates(template.squeeze(1))
        numbers = self.composition(elements, element_slots, orbits.space_group)
        frac_coords = orbit_positions(orbits, torch.atan2(x, y).view(-1, self.atoms, 3) / (2 * math.pi))
        params, end_time = self.symmetrize(orbits, params), torch.ones_like(params[:, 0])
        for step in range(self.steps):
            time = end_time * (step / self.steps)
            v, lattice_v = self.velocity(frac_coords, params, numbers, orbits.space_group, time)
            frac_coords = frac_coords + symmetrize_steps(orbits, v) / self.steps
            params = self.symmetrize(orbits, params + lattice_v / self.steps)
        lattice = from_parameters(self.physical(params))
        return lattice, self.minimum_distances(frac_coords, lattice, numbers, orbits), numbers


def most_atoms(latent_dim: int) -> int:
    """Return the number of atoms for which noise of length `latent_dim` is enough."""
    return (latent_dim - LEAST_NOISE) // 6 + 1
