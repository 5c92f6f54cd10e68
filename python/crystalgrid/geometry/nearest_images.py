"""Nearest images of atoms in periodic crystals, among the 27 cells around the rounded difference.

That is enough for the shortest bases of lattices, where no nearer image is farther away than one cell.
"""

import torch
from torch import Tensor

from .lattices import neighbours


def nearest_translations(frac_coords: Tensor, lattice: Tensor) -> Tensor:
    """Return lattice translations [B, K, K, 3] that, subtracted, make the differences between atoms shortest.

    frac_coords: [B, K, 3]; lattice: [B, 3, 3] Å. Differences are those of atom i, the first index, to atom j.
    """
    difference = frac_coords.unsqueeze(2) - frac_coords.unsqueeze(1)
    steps = neighbours(frac_coords.device)
    translations = difference.round().unsqueeze(3) + steps
    squares = ((difference.unsqueeze(3) - translations).flatten(1, 3) @ lattice).square().sum(2)
    nearest = squares.view(translations.shape[:4]).argmin(3)
    return difference.round() + steps[nearest]


def mean_nearest_differences(frac_coords: Tensor, lattice: Tensor, width: float) -> tuple[Tensor, Tensor]:
    """Return the shortest differences of fractional coordinates [B, K, K, 3], and their lengths [B, K, K] in Å.

    If several images are about equally near, as symmetry often makes them, the difference is their mean, with weights
    exp(-distance² / (2 width²)), so that rounding does not choose one; width in Å.

    frac_coords: [B, K, 3]; lattice: [B, 3, 3] Å.
    """
    difference = frac_coords.unsqueeze(2) - frac_coords.unsqueeze(1)
    difference = difference - difference.round()
    flat, steps = difference.flatten(1, 2).mT, neighbours(frac_coords.device)
    along = steps @ (lattice @ lattice.mT) / (-2 * width**2)
    nearness = 2 * along @ flat + (along * steps).sum(2, keepdim=True)  # of each image, relative to the rounded one
    mean = difference + (steps.T @ nearness.softmax(1)).mT.reshape(difference.shape)
    squares = (lattice.mT @ flat).square().sum(1) - 2 * width**2 * nearness.amax(1)
    positive = squares > 0  # an atom is at distance 0 from itself, where the root has no gradient
    distance = torch.where(positive, squares, 1.0).sqrt() * positive
    return mean, distance.view(difference.shape[:3])
