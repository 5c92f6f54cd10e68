"""An autoencoder of crystals, whose decoder is a generator that follows a latent vector z."""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...geometry.lattices import LATTICE_PARAMS, from_parameters
from ...geometry.orbits import single_precision
from ..generators.composition import uniform_from_normal
from ..generators.conditions import possible_elements, possible_groups
from ..generators.crystal_draws import Draws
from ..generators.crystal_generator import CrystalGenerator
from ..generators.crystal_geometry import Geometry
from ..generators.dressed_types import Dressed, chosen, to_orbits, with_values
from ..generators.sizes import Sizes
from ..generators.wyckoff_language import Beginning, ElementChoice
from ..generators.wyckoff_words import SLOTS
from .crystal_encoder import CrystalEncoder
from .crystal_shaper import CrystalShaper, angle_to_point

LEAST_SHARE = 0.3
"""Words that are less likely than this share of the likeliest are not decoded."""
LEAST_LIKELIHOOD = -5.0
"""The log likelihood of all words below which a vector leaves open which crystal it is.

Of 299 encoded test crystals 296 are above, of 1,000 draws from N(0, 1) two.
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


class CrystalLatent(CrystalGenerator):
    """An autoencoder of crystals whose decoder is a generator: z stands where a composition would be given.

    Where z makes one word likely, that one is decoded; where it leaves several, the numbers of z choose among them as
    random numbers would. So a z ~ N(0, 1) that is far from all crystals is a draw of the generator.

    latent, tokens: the size of z, and the number of tokens that it is cut into; encoder_depth, shaper_depth: of their
    transformers.
    """

    def __init__(self, sizes: Sizes, latent: int, tokens: int, encoder_depth: int, shaper_depth: int) -> None:
        super().__init__(sizes)
        self.latent_dim, self.latent_tokens, self.noise_dim = latent, tokens, latent
        self.language.least_share, self.least_likelihood = LEAST_SHARE, LEAST_LIKELIHOOD
        self.geometry_parts = [LATTICE_PARAMS, 3 * sizes.orbits, latent - LATTICE_PARAMS - 3 * sizes.orbits]
        self.encoder = CrystalEncoder(sizes.width, encoder_depth, tokens, latent)
        self.expand = nn.Linear(latent // tokens, sizes.width)
        self.token = nn.Parameter(0.1 * torch.randn(tokens, sizes.width))
        self.hint = nn.Linear(latent, SLOTS * sizes.width)
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

    def latent_features(self, z: Tensor) -> Tensor:
        """Return the tokens [B, T, width] of latent vectors [B, latent]."""
        tokens: Tensor = self.expand(z.view(len(z), self.latent_tokens, -1)) + self.token
        return tokens

    def latent_beginning(self, z: Tensor) -> Beginning:
        """Return what begins sentences about latent vectors [B, latent]."""
        start = self.language.part.weight[1].expand(len(z), 1, -1)
        tokens = torch.cat((self.latent_features(z), start), 1)
        hints = self.hint(z).view(len(z), self.most_slots, -1)
        return Beginning(tokens, torch.ones_like(tokens[:, :, 0], dtype=torch.bool), hints)

    def decode_words(self, z: Tensor) -> Dressed:
        """Return the structure types and elements of latent vectors [B, latent]."""
        beginning = self.latent_beginning(z)
        uniform = uniform_from_normal(z)
        nothing: dict[str, list[float]] = {}
        groups = possible_groups(nothing, self.groups)
        n_words = 1 + 2 * self.orbits
        group, letters, slots, _ = self.language.draw_types(
            beginning, uniform[:, :n_words], groups, (1, self.atoms), (1, self.most_slots)
        )
        possible = possible_elements(nothing, self.seen)
        words = uniform[:, n_words : n_words + self.most_slots]
        kept = torch.zeros_like(slots[:1, :1]).expand(1, words.size(1))
        choice = ElementChoice(possible, kept, 0, 1.0, torch.zeros_like(words[:1]).unsqueeze(2))
        elements, reading = self.language.dress(beginning, group, letters, slots, words.unsqueeze(1), choice)
        likelihood, log_volume = reading.log_probabilities.sum(1).double(), reading.log_volume.double()
        letters, slots = to_orbits(letters, self.orbits, -1), to_orbits(slots, self.orbits, 0)
        tie = torch.zeros_like(log_volume)  # the first of equally near crystals: z says the rest
        return Dressed(group, letters, slots, elements, likelihood, log_volume, tie)

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

    def with_volume(self, dressed: Dressed) -> Dressed:
        """Return structure types with the volume to expect, that of the nearest known crystal scaled by the radii."""
        position = self.language.positions(dressed.space_group, dressed.letters)
        counts = self.language.slot_counts(position, dressed.slots, self.most_slots)
        rows = self.nearest_known(dressed)[0].clamp(min=0)
        params = self.types.lattice_params[rows].double() / self.types.lattice_units
        volume = torch.linalg.det(self.primitive_lattice(dressed.space_group, from_parameters(params))).abs()
        cubes = self.radii.double() ** 3
        scale = (cubes[dressed.elements] * counts).sum(1)
        scale = scale / (cubes[self.types.elements[rows].long()] * self.types.counts[rows].long()).sum(1)
        log_volume = (volume * scale / counts.sum(1)).log() - self.types.log_volume[rows].double()
        return with_values(dressed, dressed.log_likelihood, log_volume, dressed.tie)

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

        The geometry is the one that the generator gives to these elements where atoms would be too near each other, and
        where the vector leaves open which crystal it is: then what it says of the cell fits no words.

        conditions: none; plan: not used. Both are parts of what a sampler calls.
        """
        none: dict[str, list[float]] = {}
        dressed = self.decode_words(noise)
        geometry = self.decode_geometry(noise, dressed)
        met = self.meets(dressed, geometry, none)
        rows = torch.where(~met | (dressed.log_likelihood < self.least_likelihood))[0]
        if len(rows) > 0:
            again = self.with_volume(chosen(dressed, rows))
            lattice_noise, point_noise, _ = noise[rows].split(self.geometry_parts, 1)
            other = self.shape(again, lattice_noise, point_noise)
            better = torch.where(self.meets(again, other, none))[0]
            met[rows[better]] = True
            for values, replacing in zip(geometry, other):  # noqa: B905, TorchScript has no strict
                values[rows[better]] = replacing[better]
        return self.flat(dressed, geometry, met)

    @torch.jit.export
    def problem(self, conditions: dict[str, list[float]]) -> str:
        """Return why the conditions cannot be met, or nothing if there are none."""
        for name, values in conditions.items():
            if name != "structures" or values[0] != 0:  # any structure type is no condition
                return name + ": this model draws latent vectors and takes no conditions; sample from mp10a"
        return ""
