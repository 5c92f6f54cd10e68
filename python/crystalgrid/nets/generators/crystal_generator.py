"""A generator of crystals: a structure type, the elements on it, and a geometry, as the conditions ask for."""

import math

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from ...geometry.elements import ATOMIC_RADII, ATOMIC_WEIGHTS, DALTON
from ...geometry.lattices import LATTICE_PARAMS, from_parameters, parameters
from ...geometry.normaliser import HOLOHEDRIES
from .charge_balance import ChargeBalance
from .composition import uniform_from_normal
from .conditions import interval
from .contacts import closest_contact
from .crystal_draws import Draws
from .crystal_geometry import Geometry, chosen_geometry, joined_geometry, replace_geometry
from .distinct_geometries import ALIKE, MILLER_INDICES, first_of_alike, marks_of
from .dressed_types import Dressed, chosen, from_rows, joined, padded, replace, trimmed
from .formula_candidates import evenly
from .hidden_rotations import has_hidden_rotation, lattice_rotations, other_rotations
from .hidden_translations import has_hidden_translation
from .near_geometry import NearGeometry
from .sizes import Sizes
from .wyckoff_language import Reading
from .wyckoff_words import SLOTS

ATTEMPTS = 12
"""The times that a crystal is drawn before it is given up."""
DRESSINGS = 3
"""The attempts that are made at once, with other elements on the same structure type, which is read but once.

One of them, the first that is likely, gets a geometry.
"""
WORD_PASS, PASS_SIZE = 32, 16
"""The number of structure types whose elements are drawn at once, and of crystals that get a geometry at once."""
LARGEST_ENERGY = 0.1
"""The largest energy above the hull, in eV/atom, that may be predicted for a crystal that is not drawn again."""
COMPARED = 128
"""The number of geometries whose marks are computed at once, which bounds memory."""
LEAST_CONTACT = 0.5
"""The least distance of two atoms over the sum of their radii and 0.7 Å (the rule of LeMat-GenBench)."""


class CrystalGenerator(NearGeometry):
    """A generator of crystals that stands by itself.

    `TypeDrawer` chooses the structure type and the elements, `PredictedEnergy` predicts how stable they are,
    `ConditionCheck` says what cannot be met, `CrystalGeometry` puts the atoms in their places, and `NearGeometry` near
    those of a given crystal. No step breaks the symmetry.
    """

    def __init__(self, sizes: Sizes) -> None:
        super().__init__(sizes)
        self.attempts, self.least_contact, self.dalton = ATTEMPTS, LEAST_CONTACT, DALTON
        self.dressings = DRESSINGS
        self.charge_balance = ChargeBalance()
        self.parts = [2 + self.proposals * self.type_words, SLOTS, LATTICE_PARAMS, 3 * sizes.orbits]
        self.word_pass = WORD_PASS
        self.pass_size, self.largest_energy = PASS_SIZE, LARGEST_ENERGY
        self.alike, self.compared = ALIKE, COMPARED
        self.noise_dim = ATTEMPTS * sum(self.parts)
        self.miller_indices: Tensor
        self.register_buffer("miller_indices", torch.tensor(MILLER_INDICES).double(), persistent=False)
        self.last_groups = [last for last, _ in HOLOHEDRIES]
        self.lattice_rotations: Tensor
        self.register_buffer("lattice_rotations", lattice_rotations(), persistent=False)
        self.weights: Tensor
        self.radii: Tensor
        self.register_buffer("weights", torch.from_numpy(np.nan_to_num(ATOMIC_WEIGHTS)), persistent=False)
        self.register_buffer("radii", torch.from_numpy(np.nan_to_num(ATOMIC_RADII, nan=1.0)), persistent=False)

    @torch.jit.export
    def draw(self, noise: Tensor, conditions: dict[str, list[float]], plan: Tensor) -> Draws:
        """Return a crystal for each row of noise ~ N(0, 1), [B, noise_dim], that meets the conditions.

        A crystal that does not is drawn again, up to ATTEMPTS times in all, and then left empty. One that is a training
        crystal, has elements far from those of known crystals of its type, or charges that cannot balance, is drawn
        again as often and then kept. DRESSINGS attempts put other elements on the same structure type, unless a
        condition is for the type or the geometry. Geometry is computed of crystals that are not drawn again; freely
        drawn structure types are kept for other elements. plan: see `plan`.
        """
        tries = noise.view(len(noise), self.attempts, -1)
        before, dressed, geometry = self.blank(len(noise)), self.blank(len(noise)), self.no_geometry(len(noise))
        dressed.letters[:, 0] = 0  # a crystal that is left empty still has a cell
        met = torch.zeros(len(noise), dtype=torch.bool)
        dressings = self.dressings
        for name in ("formula", "like", "density", "volume_per_atom"):  # the type or the geometry decides
            if name in conditions:
                dressings = 1
        for first in range(0, self.attempts, dressings):
            rows = torch.where(~met)[0]
            if len(rows) > 0:
                # The first number decides between known and new types; it stays, so that redrawing shifts no shares.
                share = tries[rows, :1, :1].expand(-1, dressings, -1)
                own = torch.cat((share, tries[rows, first : first + dressings, 1:]), 2)
                is_last = first + dressings >= self.attempts
                candidates, found, likely = self.choose(own, conditions, plan, chosen(before, rows), is_last)
                types = self.free_of(chosen(candidates, torch.arange(0, len(found), dressings)), found[::dressings])
                replace(before, rows, types)
                passing = found if is_last else likely
                merit = (passing.int() + likely.int()).view(len(rows), dressings)
                usable = torch.where(merit.any(1))[0]
                index = usable * dressings + merit[usable].argmax(1)
                placed, other_geometry, fits = self.with_geometry(
                    chosen(candidates, index), own.flatten(0, 1)[index], conditions
                )
                kept = torch.where(fits)[0]
                done = rows[usable[kept]]
                replace(dressed, done, chosen(placed, kept))
                replace_geometry(geometry, done, chosen_geometry(other_geometry, kept))
                met[done] = True
        return self.flat(dressed, geometry, met)

    @torch.jit.export
    def likeliest(self, count: int, conditions: dict[str, list[float]], plan: Tensor) -> Draws:
        """Return the likeliest candidates of a formula that meet the conditions, the likeliest first.

        Each has one geometry for each known crystal that it may begin at, unless that is like one before. If they are
        fewer than `count`, the rest are empty. The lattices of new structure types begin in the middle of the noise,
        and their points evenly over the cell.
        """
        order = plan[:, 1].argsort(descending=True, stable=True)[: 2 * count]
        candidates = from_rows(plan[order], self.orbits, self.most_slots)
        if "like" not in conditions:
            candidates = self.each_geometry(candidates, 4 * count)
        noise = torch.zeros(len(candidates.tie_break), sum(self.parts))
        noise[:, -self.parts[3] :] = torch.erfinv(evenly(len(noise), self.parts[3])) * math.sqrt(2.0)
        dressed, geometry, fits = self.with_geometry(candidates, noise, conditions)
        kept = torch.where(fits & self.is_unlike(dressed, geometry))[0][:count]
        met = torch.arange(count) < len(kept)
        kept = F.pad(kept, [0, count - len(kept)])
        return self.flat(chosen(dressed, kept), chosen_geometry(geometry, kept), met)

    def choose(
        self, noise: Tensor, conditions: dict[str, list[float]], plan: Tensor, before: Dressed, is_last: bool
    ) -> tuple[Dressed, Tensor, Tensor]:
        """Return structure types with elements, whether there is one, and whether it is new and plausible, all [R · B].

        noise: [B, R, n], that of R attempts on one structure type each; before, is_last: see `draw_types`.
        """
        words, dressing, _, _ = noise.split(self.parts, 2)
        if "like" in conditions and "formula" not in conditions:
            types, found = self.likeness(len(noise), conditions), torch.ones(len(noise), dtype=torch.bool)
        else:
            types, found = self.draw_types(uniform_from_normal(words[:, 0]), conditions, plan, before, is_last)
        if "formula" in conditions:  # whose candidates were weighed already
            return types, found, found
        uniform, order = uniform_from_normal(dressing), (types.letters >= 0).sum(1).argsort(stable=True)
        is_settled, dressings = self.is_settled(conditions), uniform.size(1)
        parts: list[Dressed] = []
        likely: list[Tensor] = []
        for rows in order.split(self.word_pass):
            dressed, reading = self.dressed(trimmed(chosen(types, rows)), uniform[rows], conditions)
            parts.append(padded(dressed, self.orbits))
            as_found = found[rows].repeat_interleave(dressings)
            likely.append(as_found if is_settled else as_found & self.is_likely(dressed, reading))
        inverse = (order.argsort().unsqueeze(1) * dressings + torch.arange(dressings)).flatten()
        return chosen(joined(parts), inverse), found.repeat_interleave(dressings), torch.cat(likely)[inverse]

    def with_geometry(
        self, dressed: Dressed, noise: Tensor, conditions: dict[str, list[float]]
    ) -> tuple[Dressed, Geometry, Tensor]:
        """Return crystals, their geometry, and whether they meet the conditions, [B].

        Crystals of about equally many atoms are computed together, so that little is computed for padding, and those of
        new structure types by themselves, since the flow is for these alone.
        """
        _, _, lattice_noise, point_noise = noise.split(self.parts, 1)
        first, last = self.types.crystals_of(self.types.type_keys(dressed.space_group, dressed.letters, dressed.slots))
        order = (self.n_atoms(dressed) + (self.atoms + 1) * (first == last)).argsort(stable=True)
        crystals: list[Dressed] = [chosen(dressed, order[:0])]
        geometries: list[Geometry] = [self.no_geometry(0)]
        fits: list[Tensor] = [torch.zeros(0, dtype=torch.bool)]
        for start in range(0, len(order), self.pass_size):
            rows = order[start : start + self.pass_size]
            crystal = trimmed(chosen(dressed, rows))
            geometry = self.geometry(crystal, conditions, lattice_noise[rows], point_noise[rows])
            crystals.append(padded(crystal, self.orbits))
            geometries.append(geometry)
            fits.append(self.meets(crystal, geometry, conditions) & self.has_its_symmetry(crystal, geometry))
        inverse = order.argsort()
        geometry = chosen_geometry(joined_geometry(geometries), inverse)
        return chosen(joined(crystals), inverse), geometry, torch.cat(fits)[inverse]

    def is_likely(self, dressed: Dressed, reading: Reading) -> Tensor:
        """Return whether crystals are new, near known ones, balanced in charge, and stable as far as predicted, [B].

        Of new structure types, whose geometry is worth less, all are predicted to be unstable; they are not asked.
        """
        relative, distance, is_new = self.relatives(dressed)
        is_asked = relative >= 0
        is_stable = self.energy_above(reading, distance, ~is_asked) <= self.largest_energy
        likely = is_new & (is_stable | ~is_asked)
        rows = torch.where(likely)[0]  # charges are counted last, since that takes longest
        likely[rows] = self.is_balanced(chosen(dressed, rows))
        return likely

    def relatives(self, dressed: Dressed) -> tuple[Tensor, Tensor, Tensor]:
        """Return the nearest known crystals, -1 for none, their distances, and whether crystals are new but near them.

        All are [B]; see `nearest_known`.
        """
        relative, distance, _ = self.nearest_known(dressed)
        key = self.types.type_keys(dressed.space_group, dressed.letters, dressed.slots)
        is_new = self.types.same_as(self.types.crystal_keys(key, dressed.elements)) < 0
        return relative, distance, is_new & (distance <= self.farthest)

    def is_balanced(self, dressed: Dressed) -> Tensor:
        """Return whether oxidation states balance the charge of crystals, [B]; see `ChargeBalance`."""
        position = self.language.positions(dressed.space_group, dressed.letters)
        counts = self.language.slot_counts(position, dressed.slots, self.most_slots)
        balanced: Tensor = self.charge_balance(dressed.elements, counts)
        return balanced

    def is_unlike(self, dressed: Dressed, geometry: Geometry) -> Tensor:
        """Return whether each crystal has another type, elements, or geometry than all before it, [B] bool."""
        key = self.types.type_keys(dressed.space_group, dressed.letters, dressed.slots)
        marks: list[Tensor] = []
        for rows in torch.arange(len(key)).split(self.compared):
            frac_coords, numbers, _ = self.atoms_of(chosen(dressed, rows), chosen_geometry(geometry, rows))
            marks.append(marks_of(frac_coords, numbers, geometry.lattice[rows], self.miller_indices))
        return first_of_alike(self.types.crystal_keys(key, dressed.elements), torch.cat(marks), self.alike)

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

    def has_its_symmetry(self, dressed: Dressed, geometry: Geometry) -> Tensor:
        """Return whether each crystal has no more symmetry than its type, [B] bool, which is so for all known types.

        It has more if a smaller cell would do, or if further rotations of the lattice bring it onto itself.
        """
        has_its_own = torch.ones_like(dressed.space_group, dtype=torch.bool)
        new = torch.where(geometry.relative < 0)[0]
        if len(new) > 0:
            lattice = geometry.lattice[new]
            frac_coords, numbers, _ = self.atoms_of(chosen(dressed, new), chosen_geometry(geometry, new))
            has_its_own[new] = ~has_hidden_translation(frac_coords, lattice, numbers)
            for b in range(len(new)):
                is_atom = numbers[b] > 0
                rotations = self.rotations_beside(int(dressed.space_group[new[b]]))
                if has_hidden_rotation(frac_coords[b, is_atom], lattice[b], numbers[b, is_atom], rotations):
                    has_its_own[new[b]] = False
        return has_its_own

    def rotations_beside(self, space_group: int) -> Tensor:
        """Return the rotations of a space group's lattices that it does not have, as `other_rotations` does."""
        table, system = self.language.table, 0
        while space_group > self.last_groups[system]:
            system += 1
        own = table.rotations[space_group, : table.order[space_group]]
        return other_rotations(self.lattice_rotations[system], own, table.primitive[space_group])

    def flat(self, dressed: Dressed, geometry: Geometry, met: Tensor) -> Draws:
        """Return crystals as flat tensors, those that do not meet the conditions without atoms."""
        table, group = self.language.table, dressed.space_group
        frac_coords, numbers, points = self.atoms_of(dressed, geometry)
        lattice = from_parameters(parameters(torch.linalg.inv(table.primitive)[group] @ geometry.lattice))
        is_orbit, is_atom = (dressed.letters >= 0) & met.unsqueeze(1), (numbers > 0) & met.unsqueeze(1)
        position = self.language.positions(group, dressed.letters)
        key = self.types.type_keys(group, dressed.letters, dressed.slots)
        begins_known = geometry.relative >= 0
        relative = torch.where(begins_known, self.types.source[geometry.relative.clamp(min=0)].long(), -1)
        same_as = self.types.same_as(self.types.crystal_keys(key, dressed.elements))
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
            relative,
            torch.where((relative >= 0) & (geometry.distance == 0), relative, same_as),
            self.types.formula_seen(
                dressed.elements, self.language.slot_counts(position, dressed.slots, self.most_slots)
            ),
        )

    @torch.jit.export
    def operations(self, space_group: int) -> Tensor:
        """Return the rotations and translations [M, 3, 4] of a space group's conventional cell, centring included."""
        return self.language.table.operations_of(space_group)
