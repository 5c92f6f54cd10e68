"""What crystals are like: a lattice and the atoms of one cell, which a flow makes of noise (Lipman et al. 2023)."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...geometry.blur import product
from ...geometry.lattices import SIDES, from_parameters, neighbours
from ...geometry.orbits import GROUPS, Sites, moved, placed, shortest, symmetric, symmetric_sides
from ..segmentation.heads import SPECIES
from .composition import ELEMENTS, Composition
from .minimum_distances import Contacts
from .templates import Templates

FREQUENCIES = 8
"""Of sines and cosines of the time."""
HEADS = 4
RADII, FARTHEST, WIDE = 16, 8.0, 0.5
"""Gaussians of `WIDE` Å that say how far two atoms are from each other, up to `FARTHEST` Å."""
NOISE_OF_ONE = 1 + ELEMENTS + SIDES + 6
"""Numbers of noise for a crystal of one atom; each more takes six."""
REACH = 3
"""Largest Miller index of waves that atoms attend by."""
LATE, LAST = 0.2, 0.05
"""A velocity is a sum of two parts, of which one grows as LATE / (1 + LAST - t), like that towards a known place."""


class CellPrior(nn.Module):
    """Noise to crystals.

    A crystal takes its symmetry from a known one, which `Templates` keep; `Composition` says which atoms there are.
    They start anywhere in a cell of any shape, as far as symmetry lets them, and follow dx/dt = v(x, t) from t = 0 to
    1, x being their fractional coordinates and the lattice's parameters (standardised). v is learned from points on
    straight lines between noise and crystals; fractional coordinates go the shorter way around. In the end `Contacts`
    push apart atoms that came too near, which a network that is still learning does not avoid. No step breaks the
    symmetry.

    latent_dim: of the noise, of which as much is used as is needed. widths: of the layers' hidden parts; all but these
    are half as wide as the first. atoms: in one cell, at most. steps: from noise to a crystal.
    """

    def __init__(self, latent_dim: int, widths: tuple[int, ...], atoms: int, steps: int = 12) -> None:
        super().__init__()
        assert atoms <= most_atoms(latent_dim)
        self.steps, self.atoms = steps, atoms
        self.parts = [1, ELEMENTS, SIDES, 3 * atoms, 3 * atoms]  # of the noise
        width = widths[0] // 2
        self.templates = Templates(atoms)
        self.composition = Composition(atoms)
        self.contacts = Contacts()
        self.species = nn.Embedding(1 + SPECIES, width)
        self.group = nn.Embedding(1 + GROUPS, width)
        self.context = nn.Linear(SIDES + 3 + 2 * FREQUENCIES, width)
        self.layers = nn.ModuleList(Layer(width, hidden) for hidden in widths)
        self.norm = nn.LayerNorm(width)
        self.shift = nn.Linear(width, 6)
        self.push = nn.Linear(width, 2 * RADII)
        self.turn = nn.Sequential(nn.Linear(2 * width, width), nn.SiLU(), nn.Linear(width, SIDES))
        self.scale: Tensor
        self.frequencies: Tensor
        self.waves: Tensor
        self.radii: Tensor
        self.register_buffer("scale", torch.stack((torch.zeros(SIDES), torch.ones(SIDES))))  # mean, deviation
        self.register_buffer("frequencies", math.pi * torch.arange(1, FREQUENCIES + 1), persistent=False)
        self.register_buffer("waves", 2 * math.pi * shortest_waves(width // 2).T, persistent=False)
        self.register_buffer("radii", torch.linspace(0, FARTHEST, RADII), persistent=False)

    @torch.jit.ignore
    def fit(self, sides: Tensor) -> None:
        """Take mean and deviation of each parameter of lattices [B, SIDES]."""
        self.scale.copy_(torch.stack((sides.mean(0), sides.std(0).clamp_min(1e-3))))

    def velocity(
        self,
        places: Tensor,
        sides: Tensor,
        numbers: Tensor,
        group: Tensor,
        time: Tensor,
        wide: float = WIDE,
        late: float = LATE,
        last: float = LAST,
    ) -> tuple[Tensor, Tensor]:
        """Of fractional coordinates [B, K, 3] and standardised sides [B, SIDES] of atoms [B, K] in space groups [B], at
        times [B].

        The atoms' mean stays where it is.
        """
        real = (numbers > 0).to(places.dtype).unsqueeze(2)
        count = real.sum(1)
        sides = sides.float()
        raw = sides * self.scale[1] + self.scale[0]
        known = F.silu(self.context(self.circumstances(sides, raw, count, time)) + self.group(group))
        between, distance = apart(places, from_parameters(raw))
        near = torch.exp((distance.unsqueeze(3) - self.radii).square() / (-2 * wide**2))
        phases = product(places, self.waves)
        cos, sin, hidden = phases.cos(), phases.sin(), numbers == 0
        x = self.species(numbers) + known.unsqueeze(1)
        for layer in self.layers:
            x = layer(x, cos, sin, near, hidden, known)
        x = self.norm(x)
        grows = late / (1 + last - time[:, None, None])
        shift, shift_late = self.shift(x).float().chunk(2, 2)
        pushed, pushing = self.push(x).chunk(2, 2)
        push = (near * (pushed.unsqueeze(2) + pushing.unsqueeze(1))).sum(3) * real.transpose(1, 2)
        shift = shift + grows * (shift_late + (push.unsqueeze(3) * between).sum(2))
        shift = (shift - ((shift * real).sum(1) / count).unsqueeze(1)) * real
        return shift, self.turn(torch.cat(((x * real).sum(1) / count, known), 1)).float()

    def circumstances(self, sides: Tensor, raw: Tensor, count: Tensor, time: Tensor) -> Tensor:
        """What an atom should know of its crystal: shape, atoms, volume of each, and the time; [B, …]."""
        phase = time[:, None] * self.frequencies
        volume = raw[:, :3].sum(1, keepdim=True) - count.log()
        return torch.cat((sides, count.log(), volume, time[:, None], phase.cos(), phase.sin()), 1)

    def allowed(self, sites: Sites, sides: Tensor) -> Tensor:
        """The nearest standardised sides [B, SIDES] of lattices that have the symmetry."""
        return (symmetric_sides(sites, sides * self.scale[1] + self.scale[0]) - self.scale[0]) / self.scale[1]

    @torch.jit.ignore
    def loss(
        self, cells: tuple[Tensor, Tensor, Tensor], sites: Sites, noise: tuple[Tensor, Tensor], time: Tensor
    ) -> Tensor:
        """Squared errors of v on the way from noise to cells, at times [B]: of places, and of sides.

        cells: fractional coordinates, sides (not standardised), numbers; noise: free points and standardised sides.
        """
        places, sides, numbers = cells
        at = time[:, None]
        start, start_sides = placed(sites, noise[0]), self.allowed(sites, noise[1])
        sides = (sides - self.scale[0]) / self.scale[1]
        way = moved(sites, shortest(sites, placed(sites, places) - start))
        real = (numbers > 0).to(places.dtype).unsqueeze(2)
        count = real.sum(1, keepdim=True)
        way = (way - way.sum(1, keepdim=True) / count) * real
        between = self.allowed(sites, (1 - at) * start_sides + at * sides)
        shift, turn = self.velocity(start + at[:, None] * way, between, numbers, sites.group, time)
        of_places = ((symmetric(sites, shift) - way).square() / count).sum((1, 2)).mean()
        return 4 * of_places + (turn - (sides - start_sides)).square().mean()

    def forward(self, noise: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """noise ~ N(0, 1) [B, latent_dim] to lattices [B, 3, 3] in Å, fractional coordinates [B, K, 3], numbers [B, K].

        Behind the last atom numbers are 0. Where an atom starts is the angle between two numbers of the noise, which is
        uniform for noise of any temperature.
        """
        of_template, of_elements, sides, x, y = noise[:, : sum(self.parts)].split(self.parts, 1)
        sites, kinds = self.templates(of_template.squeeze(1))
        numbers = self.composition(of_elements, kinds, sites.group)
        places = placed(sites, torch.atan2(x, y).view(-1, self.atoms, 3) / (2 * math.pi))
        sides, ones = self.allowed(sites, sides), torch.ones_like(sides[:, 0])
        for step in range(self.steps):
            shift, turn = self.velocity(places, sides, numbers, sites.group, ones * (step / self.steps))
            places = places + symmetric(sites, shift) / self.steps
            sides = self.allowed(sites, sides + turn / self.steps)
        lattice = from_parameters(sides * self.scale[1] + self.scale[0])
        return lattice, self.contacts(places, lattice, numbers, sites), numbers


def most_atoms(latent_dim: int) -> int:
    """For which so many numbers of noise are enough."""
    return (latent_dim - NOISE_OF_ONE) // 6 + 1


def shortest_waves(count: int) -> Tensor:
    """[count, 3]: Miller indices, the smallest first, of each pair of opposite ones one."""
    reach = torch.arange(-REACH, REACH + 1)
    indices = torch.cartesian_prod(reach, reach, reach)
    indices = indices[len(indices) // 2 + 1 :]
    return indices[indices.square().sum(1).argsort(stable=True)][:count].float()


class Layer(nn.Module):
    """Attention among atoms, then two layers for each that know the circumstances."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.attention = Attention(width)
        self.norm = nn.LayerNorm(width)
        self.inner = nn.Linear(width, hidden)
        self.known = nn.Linear(width, hidden)
        self.outer = nn.Linear(hidden, width)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor, near: Tensor, hidden: Tensor, known: Tensor) -> Tensor:
        x = self.attention(x, cos, sin, near, hidden)
        return x + self.outer(F.silu(self.inner(self.norm(x)) + self.known(known).unsqueeze(1)))


class Attention(nn.Module):
    """Atoms attend to atoms by where these are from them, modulo the lattice.

    Queries, keys and values are turned by the phases of waves at their atoms, and what comes to an atom is turned back
    by its own: all that is ever known of places is their differences. How near atoms are, in Å, counts as well.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.ask = nn.Linear(width, 3 * width)
        self.near = nn.Linear(RADII, HEADS)
        self.leave = nn.Linear(width, width)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor, near: Tensor, hidden: Tensor, heads: int = HEADS) -> Tensor:
        """x [B, K, width], phases [B, K, width / 2], near [B, K, K, RADII], and which atoms are none, [B, K]."""
        pairs = self.ask(self.norm(x)).unflatten(2, [3, cos.size(2), 2])
        asked = turned(pairs, cos.unsqueeze(2), sin.unsqueeze(2)).to(pairs.dtype)
        query, key, value = asked.unflatten(3, [heads, -1]).permute(2, 0, 3, 1, 4).unbind(0)
        bias = self.near(near).permute(0, 3, 1, 2).masked_fill(hidden[:, None, None], -1e4)
        seen = F.scaled_dot_product_attention(query, key, value, attn_mask=bias.to(query.dtype))
        back = turned(seen.transpose(1, 2).flatten(2).unflatten(2, [-1, 2]), cos, -sin)
        return x + self.leave(back)


def apart(places: Tensor, lattice: Tensor, wide: float = WIDE) -> tuple[Tensor, Tensor]:
    """Fractional coordinates [B, K, 3] to the ways between atoms [B, K, K, 3] and their lengths [B, K, K], Å.

    A way is the shortest there is, and of several that are about as long their mean: symmetry makes ways equally long,
    and rounding must not choose one of them.
    """
    between = places.unsqueeze(2) - places.unsqueeze(1)
    between = between - between.round()
    flat, steps = between.flatten(1, 2).mT, neighbours(places.device)
    along = steps @ (lattice @ lattice.mT) / (-2 * wide**2)
    nearer = 2 * along @ flat + (along * steps).sum(2, keepdim=True)
    ways = between + (steps.T @ nearer.softmax(1)).mT.reshape(between.shape)
    squares = (lattice.mT @ flat).square().sum(1) - 2 * wide**2 * nearer.amax(1)
    positive = squares > 0  # an atom is at distance 0 from itself, where the root has no gradient
    distance = torch.where(positive, squares, 1.0).sqrt() * positive
    return ways, distance.view(between.shape[:3])


def turned(pairs: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """[..., W, 2], each pair turned by an angle [..., W]: [..., 2 W]."""
    x, y = pairs.unbind(-1)
    return torch.stack((x * cos - y * sin, x * sin + y * cos), -1).flatten(-2)
