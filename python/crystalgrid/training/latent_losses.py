"""The losses of an autoencoder of crystals: words, coordinates and lattice after z, and the divergence of z."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..nets.generators.structure_types import StructureTypes
from ..nets.latent.crystal_latent import CrystalLatent, Described
from .crystal_losses import sentences

REDRESSED_SHARE = 0.4
"""The share of crystals whose elements are replaced and whose atoms are moved, so that z must say what they are."""
MOVED, STRETCHED = 0.02, 0.05
"""The standard deviations of the moves, in fractional coordinates, and of the logarithm of all edges."""
FREE_SHARE = 0.15
"""The share of crystals whose z is drawn from N(0, 1), from which the decoder learns to draw crystals by itself."""
POINT_WEIGHT, LATTICE_WEIGHT = 8.0, 8.0
"""The weights of the errors of coordinates and lattice beside the nats of words."""
SHARP = 0.02
"""The radius in which the error of a point on the unit circle is squared, and beyond which it is a distance."""


class LatentTerms(NamedTuple):
    """The terms of the loss of B crystals, each [B]."""

    words: Tensor
    """The negative log probability of all words, nats."""
    points: Tensor
    """The mean distance of free coordinates on the unit circle."""
    lattice: Tensor
    """The mean error of standardised lattice parameters."""
    divergence: Tensor
    """Of the latent distribution from N(0, 1), nats."""


def described(examples: StructureTypes, rows: Tensor) -> Described:
    """Return known crystals as they are encoded."""
    letters, slots, points = examples.orbits_of(rows)
    elements = examples.elements[rows].long()
    elements = elements[:, : int((elements > 0).sum(1).max())]
    params = examples.lattice_params[rows].float() / examples.lattice_units
    return Described(examples.space_group[rows].long(), letters, slots, elements, points.float(), params)


def redressed(network: CrystalLatent, crystals: Described, rng: np.random.Generator) -> Described:
    """Return crystals with other elements, moved and stretched as their symmetry allows.

    The elements are random, in the order of the Mendeleev numbers of those that they replace: the description stays
    canonical.
    """
    seen = torch.where(network.seen)[0]
    ordered = seen[network.mendeleev_numbers[seen].argsort()]
    batch, n_slots = crystals.elements.shape
    chosen = torch.from_numpy(rng.random((batch, len(ordered)))).argsort(1)[:, :n_slots].to(ordered.device)
    beyond = len(ordered) + torch.arange(n_slots, device=ordered.device)
    is_element = crystals.elements > 0
    chosen = torch.where(is_element, chosen, beyond).sort(1).values  # as many as there are elements come first
    place = torch.where(is_element, network.mendeleev_numbers[crystals.elements], 1 << 20).argsort(1).argsort(1)
    elements = ordered[chosen.clamp(max=len(ordered) - 1)].gather(1, place) * is_element
    position = network.language.positions(crystals.space_group, crystals.letters)
    noise = torch.from_numpy(rng.normal(0, MOVED, crystals.points.shape)).to(crystals.points.device)
    moved = (network.language.table.projector[position] @ noise.unsqueeze(3)).squeeze(3).float()
    stretch = rng.normal(0, STRETCHED, (batch, 1)) * np.array([1, 1, 1, 0, 0, 0])
    params = crystals.lattice_params + torch.from_numpy(stretch).float().to(moved.device)
    return crystals._replace(elements=elements, points=crystals.points + moved, lattice_params=params)


def latent_terms(
    network: CrystalLatent, examples: StructureTypes, rows: Tensor, crystals: Described, noise: Tensor, free: Tensor
) -> LatentTerms:
    """Return the terms of the loss of crystals [B] that `rows` of the examples were made into.

    noise: [B, latent] ~ N(0, 1), added to the mean with the standard deviation of the encoder; free: [B] bool, those
    whose z is the noise alone.
    """
    mu, logvar = network.encode_orbits(crystals)
    z = torch.where(free.unsqueeze(1), noise, mu + noise * (0.5 * logvar).exp())
    spoken = sentences(network, examples, rows, torch.zeros_like(free))._replace(elements=crystals.elements)
    words, *_ = network.language.read_after(network.latent_beginning(z), spoken)
    position = network.language.positions(crystals.space_group, crystals.letters)
    circles, standardized = network.shaper(z, network.latent_features(z), *network.orbit_tokens(crystals))
    angles = 2 * torch.pi * crystals.points
    distance = (circles - torch.stack((angles.cos(), angles.sin()), 3)).square().sum(3)
    is_free = (network.language.table.projector[position].abs().sum(3) > 0) & (crystals.letters >= 0).unsqueeze(2)
    error = ((distance + SHARP**2).sqrt() - SHARP) * is_free
    points = error.sum((1, 2)) / is_free.sum((1, 2)).clamp(min=1).sqrt()
    scaled = (crystals.lattice_params - network.lattice_mean) / network.lattice_std
    lattice = (standardized - scaled).abs().mean(1)
    divergence = 0.5 * (mu.square() + logvar.exp() - 1 - logvar).sum(1)
    has_z = (~free).float()
    return LatentTerms(-words.sum(1), points * has_z, lattice * has_z, divergence * has_z)


def latent_loss(terms: LatentTerms, kl: float) -> Tensor:
    """Return the loss of a batch; kl: the weight of the divergence."""
    weighted = terms.words + POINT_WEIGHT * terms.points + LATTICE_WEIGHT * terms.lattice + kl * terms.divergence
    return weighted.mean()
