"""A generator of crystals: a structure type, the elements on it, and a geometry, as the conditions ask for."""

import math

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from ...geometry.elements import ATOMIC_RADII, ATOMIC_WEIGHTS, DALTON
from ...geometry.lattices import LATTICE_PARAMS, from_parameters, parameters
from .charge_balance import ChargeBalance
from .composition import uniform_from_normal
from .conditions import formula_counts, interval
from .contacts import closest_contact
from .crystal_draws import Draws
from .crystal_geometry import Geometry
from .dressed_types import Dressed, chosen, from_rows, joined, trimmed
from .near_geometry import NearGeometry
from .type_drawer import evenly
from .wyckoff_words import SLOTS

ATTEMPTS = 6
"""The times that a crystal is drawn before it is given up, if contacts, density or volume are not as they should be."""
PASS_SIZE = 16
"""The number of crystals that go through the networks at once."""
FARTHEST = 0.7
"""The largest chemical distance to a known crystal of the same type; half of all swaps of neighbours are below 0.4."""
LEAST_CONTACT = 0.5
"""The least distance of two atoms over the sum of their radii and 0.7 Å (the rule of LeMat-GenBench)."""


class CrystalGenerator(NearGeometry):
    """A generator of crystals that stands by itself.

    `TypeDrawer` chooses the structure type and the elements, `ConditionCheck` says what cannot be met,
    `CrystalGeometry` puts the atoms in their places, and `NearGeometry` near those of a given crystal. No step breaks
    the symmetry.

    width, depth, orbits: of the language; crystals, crystal_orbits: of the training set; widths: of the flow; atoms:
    the most atoms in a primitive cell.
    """

    def __init__(
        self,
        width: int,
        depth: int,
        orbits: int,
        crystals: int,
        crystal_orbits: int,
        widths: tuple[int, ...],
        atoms: int,
    ) -> None:
        super().__init__(width, depth, orbits, crystals, crystal_orbits, widths, atoms)
        self.attempts, self.least_contact, self.dalton = ATTEMPTS, LEAST_CONTACT, DALTON
        self.charge_balance = ChargeBalance()
        self.parts = [2 + self.proposals * self.type_words, SLOTS, LATTICE_PARAMS, 3 * orbits]
        self.pass_size, self.farthest = PASS_SIZE, FARTHEST
        self.noise_dim = ATTEMPTS * sum(self.parts)
        self.weights: Tensor
        self.radii: Tensor
        self.register_buffer("weights", torch.from_numpy(np.nan_to_num(ATOMIC_WEIGHTS)), persistent=False)
        self.register_buffer("radii", torch.from_numpy(np.nan_to_num(ATOMIC_RADII, nan=1.0)), persistent=False)

    @torch.jit.export
    def draw(self, noise: Tensor, conditions: dict[str, list[float]], plan: Tensor) -> Draws:
        """Return a crystal for each row of noise ~ N(0, 1), [B, noise_dim], that meets the conditions.

        A crystal that does not is drawn again, up to ATTEMPTS times, and then left empty. One that is a training
        crystal, has elements far from those of known crystals of its type, or charges that cannot balance, is drawn
        again as often and then kept. plan: see `plan`.
        """
        tries = noise.chunk(self.attempts, 1)
        dressed, geometry, met, likely = self.attempt(tries[0], conditions, plan)
        for following in range(1, self.attempts):
            again = torch.where(~likely)[0]
            if len(again) > 0:
                # The first number decides between known and new types; it stays, so that redrawing shifts no shares.
                repeated = torch.cat((noise[again, :1], tries[following][again, 1:]), 1)
                others, other_geometry, others_met, others_likely = self.attempt(repeated, conditions, plan)
                better = torch.where(others_likely | ~met[again])[0]
                rows = again[better]
                for values, replacing in zip(dressed, chosen(others, better)):  # noqa: B905, TorchScript has no strict
                    values[rows] = replacing
                for values, replacing in zip(geometry, other_geometry):  # noqa: B905
                    values[rows] = replacing[better]
                met[rows], likely[rows] = others_met[better], others_likely[better]
        return self.flat(dressed, geometry, met)

    @torch.jit.export
    def likeliest(self, count: int, conditions: dict[str, list[float]], plan: Tensor) -> Draws:
        """Return the likeliest candidates of a formula that meet the conditions, at most `count`.

        The lattices of new structure types begin in the middle of the noise, and their points evenly over the cell.
        """
        order = plan[:, 1].argsort(descending=True, stable=True)[: 2 * count]
        dressed = from_rows(plan[order], self.orbits, self.most_slots)
        point_noise = torch.erfinv(evenly(len(order), self.parts[3])) * math.sqrt(2.0)
        geometry = self.geometry(dressed, conditions, torch.zeros(len(order), self.parts[2]), point_noise)
        kept = torch.where(self.meets(dressed, geometry, conditions))[0][:count]
        points, lattice, relative, distance = geometry
        geometry = Geometry(points[kept], lattice[kept], relative[kept], distance[kept])
        return self.flat(chosen(dressed, kept), geometry, torch.ones_like(kept, dtype=torch.bool))

    def attempt(
        self, noise: Tensor, conditions: dict[str, list[float]], plan: Tensor
    ) -> tuple[Dressed, Geometry, Tensor, Tensor]:
        """Return crystals, whether each meets the conditions, and whether it is also new and plausible, both [B].

        Crystals of about equally many atoms go through the networks together, so that little is computed for padding.
        """
        words, dressing, lattice_noise, point_noise = noise.split(self.parts, 1)
        has_elements = len(formula_counts(conditions)[0]) > 0
        if "like" in conditions and not has_elements:
            types, met = self.likeness(len(noise), conditions), torch.ones(len(noise), dtype=torch.bool)
        else:
            types, met = self.draw_types(uniform_from_normal(words), conditions, plan)
        likely, order = met.clone(), self.n_atoms(types).argsort(stable=True)
        crystals: list[Dressed] = []
        geometries: list[Geometry] = []
        for rows in order.split(self.pass_size):
            named = chosen(types, rows)
            if not has_elements:
                named = self.dressed(trimmed(named), uniform_from_normal(dressing[rows]), conditions)
            geometry = self.geometry(trimmed(named), conditions, lattice_noise[rows], point_noise[rows])
            met[rows] = met[rows] & self.meets(trimmed(named), geometry, conditions)
            likely[rows] = met[rows] & self.is_likely(trimmed(named), geometry)
            crystals.append(named)
            geometries.append(geometry)
        back = order.argsort()
        together = Geometry(
            torch.cat([geometry.points for geometry in geometries])[back],
            torch.cat([geometry.lattice for geometry in geometries])[back],
            torch.cat([geometry.relative for geometry in geometries])[back],
            torch.cat([geometry.distance for geometry in geometries])[back],
        )
        if has_elements:
            likely = met  # candidates of a formula were weighed already
        return chosen(joined(crystals), back), together, met, likely

    def is_likely(self, dressed: Dressed, geometry: Geometry) -> Tensor:
        """Return whether crystals are new, near known ones in their elements, and balanced in charge, [B]."""
        group, letters, slots = dressed.space_group, dressed.letters, dressed.slots
        same = self.types.same_as(
            self.types.crystal_keys(self.types.type_keys(group, letters, slots), dressed.elements)
        )
        counts = self.language.slot_counts(self.language.positions(group, letters), slots, self.most_slots)
        balanced: Tensor = self.charge_balance(dressed.elements, counts)
        return (same < 0) & (geometry.distance <= self.farthest) & balanced

    def meets(self, dressed: Dressed, geometry: Geometry, conditions: dict[str, list[float]]) -> Tensor:
        """Return whether contacts are possible, and density and volume as asked for, [B]."""
        frac_coords, numbers, _ = self.atoms_of(dressed, geometry)
        if numbers.size(1) == 0:  # no crystal got any atoms
            return torch.zeros_like(dressed.space_group, dtype=torch.bool)
        volume = torch.linalg.det(geometry.lattice).abs()
        per_atom = volume / (numbers > 0).sum(1)
        density = self.weights[numbers].sum(1) / volume * self.dalton
        lightest, heaviest = interval(conditions, "density", self.densities[0], self.densities[1])
        least, most = interval(conditions, "volume_per_atom", self.volumes[0], self.volumes[1])
        smallest_z, _ = interval(conditions, "largest_z", 0.0, float(len(self.seen)))
        contact = closest_contact(frac_coords, geometry.lattice, numbers, self.radii)
        met: Tensor = (density >= lightest) & (density <= heaviest) & (per_atom >= least) & (per_atom <= most)
        return met & (contact >= self.least_contact) & (numbers.amax(1) >= smallest_z)

    def flat(self, dressed: Dressed, geometry: Geometry, met: Tensor) -> Draws:
        """Return crystals as flat tensors, those that do not meet the conditions without atoms."""
        table, group = self.language.table, dressed.space_group
        frac_coords, numbers, points = self.atoms_of(dressed, geometry)
        lattice = from_parameters(parameters(torch.linalg.inv(table.primitive)[group] @ geometry.lattice))
        is_orbit, is_atom = (dressed.letters >= 0) & met.unsqueeze(1), (numbers > 0) & met.unsqueeze(1)
        position = self.language.positions(group, dressed.letters)
        key = self.types.type_keys(group, dressed.letters, dressed.slots)
        relative = geometry.relative.clamp(min=0)
        return Draws(
            group,
            lattice,
            F.pad(is_orbit.sum(1).cumsum(0), [1, 0]),
            dressed.letters[is_orbit],
            table.multiplicity[position][is_orbit],
            self.orbit_numbers(dressed)[is_orbit],
            points[is_orbit],
            table.primitive[group] @ lattice,
            F.pad(is_atom.sum(1).cumsum(0), [1, 0]),
            numbers[is_atom],
            frac_coords[is_atom],
            dressed.log_likelihood,
            torch.where(geometry.relative >= 0, self.types.source[relative].long(), -1),
            self.types.same_as(self.types.crystal_keys(key, dressed.elements)),
            self.types.formula_seen(
                dressed.elements, self.language.slot_counts(position, dressed.slots, self.most_slots)
            ),
        )

    @torch.jit.export
    def operations(self, space_group: int) -> Tensor:
        """Return the rotations and translations [M, 3, 4] of a space group's conventional cell, centring included."""
        return self.language.table.operations_of(space_group)
