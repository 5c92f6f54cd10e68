"""Translations: vectors that bring the atoms in a cube to atoms of the same species, and a lattice made of them."""

import numpy as np

MARGIN = 0.5
"""Å; atoms nearer to a face may be missing, or off."""
CELL = 0.2
"""Å, of the cells in which differences of positions are counted, 3³ of them at a time."""
LEAST_PAIRS, LEAST_SHARE = 3, 0.5
"""Pairs of atoms that a translation must bring together, and of those that it should."""
SAME = 0.5
"""Å; translations that differ by less are the same."""
LEAST_SKEWED = 0.6
"""Over the product of the lengths; of a lattice's shortest vectors it is 0.71 or more."""
NEIGHBOURS = np.stack(np.meshgrid(*3 * [np.arange(-1, 2)], indexing="ij"), -1).reshape(-1, 3)


def depth(positions: np.ndarray, length: float) -> np.ndarray:
    """[N] Å from each position [N, 3] to the nearest face of the cube, negative outside."""
    return np.minimum(positions, length - positions).min(axis=-1)


def translations(positions: np.ndarray, numbers: np.ndarray, length: float, like: int) -> tuple[np.ndarray, np.ndarray]:
    """Vectors [T, 3], Å, one of each t and -t, and which share [T] of the atoms they bring to like ones.

    positions: [N, 3] Å in a cube of `length`; numbers: [N]; species are like if their numbers differ by `like` at most.

    Differences of positions are counted in a histogram: translations of the lattice come again and again.
    """
    pairs = (np.abs(numbers[:, None] - numbers) <= like) & (depth(positions, length) >= MARGIN)
    np.fill_diagonal(pairs, False)
    first, second = np.nonzero(pairs)
    vectors, count = _peaks(positions[second] - positions[first], max(LEAST_PAIRS, len(positions) // 20))
    possible = (depth(positions + vectors[:, None], length) >= MARGIN).sum(axis=1)
    share = np.minimum(count / np.maximum(possible, 1), 1.0)
    kept: list[int] = []
    for t in np.argsort(-share, kind="stable"):
        if share[t] >= LEAST_SHARE and (np.linalg.norm(vectors[kept] - vectors[t], axis=1) > SAME).all():
            kept.append(int(t))
    return vectors[kept], share[kept]


def _peaks(differences: np.ndarray, least: int) -> tuple[np.ndarray, np.ndarray]:
    """Where `least` or more of the differences [D, 3] come together: their means [T, 3], and how many they are [T]."""
    cells = np.rint(differences / CELL).astype(np.int64)
    middle = np.abs(cells).max(initial=0) + 2
    size = 2 * middle + 1
    flat = ((cells + middle) * [size * size, size, 1]).sum(axis=1)
    occupied, cell_of, counts = np.unique(flat, return_inverse=True, return_counts=True)
    number = np.full(size**3, len(occupied), np.int32)  # of each cell, and one for all that are empty
    number[occupied] = np.arange(len(occupied))
    around = number[occupied[:, None] + (NEIGHBOURS * [size * size, size, 1]).sum(axis=1)]
    together = np.append(counts, 0)[around].sum(axis=1)
    peaks = (together >= least) & (together == np.append(together, 0)[around].max(axis=1))
    peaks &= occupied > size**3 // 2  # the other half is of -t
    sums = np.stack([np.append(np.bincount(cell_of, x), 0) for x in differences.T], axis=-1)
    return sums[around[peaks]].sum(axis=1) / together[peaks, None], together[peaks]


def shortest_basis(vectors: np.ndarray) -> np.ndarray | None:
    """The three shortest of the vectors [T, 3] that span space, as rows of a right-handed lattice, or None.

    Of all translations of a lattice, the shortest three that are independent are a basis of it.
    """
    basis = np.zeros((0, 3))
    for vector in vectors[np.argsort((vectors**2).sum(axis=1), kind="stable")]:
        longer = np.vstack([basis, vector])
        lengths = np.linalg.norm(longer, axis=1)
        if len(basis) < 2:
            volume = np.linalg.norm(np.cross(longer[0], longer[-1])) if len(basis) else lengths.prod()
        else:
            volume = abs(np.linalg.det(longer))
        if volume > LEAST_SKEWED * lengths.prod():
            basis = longer
        if len(basis) == 3:
            return basis if np.linalg.det(basis) > 0 else -basis
    return None
