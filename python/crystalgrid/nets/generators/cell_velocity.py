"""The velocity of a flow over unit cells, from noise to lattices and atoms (flow matching, Lipman et al. 2023)."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...crystal import MAX_Z
from ...geometry.blur import product
from ...geometry.lattices import LATTICE_PARAMS, from_parameters
from ...geometry.nearest_images import mean_nearest_differences
from ...geometry.orbits import (
    SPACE_GROUPS,
    Orbits,
    orbit_positions,
    orbit_steps,
    shortest_free_steps,
    symmetrize_lattice,
    symmetrize_steps,
)
from .rotary_attention import DISTANCE_FEATURES, Layer, smallest_miller_indices

FREQUENCIES = 8
"""The number of sines and cosines that represent the time."""
LARGEST_DISTANCE, DISTANCE_WIDTH = 8.0, 0.5
"""The centre of the last Gaussian that represents the distance between two atoms, and the width of all, in Å."""
LATE_GAIN, LATE_OFFSET = 0.2, 0.05
"""The constants of the factor LATE_GAIN / (1 + LATE_OFFSET - t) of one of the two terms of a velocity.

The velocity towards a given end point grows in this way, as the remaining time gets short.
"""


class CellVelocity(nn.Module):
    """The velocity v(x, t) of fractional coordinates and standardised lattice parameters.

    It is learned from points on straight lines between noise, at t = 0, and crystals, at t = 1; fractional coordinates
    take the shorter way around.

    widths: the widths of the layers' hidden parts; an atom has half as many features as the first of them.
    """

    def __init__(self, widths: tuple[int, ...]) -> None:
        super().__init__()
        self.distance_width, self.late_gain, self.late_offset = DISTANCE_WIDTH, LATE_GAIN, LATE_OFFSET
        width = widths[0] // 2
        self.species = nn.Embedding(1 + MAX_Z, width)
        self.space_group = nn.Embedding(1 + SPACE_GROUPS, width)
        self.context = nn.Linear(LATTICE_PARAMS + 3 + 2 * FREQUENCIES, width)
        self.layers = nn.ModuleList(Layer(width, hidden) for hidden in widths)
        self.norm = nn.LayerNorm(width)
        self.step_head = nn.Linear(width, 6)
        self.pair_head = nn.Linear(width, 2 * DISTANCE_FEATURES)
        self.lattice_head = nn.Sequential(nn.Linear(2 * width, width), nn.SiLU(), nn.Linear(width, LATTICE_PARAMS))
        self.lattice_scale: Tensor
        self.frequencies: Tensor
        self.phase_vectors: Tensor
        self.distance_centres: Tensor
        centres = torch.linspace(0, LARGEST_DISTANCE, DISTANCE_FEATURES)
        self.register_buffer(
            "lattice_scale", torch.stack((torch.zeros(LATTICE_PARAMS), torch.ones(LATTICE_PARAMS)))
        )  # mean, deviation
        self.register_buffer("frequencies", math.pi * torch.arange(1, FREQUENCIES + 1), persistent=False)
        self.register_buffer("phase_vectors", 2 * math.pi * smallest_miller_indices(width // 2).T, persistent=False)
        self.register_buffer("distance_centres", centres, persistent=False)

    def fit(self, lattice_params: Tensor) -> None:
        """Set the mean and the standard deviation of each lattice parameter from examples [B, 6]."""
        self.lattice_scale.copy_(torch.stack((lattice_params.mean(0), lattice_params.std(0).clamp_min(1e-3))))

    def standardized(self, lattice_params: Tensor) -> Tensor:
        """Return lattice parameters [B, 6] minus their mean, divided by their standard deviation."""
        return (lattice_params - self.lattice_scale[0]) / self.lattice_scale[1]

    def physical(self, standardized: Tensor) -> Tensor:
        """Return lattice parameters [B, 6] for standardised ones."""
        return standardized * self.lattice_scale[1] + self.lattice_scale[0]

    def velocity(
        self, frac_coords: Tensor, standardized: Tensor, numbers: Tensor, space_group: Tensor, time: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return v of the fractional coordinates, [B, K, 3], and of the standardised lattice parameters, [B, 6].

        The mean of the atoms' velocities is zero: a crystal has no origin.

        frac_coords: [B, K, 3]; standardized: [B, 6]; numbers: [B, K], 0 for no atom; space_group, time: [B].
        """
        is_atom = (numbers > 0).to(frac_coords.dtype).unsqueeze(2)
        n_atoms = is_atom.sum(1)
        standardized = standardized.float()
        lattice_params = self.physical(standardized)
        features = self.crystal_features(standardized, lattice_params, n_atoms, time)
        conditioning = F.silu(self.context(features) + self.space_group(space_group))
        difference, distance = mean_nearest_differences(
            frac_coords, from_parameters(lattice_params), self.distance_width
        )
        squares = (distance.unsqueeze(3) - self.distance_centres).square()
        distance_features = torch.exp(squares / (-2 * self.distance_width**2))
        phase = product(frac_coords, self.phase_vectors)
        cos, sin, is_padding = phase.cos(), phase.sin(), numbers == 0
        x = self.species(numbers) + conditioning.unsqueeze(1)
        for layer in self.layers:
            x = layer(x, cos, sin, distance_features, is_padding, conditioning)
        x = self.norm(x)
        step = self.atom_velocity(x, is_atom, distance_features, difference, time)
        step = (step - ((step * is_atom).sum(1) / n_atoms).unsqueeze(1)) * is_atom
        return step, self.lattice_head(torch.cat(((x * is_atom).sum(1) / n_atoms, conditioning), 1)).float()

    def atom_velocity(
        self, x: Tensor, is_atom: Tensor, distance_features: Tensor, difference: Tensor, time: Tensor
    ) -> Tensor:
        """Return v of fractional coordinates, [B, K, 3]: a vector for each atom, plus a force between each pair."""
        late = self.late_gain / (1 + self.late_offset - time[:, None, None])
        step, late_step = self.step_head(x).float().chunk(2, 2)
        received, exerted = self.pair_head(x).chunk(2, 2)
        push = (distance_features * (received.unsqueeze(2) + exerted.unsqueeze(1))).sum(3) * is_atom.transpose(1, 2)
        v: Tensor = step + late * (late_step + (push.unsqueeze(3) * difference).sum(2))
        return v

    def crystal_features(self, standardized: Tensor, lattice_params: Tensor, n_atoms: Tensor, time: Tensor) -> Tensor:
        """Return the conditioning of the layers, [B, …]: lattice, number of atoms, volume per atom, time."""
        phase = time[:, None] * self.frequencies
        log_volume = lattice_params[:, :3].sum(1, keepdim=True) - n_atoms.log()
        return torch.cat((standardized, n_atoms.log(), log_volume, time[:, None], phase.cos(), phase.sin()), 1)

    def symmetrize(self, orbits: Orbits, standardized: Tensor) -> Tensor:
        """Return the nearest standardised parameters [B, 6] of lattices that have the symmetry."""
        return self.standardized(symmetrize_lattice(orbits, self.physical(standardized)))

    def loss(
        self,
        crystals: tuple[Tensor, Tensor, Tensor],
        orbits: Orbits,
        noise: tuple[Tensor, Tensor],
        time: Tensor,
    ) -> Tensor:
        """Return the flow-matching loss: mean squared errors of v on the lines from noise to crystals, at times [B].

        crystals: fractional coordinates [B, K, 3], lattice parameters [B, 6] (not standardised), numbers [B, K].
        noise: free points [B, K, 3] of orbits, and standardised lattice parameters [B, 6].
        """
        frac_coords, lattice_params, numbers = crystals
        t = time[:, None]
        start, start_params = orbit_positions(orbits, noise[0]), self.symmetrize(orbits, noise[1])
        end_params = self.standardized(lattice_params)
        free_steps = shortest_free_steps(orbits, orbit_positions(orbits, frac_coords) - start)
        steps = orbit_steps(orbits, free_steps)
        is_atom = (numbers > 0).to(frac_coords.dtype).unsqueeze(2)
        n_atoms = is_atom.sum(1, keepdim=True)
        steps = (steps - steps.sum(1, keepdim=True) / n_atoms) * is_atom
        params = self.symmetrize(orbits, (1 - t) * start_params + t * end_params)
        v, lattice_v = self.velocity(start + t[:, None] * steps, params, numbers, orbits.space_group, time)
        position_error = ((symmetrize_steps(orbits, v) - steps).square() / n_atoms).sum((1, 2)).mean()
        return 4 * position_error + (lattice_v - (end_params - start_params)).square().mean()
