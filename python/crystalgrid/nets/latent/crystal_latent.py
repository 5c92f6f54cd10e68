"""An autoencoder of crystals, whose decoder is a generator that follows a latent vector z."""

import math
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from ...geometry.lattices import LATTICE_PARAMS, from_parameters, parameters
from ...geometry.orbits import single_precision
from ..generators.conditions import possible_elements
from ..generators.crystal_draws import Draws
from ..generators.crystal_geometry import Geometry, chosen_geometry, replace_geometry
from ..generators.dressed_types import Dressed, chosen, replace, trimmed, with_values
from ..generators.sizes import Sizes
from .crystal_encoder import CrystalEncoder
from .crystal_shaper import CrystalShaper, angle_to_point
from .latent_words import LatentWords

FARTHEST_VECTOR, LARGEST_CHANGE = 0.2, 0.25
"""A cell is given up if its vector is further than the first from the vector of its own crystal, and the logarithm of
its volume is off by more than the second.

The distance is the root mean square over the numbers of z. No encoded test crystal of 498 is above both; of points on
the way between two 14 % are.
"""


class Described(NamedTuple):
    """B crystals of O orbits, as they are encoded."""

    space_group: Tensor
    """[B] int64."""
    letters: Tensor
    """[B, O] int64, -1 after the last."""
    slots: Tensor
    """[B, O] int64, from 0."""
    elements: Tensor
    """[B, S] int64, Z of each slot; 0 after the last."""
    points: Tensor
    """[B, O, 3] float32, first points in the conventional cell."""
    lattice_params: Tensor
    """[B, 6] float32, of the conventional cell."""


class CrystalLatent(LatentWords):
    """An autoencoder of crystals whose decoder is a generator: z stands where a composition would be given.

    Where z makes one word likely, that one is decoded; where it leaves several, the numbers of z choose among them as
    random numbers would. So a z ~ N(0, 1) that is far from all crystals is a draw of the generator; a model that has
    learned which crystals are stable decodes the first plausible one (`decode_words`). Between crystals, elements that
    balance in charge are preferred (`decode_words_and_geometry`).

    latent, tokens: the size of z, and the number of tokens that it is cut into; encoder_depth, shaper_depth: of their
    transformers.
    """

    def __init__(self, sizes: Sizes, latent: int, tokens: int, encoder_depth: int, shaper_depth: int) -> None:
        super().__init__(sizes, latent, tokens)
        self.farthest_vector, self.largest_change = FARTHEST_VECTOR, LARGEST_CHANGE
        self.geometry_parts = [LATTICE_PARAMS, 3 * sizes.orbits, latent - LATTICE_PARAMS - 3 * sizes.orbits]
        self.encoder = CrystalEncoder(sizes.width, encoder_depth, tokens, latent)
        self.shaper = CrystalShaper(sizes.width, shaper_depth, latent)
        self.lattice_mean: Tensor
        self.lattice_std: Tensor
        self.register_buffer("lattice_mean", torch.zeros(LATTICE_PARAMS))
        self.register_buffer("lattice_std", torch.ones(LATTICE_PARAMS))

    def orbit_tokens(self, crystals: Described) -> tuple[Tensor, Tensor, Tensor]:
        """Return tokens of space groups [B, 1, width] and of orbits [B, O, width], and which are no padding, [B, O]."""
        position = self.language.positions(crystals.space_group, crystals.letters)
        is_orbit = crystals.letters >= 0
        element = self.language.element(crystals.elements.gather(1, crystals.slots))
        return (
            self.language.group_token(crystals.space_group),
            self.language.orbit_tokens(position, crystals.slots) + element,
            is_orbit,
        )

    @torch.jit.export
    def encode_orbits(self, crystals: Described) -> tuple[Tensor, Tensor]:
        """Return mean and logarithm of the variance of the latent vectors of crystals, both [B, latent]."""
        group, orbits, is_orbit = self.orbit_tokens(crystals)
        lattice = (crystals.lattice_params - self.lattice_mean) / self.lattice_std
        mu, logvar = self.encoder(group, orbits, is_orbit, crystals.elements, crystals.points, lattice)
        return mu, logvar

    def decode_words_and_geometry(self, z: Tensor, possible: Tensor) -> tuple[Dressed, Geometry]:
        """Return the crystals of latent vectors [B, latent], of elements that are possible, [94 + 1].

        A vector that is far from the vector of the crystal that it decodes to is between crystals. If the charges of
        that crystal do not balance, it gets other elements (`balanced_words`).
        """
        dressed = self.decode_words(z, possible)
        geometry = self.decode_geometry(z, dressed)
        rows = torch.where(~self.is_balanced(dressed))[0]
        if len(rows) > 0:
            distance = self.distance_to_own(z[rows], chosen(dressed, rows), chosen_geometry(geometry, rows))
            rows = rows[distance > self.farthest_vector]
        if len(rows) > 0:
            balanced = self.balanced_words(z[rows], chosen(dressed, rows), possible)
            replace(dressed, rows, balanced)
            replace_geometry(geometry, rows, self.decode_geometry(z[rows], balanced))
        return dressed, geometry

    def decode_geometry(self, z: Tensor, dressed: Dressed) -> Geometry:
        """Return the geometry that latent vectors give to structure types with elements, atoms pushed apart at last."""
        most = max(1, int((dressed.letters >= 0).sum(1).max()))
        unknown = torch.zeros(0)
        crystals = Described(
            dressed.space_group, dressed.letters[:, :most], dressed.slots[:, :most], dressed.elements, unknown, unknown
        )
        group, orbits, is_orbit = self.orbit_tokens(crystals)
        circles, standardized = self.shaper(z, self.latent_features(z), group, orbits, is_orbit)
        points = F.pad(angle_to_point(circles).double(), [0, 0, 0, self.orbits - most])
        params = standardized * self.lattice_std + self.lattice_mean
        lattice = self.primitive_lattice(dressed.space_group, from_parameters(params.double()))
        none = torch.full_like(dressed.space_group, -1)
        geometry = Geometry(points, lattice, none, torch.zeros_like(dressed.log_volume))
        return self.pushed_apart(dressed, geometry)

    def with_volume(self, dressed: Dressed) -> tuple[Dressed, Tensor]:
        """Return structure types with the volume to expect, and its logarithm in Å³ per atom, NaN if nothing is near.

        That volume is the one of the nearest known crystal of the type, scaled by the radii of the elements.
        """
        position = self.language.positions(dressed.space_group, dressed.letters)
        counts = self.language.slot_counts(position, dressed.slots, self.most_slots)
        relative, distance, _ = self.nearest_known(dressed)
        rows = relative.clamp(min=0)
        params = self.types.lattice_params[rows].double() / self.types.lattice_units
        volume = torch.linalg.det(self.primitive_lattice(dressed.space_group, from_parameters(params))).abs()
        cubes = self.radii.double() ** 3
        scale = (cubes[dressed.elements] * counts).sum(1)
        scale = scale / (cubes[self.types.elements[rows].long()] * self.types.counts[rows].long()).sum(1)
        expected = (volume * scale / counts.sum(1)).log()
        log_volume = expected - self.types.log_volume[rows].double()  # what the language would say
        expected = expected.masked_fill((relative < 0) | (distance > self.farthest), math.nan)
        return with_values(dressed, dressed.log_likelihood, log_volume, dressed.tie_break), expected

    def fits(self, z: Tensor, dressed: Dressed, geometry: Geometry, log_volume: Tensor) -> Tensor:
        """Return whether the geometry that latent vectors give fits their structure types and elements, [B].

        It does not where a vector leaves open which crystal it is. Nor where it is far from the vector of the crystal
        that it decodes to and gives that a volume far from the one to expect, whose logarithm is log_volume. Such a
        vector is between crystals, and its cell suits none of them.
        """
        volume = torch.linalg.det(geometry.lattice).abs() / self.n_atoms(dressed)
        is_far = (volume.log() - log_volume).abs() > self.largest_change  # never for NaN
        is_own = self.distance_to_own(z, dressed, geometry) <= self.farthest_vector
        fitting: Tensor = (dressed.log_likelihood >= self.least_likelihood) & (is_own | ~is_far)
        return fitting

    def distance_to_own(self, z: Tensor, dressed: Dressed, geometry: Geometry) -> Tensor:
        """Return how far latent vectors are from those of the crystals that they decode to, [B]; see `encode_orbits`.

        It is the root mean square over the numbers of a vector.
        """
        conventional = torch.linalg.inv(self.language.table.primitive)[dressed.space_group] @ geometry.lattice
        group, letters, slots, elements, _, _, _ = trimmed(dressed)
        points = geometry.points[:, : letters.size(1)].float()
        crystals = Described(group, letters, slots, elements, points, parameters(conventional).float())
        own, _ = self.encode_orbits(crystals)
        return (own - z).square().mean(1).sqrt()

    def pushed_apart(self, dressed: Dressed, geometry: Geometry) -> Geometry:
        """Return a geometry of the same symmetry in which atoms that were too near each other are further apart."""
        placed = self.place(dressed, geometry)
        frac_coords, lattice = placed.frac_coords.float(), geometry.lattice.float()
        moved = self.finish.minimum_distances(frac_coords, lattice, placed.numbers, single_precision(placed.orbits))
        steps = self.of_first_atoms(dressed, (moved - frac_coords).double())
        steps = steps @ self.language.table.primitive[dressed.space_group]
        return Geometry(geometry.points + steps, geometry.lattice, geometry.relative, geometry.distance)

    @torch.jit.export
    def draw(self, noise: Tensor, conditions: dict[str, list[float]], plan: Tensor) -> Draws:
        """Return the crystal of each latent vector [B, latent]; the same vector gives the same crystal.

        Where what the vector says of the cell fits no crystal, as `fits` judges, or atoms would be too near each other,
        the geometry is the one that the generator gives to these elements, if atoms are far enough apart there.

        conditions: `among` and `without` alone; plan: not used, a part of what a sampler calls.
        """
        dressed, geometry = self.decode_words_and_geometry(noise, possible_elements(conditions, self.seen))
        expected, log_volume = self.with_volume(dressed)
        met = self.meets(dressed, geometry, conditions)
        rows = torch.where(~met | ~self.fits(noise, dressed, geometry, log_volume))[0]
        if len(rows) > 0:
            again = chosen(expected, rows)
            lattice_noise, point_noise, _ = noise[rows].split(self.geometry_parts, 1)
            other = self.shape(again, lattice_noise, point_noise)
            better = torch.where(self.meets(again, other, conditions))[0]
            met[rows[better]] = True
            replace_geometry(geometry, rows[better], chosen_geometry(other, better))
        return self.flat(dressed, geometry, met)

    @torch.jit.export
    def problem(self, conditions: dict[str, list[float]]) -> str:
        """Return why the conditions cannot be met; "" if they can."""
        for name, values in conditions.items():
            is_any = name == "structures" and values[0] == 0  # any structure type is no condition
            if name != "among" and name != "without" and not is_any:
                return name + ": this model draws latent vectors, with no conditions but among and without; use mp10a"
        return self.element_problem(conditions)
