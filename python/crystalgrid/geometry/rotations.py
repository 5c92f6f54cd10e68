"""Rotations for single mode, uniform over SO(3), drawn again until no atom is outside the cube."""

from functools import cache

import numpy as np

from ..latents import philox

TRIES = (1, 8, 64, 512)
"""The numbers of rotations in each batch of draws, for crystals that do not fit in the cube yet; 585 in total."""
FALLBACKS = (64, 512, 4096)
"""The numbers of fallback rotations that are tried in turn: most crystals fit under one of the first few."""


def uniform(keys: np.ndarray | np.uint64, draws: np.ndarray | int) -> np.ndarray:
    """Return three numbers uniform in [0, 1) for each of broadcast keys (uint64) and draws, [..., 3] float64."""
    key, draw = np.broadcast_arrays(keys, np.asarray(draws, np.uint64))
    counter = np.stack([draw, np.zeros_like(draw), key & np.uint64(0xFFFFFFFF), key >> np.uint64(32)], axis=-1)
    return philox(counter, (0, 0))[..., :3] * 2.0**-32


def rotations(numbers: np.ndarray) -> np.ndarray:
    """Return rotations [..., 3, 3] uniform over SO(3) from uniform numbers [..., 3], by quaternions (Shoemake 1992).

    The matrices are written out: those of scipy's `Rotation.from_quat` differ in the last bits, and the cubes that a
    model is trained on follow from keys to the last bit.
    """
    u, angle1, angle2 = numbers[..., 0], 2 * np.pi * numbers[..., 1], 2 * np.pi * numbers[..., 2]
    x, y = np.sqrt(1 - u) * np.sin(angle1), np.sqrt(1 - u) * np.cos(angle1)
    z, w = np.sqrt(u) * np.sin(angle2), np.sqrt(u) * np.cos(angle2)
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ]
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)


@cache
def fallback_rotations() -> np.ndarray:
    """Return fixed rotations [1, 4096, 3, 3], the identity first; a crystal that fits under none is too large."""
    fixed = rotations(uniform(np.uint64(0), np.arange(FALLBACKS[-1])))
    fixed[0] = np.eye(3)
    return fixed[None]


def rotations_that_fit(atoms: np.ndarray, offsets: np.ndarray, length: float, keys: np.ndarray) -> np.ndarray:
    """Return, for each crystal, the first rotation of its key that puts no atom outside the cube, [B, 3, 3].

    atoms: [N, 3] Å from the cube's centre. offsets: [B+1]. keys: [B] uint64.

    If none of 585 draws fits, one of the fallback rotations that fit is taken; if none fits, the rotation is NaN.
    """
    far = far_atoms(atoms, offsets, length)
    chosen = np.full((len(far), 3, 3), np.nan)
    pending = np.arange(len(far))
    n_drawn = 0
    for tries in TRIES:
        drawn = rotations(uniform(keys[pending, None], np.arange(n_drawn, n_drawn + tries)))
        inside = _inside(far[pending], drawn, length)
        first, found = inside.argmax(axis=1), inside.any(axis=1)
        chosen[pending[found]] = drawn[found, first[found]]
        pending = pending[~found]
        n_drawn += tries
        if len(pending) == 0:
            return chosen
    for b in pending:
        fitting = np.flatnonzero(_inside(far[b : b + 1], fallback_rotations(), length)[0])
        if len(fitting):
            chosen[b] = fallback_rotations()[0, fitting[keys[b] % np.uint64(len(fitting))]]
    return chosen


def ever_fits(atoms: np.ndarray, offsets: np.ndarray, length: float) -> np.ndarray:
    """Return whether one of the fallback rotations puts no atom of a crystal outside the cube, [B] bool."""
    far = far_atoms(atoms, offsets, length)
    fits = np.zeros(len(far), dtype=bool)
    to_corner = length / 2 * np.sqrt(3)
    possible = np.linalg.norm(far, axis=2).max(axis=1, initial=0) <= to_corner
    for count in FALLBACKS:
        pending = np.flatnonzero(possible & ~fits)
        if len(pending) == 0:
            break
        fits[pending] = _inside(far[pending], fallback_rotations()[:, :count], length).any(axis=1)
    return fits


def far_atoms(atoms: np.ndarray, offsets: np.ndarray, length: float) -> np.ndarray:
    """Return the atoms of each crystal that a rotation can put outside the cube, [B, M, 3], padded with zeros."""
    far = np.linalg.norm(atoms, axis=1) > length / 2
    crystal = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))[far]
    counts = np.bincount(crystal, minlength=len(offsets) - 1)
    padded = np.zeros((len(counts), counts.max(initial=0), 3))
    padded[crystal, np.arange(len(crystal)) - np.repeat(np.cumsum(counts) - counts, counts)] = atoms[far]
    return padded


def _inside(far: np.ndarray, rotations: np.ndarray, length: float) -> np.ndarray:
    """Return whether all atoms [P, M, 3] are in the cube under each of the rotations [P or 1, T, 3, 3], [P, T] bool."""
    count = rotations.shape[1]
    rotated = rotations.reshape(len(rotations), count * 3, 3) @ far.transpose(0, 2, 1)
    largest: np.ndarray = np.abs(rotated).reshape(len(far), count, 3 * far.shape[1]).max(axis=2, initial=0)
    return largest <= length / 2
