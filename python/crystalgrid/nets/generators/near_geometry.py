"""The geometry of crystals near a given one: part of the way to noise, and back along the flow."""

import torch
from torch import Tensor
from torch.nn import functional as F

from ...geometry.lattices import parameters
from ...geometry.orbits import Orbits, orbit_positions, orbit_steps, shortest_free_steps
from .composition import uniform_from_normal
from .crystal_geometry import Geometry
from .dressed_types import Dressed, with_tie_break
from .given_crystal import GivenCrystal, given_crystal
from .near_types import NearTypes
from .sizes import Sizes

STRENGTH = 0.3
"""The share of the way to noise that a given crystal is moved if the conditions do not say."""


class NearGeometry(NearTypes):
    """A drawer of crystals that moves a given one in proportion to the condition `strength`.

    At strength 0 the coordinates and the shape of the cell are those given. Else the flow begins at the time
    1 - strength on the line from noise to them; at strength 1 that is noise, as for a new structure type.
    """

    def __init__(self, sizes: Sizes) -> None:
        super().__init__(sizes)
        self.strength = STRENGTH

    def geometry(
        self, dressed: Dressed, conditions: dict[str, list[float]], lattice_noise: Tensor, point_noise: Tensor
    ) -> Geometry:
        """Return the geometry of dressed types, if need be from noise ~ N(0, 1) [B, 6] and [B, 3 · orbits]."""
        if "like" not in conditions:
            return self.shape(dressed, lattice_noise, point_noise)
        crystal = given_crystal(conditions, self.orbits, self.most_slots)
        strength = conditions["strength"][0] if "strength" in conditions else self.strength
        position = self.language.positions(dressed.space_group, dressed.letters)
        relative, distance, _ = self.nearest_known(with_tie_break(dressed, torch.zeros_like(dressed.tie_break)))
        points, lattice = crystal.points.repeat(len(position), 1, 1), self.given_lattice(dressed, crystal)
        if strength > 0:
            uniform = uniform_from_normal(point_noise).view(len(position), self.orbits, 3)
            points, lattice = self.moved(dressed, crystal, lattice, (lattice_noise, uniform), strength)
        return Geometry(points, lattice, relative, distance)

    def given_lattice(self, dressed: Dressed, crystal: GivenCrystal) -> Tensor:
        """Return the primitive lattices [B, 3, 3] of the given shape, with the volume for other elements.

        The volume is the given one times the ratio of those that the language expects for the elements.
        """
        none: list[int] = []
        given = self.scored(crystal.space_group, crystal.letters, crystal.slots, crystal.elements, none, none)
        lattice = self.primitive_lattice(crystal.space_group, crystal.lattice)
        return lattice * ((dressed.log_volume - given.log_volume) / 3).exp()[:, None, None]

    def moved(
        self,
        dressed: Dressed,
        crystal: GivenCrystal,
        lattice: Tensor,
        noise: tuple[Tensor, Tensor],
        strength: float,
    ) -> tuple[Tensor, Tensor]:
        """Return points and primitive lattices that the flow carries back from part of the way to noise.

        Fixed orbits have no free coordinates, as far as the flow is told. noise: ~ N(0, 1) [B, 6], for the lattice, and
        uniform points [B, orbits, 3].
        """
        table, group = self.language.table, dressed.space_group
        position = self.language.positions(group, dressed.letters)
        orbits, orbit_of = table.orbits(group, position)
        index = orbit_of.clamp(min=0).unsqueeze(2).expand(-1, -1, 3)
        points = crystal.points[:, : position.size(1)].repeat(len(position), 1, 1)
        exact = table.first_points(position, points) @ torch.linalg.inv(table.primitive)[group]
        frac_coords = orbit_positions(orbits, exact.gather(1, index))
        fixed = crystal.fixed[:, : position.size(1)].repeat(len(position), 1)
        is_free = (~fixed.gather(1, index[:, :, 0])).double()
        orbits = Orbits(
            orbits.affine * is_free[:, :, None, None],
            orbits.projector * is_free[:, :, None, None],
            torch.where(is_free.unsqueeze(2) > 0, orbits.offset, frac_coords),
            orbits.orbit,
            orbits.metric_projector,
            group,
        )
        to_noise = orbit_positions(orbits, noise[1].double().gather(1, index)) - frac_coords
        to_noise = orbit_steps(orbits, shortest_free_steps(orbits, to_noise))
        if not bool(fixed.any()):  # a crystal of which nothing is fixed has no origin
            is_atom = (orbit_of >= 0).double().unsqueeze(2)
            to_noise = to_noise - (to_noise * is_atom).sum(1, keepdim=True) / is_atom.sum(1, keepdim=True)
        standardized = self.finish.standardized(parameters(lattice))
        start = frac_coords + strength * to_noise, standardized + strength * (noise[0] - standardized)
        free, lattice = self.finished(dressed, orbits, orbit_of, start, 1 - strength)
        fixed = F.pad(fixed, [0, self.orbits - fixed.size(1)])
        return torch.where(fixed.unsqueeze(2), crystal.points, free), lattice
