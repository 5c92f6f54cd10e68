"""The geometry of crystals whose structure type and elements are known: first points, lattice, and all atoms."""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from ...geometry.lattices import from_parameters, parameters_of, products
from ...geometry.orbits import Orbits, single_precision, symmetrize_lattice
from .cell_finish import CellFinish
from .composition import uniform_from_normal
from .condition_check import ConditionCheck
from .dressed_types import Dressed, chosen
from .sizes import Sizes
from .structure_types import ordering_of

FITTED_AT_ONCE = 512
"""The number of known crystals whose volumes are computed at once, which bounds memory."""


class Geometry(NamedTuple):
    """The geometry of B crystals of O orbits."""

    points: Tensor
    """[B, O, 3] float64, fractional coordinates of the first atoms in the conventional cell."""
    lattice: Tensor
    """[B, 3, 3] float64, rows in Å, of the primitive cell, as symmetric as the structure type."""
    relative: Tensor
    """[B], the known crystal that the geometry began at, -1 for none."""
    distance: Tensor
    """[B] float64, the chemical distance to it."""


def chosen_geometry(geometry: Geometry, rows: Tensor) -> Geometry:
    """Return the geometry of some rows."""
    return Geometry(geometry.points[rows], geometry.lattice[rows], geometry.relative[rows], geometry.distance[rows])


def joined_geometry(parts: list[Geometry]) -> Geometry:
    """Return geometries of several parts as one."""
    return Geometry(
        torch.cat([part.points for part in parts]),
        torch.cat([part.lattice for part in parts]),
        torch.cat([part.relative for part in parts]),
        torch.cat([part.distance for part in parts]),
    )


def replace_geometry(geometry: Geometry, rows: Tensor, others: Geometry) -> None:
    """Put other geometries in some rows."""
    for values, replacing in zip(geometry, others):  # noqa: B905, TorchScript has no strict
        values[rows] = replacing


class Placed(NamedTuple):
    """The atoms of B crystals in their primitive cells, K at most, and their first points in the conventional cell."""

    orbits: Orbits
    frac_coords: Tensor
    """[B, K, 3] float64."""
    numbers: Tensor
    """[B, K], 0 for no atom."""
    points: Tensor
    """[B, O, 3] float64."""


class CrystalGeometry(ConditionCheck):
    """A drawer of structure types that also gives them a geometry.

    It begins at that of the known crystal of the same type whose elements are nearest, with the volume that the
    language expects, or at noise, from which `CellFinish` carries it.
    """

    def __init__(self, sizes: Sizes) -> None:
        super().__init__(sizes)
        self.finish = CellFinish(sizes.widths)

    def shape(self, dressed: Dressed, lattice_noise: Tensor, point_noise: Tensor) -> Geometry:
        """Return the geometry of dressed types, of new ones from noise ~ N(0, 1) [B, 6] and [B, 3 · orbits]."""
        relative, distance, _ = self.nearest_known(dressed)
        points, lattice = self.known_geometry(dressed, relative)
        new = torch.where(relative < 0)[0]
        if len(new) > 0:
            uniform = uniform_from_normal(point_noise[new]).view(len(new), self.orbits, 3)
            new_points, new_lattice = self.new_geometry(chosen(dressed, new), lattice_noise[new], uniform)
            points[new], lattice[new] = new_points, new_lattice
        return Geometry(points, lattice, relative, distance)

    def known_geometry(self, dressed: Dressed, relative: Tensor) -> tuple[Tensor, Tensor]:
        """Return points and primitive lattices of known crystals, scaled to the volume for the elements."""
        rows = relative.clamp(min=0)
        _, _, points = self.types.orbits_of(rows)
        params = self.types.lattice_params[rows].double() / self.types.lattice_units
        lattice = self.primitive_lattice(dressed.space_group, from_parameters(params))
        log_volume = dressed.log_volume + self.types.log_volume[rows].double()
        n_atoms = self.types.counts[rows].sum(1)
        scale = (log_volume + n_atoms.log() - torch.linalg.det(lattice).abs().log()) / 3
        points = F.pad(points, [0, 0, 0, self.orbits - points.size(1)])
        return points, lattice * scale.exp()[:, None, None]

    def no_geometry(self, number: int) -> Geometry:
        """Return rows for geometries: cells of 1 Å³."""
        cell = torch.eye(3, dtype=torch.float64).repeat(number, 1, 1)
        points = torch.zeros(number, self.orbits, 3, dtype=torch.float64)
        return Geometry(points, cell, torch.full([number], -1), torch.zeros(number, dtype=torch.float64))

    def primitive_lattice(self, group: Tensor, lattice: Tensor) -> Tensor:
        """Return the primitive lattices [B, 3, 3] of conventional ones, as symmetric as the space groups [B]."""
        table = self.language.table
        metric = products(table.primitive[group] @ lattice).unsqueeze(2)
        return from_parameters(parameters_of((table.metric_projector[group] @ metric).squeeze(2)))

    def new_geometry(self, dressed: Dressed, lattice_noise: Tensor, uniform: Tensor) -> tuple[Tensor, Tensor]:
        """Return points and primitive lattices that the flow carries from noise."""
        position = self.language.positions(dressed.space_group, dressed.letters)
        orbits, orbit_of = self.language.table.orbits(dressed.space_group, position)
        start = uniform.gather(1, orbit_of.clamp(min=0).unsqueeze(2).expand(-1, -1, 3))
        return self.finished(dressed, orbits, orbit_of, (start, lattice_noise), 0.0)

    def finished(
        self, dressed: Dressed, orbits: Orbits, orbit_of: Tensor, start: tuple[Tensor, Tensor], time: float
    ) -> tuple[Tensor, Tensor]:
        """Return points and primitive lattices that the flow carries to its end.

        orbit_of: [B, K], the orbit of each atom, -1 for none; start: free points [B, K, 3] and standardised lattice
        parameters [B, 6] at the time.
        """
        table, group = self.language.table, dressed.space_group
        numbers = self.orbit_numbers(dressed).gather(1, orbit_of.clamp(min=0)) * (orbit_of >= 0)
        single = single_precision(orbits)
        frac_coords, params = self.finish(single, numbers, start[0].float(), start[1].float(), time)
        points = self.of_first_atoms(dressed, frac_coords.double()) @ table.primitive[group]
        points = F.pad(points, [0, 0, 0, self.orbits - points.size(1)])
        return points, from_parameters(symmetrize_lattice(orbits, params.double()))

    def of_first_atoms(self, dressed: Dressed, values: Tensor) -> Tensor:
        """Return the values [B, O, 3] of the first atom of each orbit, of those of all atoms, [B, K, 3]."""
        n_atoms = self.language.table.atoms[self.language.positions(dressed.space_group, dressed.letters)]
        first = (n_atoms.cumsum(1) - n_atoms).clamp(max=max(values.size(1) - 1, 0))
        padded = F.pad(values, [0, 0, 0, 1])  # where no crystal got any atoms there is none to gather
        return padded.gather(1, first.unsqueeze(2).expand(-1, -1, 3))

    def orbit_numbers(self, dressed: Dressed) -> Tensor:
        """Return Z of each orbit, [B, O], 0 for none."""
        return dressed.elements.gather(1, dressed.slots) * (dressed.letters >= 0)

    @torch.no_grad()
    def fit_volumes(self, shown: Callable[[Sequence[Tensor]], Iterable[Tensor]] = iter) -> None:
        """Compute by how much the volume of each known crystal differs from what the language expects.

        That of an ordering differs as much as the crystal's. shown: what the parts of the work go through, such as
        `progress`.
        """
        types = self.types
        params = types.lattice_params.double() / types.lattice_units
        copies, n_atoms = self.language.table.copies[types.space_group.long()], types.counts.sum(1)
        log_volume = (torch.linalg.det(from_parameters(params)).abs() / copies / n_atoms).log()
        size = types.orbit_offsets.diff()
        none: list[int] = []
        for rows in shown(size.argsort().split(FITTED_AT_ONCE)):
            letters, slots, _ = types.orbits_of(rows)
            group, elements = types.space_group[rows].long(), types.elements[rows].long()
            dressed = self.scored(group, letters, slots, elements, none, none)
            types.log_volume[rows] = (log_volume[rows] - dressed.log_volume).to(types.log_volume.dtype)
        ordered = torch.where(types.source < 0)[0]  # the language knows no crystal of which an element has two slots
        source, row = types.source.sort()
        parent = torch.searchsorted(source, ordering_of(types.source[ordered]))
        types.log_volume[ordered] = types.log_volume[row[parent]]

    def place(self, dressed: Dressed, geometry: Geometry) -> Placed:
        """Return the atoms of the orbits, computed from the first points in double precision: the symmetry is exact."""
        table, group = self.language.table, dressed.space_group
        position = self.language.positions(group, dressed.letters)
        exact = table.first_points(position, geometry.points[:, : position.size(1)])
        orbits, orbit_of = table.orbits(group, position)
        index = orbit_of.clamp(min=0)
        first = (exact @ torch.linalg.inv(table.primitive)[group]).gather(1, index.unsqueeze(2).expand(-1, -1, 3))
        frac_coords = (orbits.affine @ first.unsqueeze(3)).squeeze(3) + orbits.offset
        numbers = self.orbit_numbers(dressed).gather(1, index) * (orbit_of >= 0)
        return Placed(orbits, frac_coords, numbers, exact)

    def atoms_of(self, dressed: Dressed, geometry: Geometry) -> tuple[Tensor, Tensor, Tensor]:
        """Return fractional coordinates [B, K, 3] of the primitive cell, Z [B, K], and exact first points [B, O, 3].

        Coordinates are from 0 to 1.
        """
        placed = self.place(dressed, geometry)
        frac_coords, points = placed.frac_coords, placed.points
        return frac_coords - frac_coords.floor(), placed.numbers, points - points.floor()
