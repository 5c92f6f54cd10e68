"""Awkward crystals, by name: a property that holds for these holds for any crystal."""

import math

import numpy as np
import torch

from crystalgrid import Crystal


def lattice_of(a: float, b: float, c: float, alpha: float, beta: float, gamma: float) -> np.ndarray:
    """Return rows a, b, c from lengths in Å and angles in degrees, a along x and b in the plane of x and y."""
    cos_a, cos_b, cos_g = (math.cos(math.radians(angle)) for angle in (alpha, beta, gamma))
    sin_g = math.sin(math.radians(gamma))
    cx, cy = cos_b, (cos_a - cos_b * cos_g) / sin_g
    return np.array([[a, 0, 0], [b * cos_g, b * sin_g, 0], [c * cx, c * cy, c * math.sqrt(1 - cx * cx - cy * cy)]])


def random_rotation(rng: np.random.Generator) -> np.ndarray:
    """Return a proper rotation [3, 3], uniform over SO(3)."""
    q, r = np.linalg.qr(rng.standard_normal((3, 3)))
    q = q * np.sign(np.diag(r))
    return q * np.linalg.det(q)


def random_crystal(rng: np.random.Generator, atoms: int, side: tuple[float, float] = (3.0, 9.9)) -> Crystal:
    """Return a cell of any shape but flat ones, in any orientation, with atoms inside and outside of it."""
    while True:
        directions = rng.standard_normal((3, 3))
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
        if abs(np.linalg.det(directions)) > 0.2:
            break
    lattice = directions * rng.uniform(*side, (3, 1))
    return Crystal(lattice, rng.uniform(-1, 2, (atoms, 3)), rng.integers(1, 95, atoms))


def random_origins(rng: np.random.Generator, crystals: list[Crystal]) -> torch.Tensor:
    """Return an origin for each crystal, uniform over its cell, [B, 3] Å."""
    return torch.from_numpy(np.stack([rng.random(3) @ crystal.lattice for crystal in crystals]))


_rng = np.random.default_rng(0)
_CUBIC = lattice_of(4.2, 4.2, 4.2, 90, 90, 90)
_FACES = np.array([[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])
PEROVSKITE = Crystal(
    lattice_of(3.9, 3.9, 3.9, 90, 90, 90),
    [[0.5, 0.5, 0.5], [0, 0, 0], [0.5, 0, 0], [0, 0.5, 0], [0, 0, 0.5]],
    [38, 22, 8, 8, 8],
)

ZOO = {
    "cubic": Crystal(_CUBIC, [*_FACES, *(_FACES + 0.5)], [12] * 4 + [8] * 4),
    "perovskite": PEROVSKITE,
    "hexagonal": Crystal(
        lattice_of(3.25, 3.25, 5.2, 90, 90, 120),
        [[1 / 3, 2 / 3, 0], [2 / 3, 1 / 3, 0.5], [1 / 3, 2 / 3, 0.38], [2 / 3, 1 / 3, 0.88]],
        [30, 30, 8, 8],
    ),
    "strongly oblique": Crystal(lattice_of(5, 8, 9.5, 35, 40, 55), [[0.1, 0.2, 0.3], [0.6, 0.7, 0.1]], [55, 17]),
    "face-centred": Crystal(
        2.715 * (np.ones((3, 3)) - np.eye(3)) @ np.diag([-1, 1, -1]), [[0, 0, 0], [0.25, 0.25, 0.25]], [14, 32]
    ),
    "left-handed": Crystal(lattice_of(4, 5, 6, 80, 95, 110)[[1, 0, 2]], [[0, 0, 0], [0.3, 0.4, 0.5]], [11, 9]),
    "2.5 Å cell": Crystal(lattice_of(2.5, 2.5, 2.5, 60, 60, 60), [[0, 0, 0]], [28]),
    "3 × 3 × 9.9 Å": Crystal(lattice_of(3, 3, 9.9, 90, 90, 90), [[0, 0, 0], [0.5, 0.5, 0.2]], [47, 35]),
    "one atom": Crystal(lattice_of(9, 9.2, 9.7, 85, 92, 101), [[0.4, 0.6, 0.3]], [3]),
    "atom on a face": Crystal(lattice_of(10, 10, 10, 90, 90, 90), [[0, 0.31, 0.47], [0.5, 0.5, 0]], [26, 16]),
    "outside the cell": Crystal(_CUBIC, [[-3.2, 7.5, 1.5], [12.8, -0.4, 2.0]], [20, 9]),
    "rotated": Crystal(
        lattice_of(4, 5, 7, 70, 100, 115) @ random_rotation(_rng), [[0.2, 0.1, 0.9], [0.7, 0.6, 0.4]], [40, 7]
    ),
    "heavy and light": Crystal(
        lattice_of(4.3, 4.3, 4.3, 90, 90, 90), [[0, 0, 0], [0.45, 0, 0], [0.5, 0.5, 0.5]], [92, 1, 1]
    ),
    "layers and a void": Crystal(lattice_of(3, 3, 40, 90, 90, 90), [[0, 0, 0], [0.5, 0.5, 0.03]], [83, 34]),
    "many atoms": Crystal(lattice_of(9.5, 9.7, 9.8, 88, 97, 104), _rng.random((60, 3)), _rng.integers(1, 95, 60)),
}
"""Every crystal here is right for every stage, in both modes."""
