"""Rotations for single mode: uniform over SO(3), drawn again until no atom is outside the cube."""

from functools import cache

import numpy as np

from ..latents import philox

TRIES = (1, 8, 64, 512)
"""Rotations drawn in one go for those crystals that none has fitted yet."""
STANDING = (64, 512, 4096)
"""How many of the standing rotations are tried in turn."""


def uniform(keys: np.ndarray | np.uint64, draws: np.ndarray | int) -> np.ndarray:
    """Three numbers uniform in [0, 1) for each of broadcast keys (uint64) and draws: [..., 3] float64."""
    key, draw = np.broadcast_arrays(keys, np.asarray(draws, np.uint64))
    counter = np.stack([draw, np.zeros_like(draw), key & np.uint64(0xFFFFFFFF), key >> np.uint64(32)], axis=-1)
    return philox(counter, (0, 0))[..., :3] * 2.0**-32


def rotations(uniform: np.ndarray) -> np.ndarray:
    """Rotations uniform over SO(3) from three uniform numbers each, by quaternions (Shoemake 1992): [..., 3, 3]."""
    u, angle1, angle2 = uniform[..., 0], 2 * np.pi * uniform[..., 1], 2 * np.pi * uniform[..., 2]
    x, y = np.sqrt(1 - u) * np.sin(angle1), np.sqrt(1 - u) * np.cos(angle1)
    z, w = np.sqrt(u) * np.sin(angle2), np.sqrt(u) * np.cos(angle2)
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ]
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)


@cache
def standing() -> np.ndarray:
    """Fixed rotations [1, 4096, 3, 3], the identity first: a crystal that fits under none of them never fits."""
    fixed = rotations(uniform(np.uint64(0), np.arange(STANDING[-1])))
    fixed[0] = np.eye(3)
    return fixed[None]


def rotations_that_fit(atoms: np.ndarray, offsets: np.ndarray, length: float, keys: np.ndarray) -> np.ndarray:
    """For each crystal the first rotation of its key that puts no atom outside the cube: [B, 3, 3].

    atoms: [N, 3] Å from the cube's centre. After 585 draws one of the standing rotations that fit is taken; NaN if
    there is none.
    """
    far = far_atoms(atoms, offsets, length)
    chosen = np.full((len(far), 3, 3), np.nan)
    pending = np.arange(len(far))
    drawn = 0
    for tries in TRIES:
        drawing = rotations(uniform(keys[pending, None], np.arange(drawn, drawn + tries)))
        inside = _inside(far[pending], drawing, length)
        first, found = inside.argmax(axis=1), inside.any(axis=1)
        chosen[pending[found]] = drawing[found, first[found]]
        pending = pending[~found]
        drawn += tries
        if len(pending) == 0:
            return chosen
    for b in pending:
        known = np.flatnonzero(_inside(far[b : b + 1], standing(), length)[0])
        if len(known):
            chosen[b] = standing()[0, known[keys[b] % np.uint64(len(known))]]
    return chosen


def ever_fits(atoms: np.ndarray, offsets: np.ndarray, length: float) -> np.ndarray:
    """[B] bool, whether one of the standing rotations puts no atom of the crystal outside the cube."""
    far = far_atoms(atoms, offsets, length)
    fits = np.zeros(len(far), dtype=bool)
    possible = np.linalg.norm(far, axis=2).max(axis=1, initial=0) <= length / 2 * np.sqrt(
        3
    )  # else outside every corner
    for count in STANDING:
        pending = np.flatnonzero(possible & ~fits)
        if len(pending) == 0:
            break
        fits[pending] = _inside(far[pending], standing()[:, :count], length).any(axis=1)
    return fits


def far_atoms(atoms: np.ndarray, offsets: np.ndarray, length: float) -> np.ndarray:
    """Atoms that a rotation can put outside, [B, M, 3], filled up with zeros."""
    far = np.linalg.norm(atoms, axis=1) > length / 2
    crystal = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))[far]
    counts = np.bincount(crystal, minlength=len(offsets) - 1)
    padded = np.zeros((len(counts), counts.max(initial=0), 3))
    padded[crystal, np.arange(len(crystal)) - np.repeat(np.cumsum(counts) - counts, counts)] = atoms[far]
    return padded


def _inside(far: np.ndarray, rotations: np.ndarray, length: float) -> np.ndarray:
    """[P, T] bool, whether all atoms [P, M, 3] are inside the cube under each of the rotations [P or 1, T, 3, 3]."""
    count = rotations.shape[1]
    turned = rotations.reshape(len(rotations), count * 3, 3) @ far.transpose(0, 2, 1)
    return np.abs(turned).reshape(len(far), count, 3 * far.shape[1]).max(axis=2, initial=0) <= length / 2
