"""The Wyckoff positions of all space groups as tensors, which an exported generator carries with it."""

from functools import cache

import numpy as np
import torch
from torch import Tensor, nn

from ...geometry.orbit_finder import metric_projector
from ...geometry.orbits import SPACE_GROUPS, Orbits
from ...geometry.wyckoff import LETTERS, StandardGroup, WyckoffPosition, standard_group

LETTER_COUNT = len(LETTERS)
MOST_OPERATIONS = 48
"""The most operations of a space group, without centring translations."""
CELLS = (0.0, -1.0, 1.0, -2.0, 2.0)
"""The whole cells, along each axis, that a first point such as (x, 2x, z) may be from where 0 ≤ x, y, z < 1."""
ROUNDING = 1e-6
"""The share of a cell to which distances are rounded: of translations that serve equally, the same is always taken."""


class WyckoffTable(nn.Module):
    """The Wyckoff positions, numbered from 1 through all space groups, and the operations of these; 0 is none."""

    def __init__(self) -> None:
        super().__init__()
        self.position_of: Tensor
        self.group: Tensor
        self.letter: Tensor
        self.site_symmetry: Tensor
        self.atoms: Tensor
        self.multiplicity: Tensor
        self.freedom: Tensor
        self.operations: Tensor
        self.order: Tensor
        self.copies: Tensor
        self.projector: Tensor
        self.offset: Tensor
        self.rotations: Tensor
        self.translations: Tensor
        self.centring: Tensor
        self.primitive: Tensor
        self.metric_projector: Tensor
        self.cells: Tensor
        axis = torch.tensor(CELLS, dtype=torch.float64)
        cells = torch.cartesian_prod(axis, axis, axis)
        self.register_buffer("cells", cells[cells.abs().sum(1).argsort(stable=True)], persistent=False)
        self.rounding = ROUNDING
        for name, values in table_buffers().items():
            self.register_buffer(name, values.clone(), persistent=False)
        self.site_symmetries = int(self.site_symmetry.max()) + 1
        self.most_atoms = int(self.atoms.max())

    @torch.jit.export
    def operations_of(self, space_group: int) -> Tensor:
        """Return the rotations and translations [M, 3, 4] of a space group's conventional cell, centring included."""
        order, copies = self.order[space_group], self.copies[space_group]
        rotations, translations = self.rotations[space_group, :order], self.translations[space_group, :order]
        moved = (translations.unsqueeze(0) + self.centring[space_group, :copies].unsqueeze(1)) % 1
        return torch.cat((rotations.repeat(int(copies), 1, 1), moved.flatten(0, 1).unsqueeze(2)), 2)

    @torch.jit.export
    def first_points(self, position: Tensor, points: Tensor) -> Tensor:
        """Return the first points [B, O, 3] of orbits on Wyckoff positions [B, O] that are nearest to given points.

        points: [B, O, 3], fractional coordinates of first points but for whole cells. Which cells matters: (0.3, 0.7)
        is (x, -x) for x = 0.3 one cell farther, and its own projection onto (x, -x) is the point of x = -0.2.
        """
        projector, offset = self.projector[position], self.offset[position]
        missing = (projector @ points.unsqueeze(3)).squeeze(3) + offset - points
        moved = projector @ self.cells.T - self.cells.T
        distance = ((missing.unsqueeze(3) + moved).abs().amax(2) / self.rounding).round()
        nearest = (distance + torch.arange(len(self.cells), device=points.device) / len(self.cells)).argmin(2)
        return (projector @ (points + self.cells[nearest]).unsqueeze(3)).squeeze(3) + offset

    @torch.jit.export
    def orbits(self, group: Tensor, position: Tensor) -> tuple[Orbits, Tensor]:
        """Return the atoms of orbits as `Orbits` in the primitive basis, float64, and the orbit's column of each.

        group: [B]; position: [B, O], indices of the table, 0 for no orbit. Atoms follow the order of the orbits.
        """
        operation = self.operations[position]
        is_atom = operation >= 0
        n_atoms = is_atom.sum((1, 2))
        most = int(n_atoms.max())
        row, orbit, image = torch.where(is_atom)
        column = torch.arange(len(row), device=row.device) - (n_atoms.cumsum(0) - n_atoms)[row]
        index, chosen = position[row, orbit], operation[row, orbit, image]
        rotation, translation = self.rotations[group[row], chosen], self.translations[group[row], chosen]
        to_primitive = torch.linalg.inv(self.primitive).mT[group[row]]
        from_primitive = self.primitive.mT[group[row]]
        projector, inverse = self.projector[index], torch.linalg.inv(rotation)
        offset = (rotation @ self.offset[index].unsqueeze(2)).squeeze(2) + translation
        kind, count = self.rotations, len(group)
        affine, back = kind.new_zeros(count, most, 3, 3), kind.new_zeros(count, most, 3, 3)
        constant = kind.new_zeros(count, most, 3)
        first = torch.arange(most, device=row.device).repeat(len(group), 1)
        orbit_of = torch.full_like(first, -1)
        affine[row, column] = to_primitive @ rotation @ projector @ from_primitive
        back[row, column] = to_primitive @ projector @ inverse @ from_primitive
        constant[row, column] = (to_primitive @ offset.unsqueeze(2)).squeeze(2)
        atoms_before = self.atoms[position].cumsum(1) - self.atoms[position]
        first[row, column] = atoms_before[row, orbit]
        orbit_of[row, column] = orbit
        return Orbits(affine, back, constant, first, self.metric_projector[group], group), orbit_of


@cache
def table_buffers() -> dict[str, Tensor]:
    """Return the buffers of a `WyckoffTable`, which take half a second to compute."""
    groups = [standard_group(number) for number in range(1, SPACE_GROUPS + 1)]
    positions = [(group, position) for group in groups for position in group.positions]
    symbols = sorted({position.site_symmetry for _, position in positions})
    position_of = torch.zeros(SPACE_GROUPS + 1, LETTER_COUNT, dtype=torch.int64)
    for index, (group, position) in enumerate(positions, 1):
        position_of[group.number, position.letter] = index
    whole = {
        "group": [group.number for group, _ in positions],
        "letter": [1 + position.letter for _, position in positions],
        "site_symmetry": [1 + symbols.index(position.site_symmetry) for _, position in positions],
        "atoms": [position.multiplicity // len(group.centring) for group, position in positions],
        "multiplicity": [position.multiplicity for _, position in positions],
        "freedom": [position.freedom for _, position in positions],
        "order": [len(group.rotations) for group in groups],
        "copies": [len(group.centring) for group in groups],
    }
    sites = [site(group, position) for group, position in positions]
    real = {
        "projector": np.stack([np.zeros((3, 3))] + [projector for projector, _, _ in sites]),
        "offset": np.stack([np.zeros(3)] + [offset for _, offset, _ in sites]),
        "rotations": padded([group.rotations for group in groups], MOST_OPERATIONS),
        "translations": padded([group.translations for group in groups], MOST_OPERATIONS),
        "centring": padded([group.centring for group in groups], 4),
        "primitive": np.stack([np.eye(3)] + [group.primitive for group in groups]),
        "metric_projector": np.stack([np.eye(6)] + [metric_projector(group.primitive_rotations) for group in groups]),
    }
    operations = torch.full((len(sites) + 1, MOST_OPERATIONS), -1)
    for index, (_, _, chosen) in enumerate(sites, 1):
        operations[index, : len(chosen)] = torch.tensor(chosen)
    numbers = {name: torch.tensor([0, *values]) for name, values in whole.items()}
    arrays = {name: torch.from_numpy(array) for name, array in real.items()}
    return {"position_of": position_of, "operations": operations, **numbers, **arrays}


def site(group: StandardGroup, position: WyckoffPosition) -> tuple[np.ndarray, np.ndarray, list[int]]:
    """Return the site projector [3, 3], the offset [3] and the operations of a Wyckoff position's primitive atoms.

    The points of the position that are first of their orbits are the projection of any point plus the offset.
    """
    point = position.linear @ np.array([0.1234, 0.2717, 0.4319]) + position.offset
    images = group.rotations @ point + group.translations
    differences = images[:, None, None] - (images[:, None] + group.centring)
    same = (np.abs(differences - np.rint(differences)).max(3) < 1e-6).any(2)
    projector = group.rotations[same[0]].mean(0)  # over the operations that keep the point; the first is the identity
    return projector, point - projector @ point, sorted(set(same.argmax(1).tolist()))


def padded(arrays: list[np.ndarray], length: int) -> np.ndarray:
    """Return arrays with zeros after their ends as one, and zeros for the space group 0 that is none."""
    result = np.zeros((len(arrays) + 1, length, *arrays[0].shape[1:]))
    for index, array in enumerate(arrays, 1):
        result[index, : len(array)] = array
    return result
