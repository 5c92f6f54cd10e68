"""The lattice of a crystal from pairs of atoms found in a cube of it.

The vectors between like atoms are counted: a lattice translation occurs again and again, other vectors do not.
"""

import numpy as np

MARGIN = 0.5
"""The radius of balls in Å: atoms nearer to a face may be missing or misplaced, since the cube cuts their balls."""
BIN = 0.2
"""The width in Å of bins of pair vectors, counted 3³ at a time: more than the error of found atoms, 0.11 Å."""
LEAST_PAIRS, LEAST_SHARE = 3, 0.5
"""The least number of atom pairs that a translation must join, and the least share of those that could be joined."""
SAME_VECTOR = 0.5
"""The difference in Å below which two translations are the same: no two atoms are so near to each other."""
LEAST_SKEWED = 0.6
"""The least volume of a basis over the product of its lengths; the shortest basis of any lattice has 0.71 or more."""
NEIGHBOURS = np.stack(np.meshgrid(*3 * [np.arange(-1, 2)], indexing="ij"), -1).reshape(-1, 3)


def depth(positions: np.ndarray, length: float) -> np.ndarray:
    """Return the distance in Å from positions [..., 3] to the nearest face of the cube, negative outside."""
    distance: np.ndarray = np.minimum(positions, length - positions).min(axis=-1)
    return distance


def pair_vectors(
    positions: np.ndarray, numbers: np.ndarray, length: float, tolerance: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the vectors that join many pairs of like atoms, [T, 3] Å, and the share of possible pairs they join, [T].

    positions: [N, 3] Å in a cube of `length`. numbers: [N]. Numbers of like atoms differ by at most `tolerance`.

    Of each vector and its opposite, one is returned; those that join the largest shares come first.
    """
    pairs = (np.abs(numbers[:, None] - numbers) <= tolerance) & (depth(positions, length) >= MARGIN)
    np.fill_diagonal(pairs, False)
    first, second = np.nonzero(pairs)
    vectors, count = _peaks(positions[second] - positions[first], max(LEAST_PAIRS, len(positions) // 20))
    possible = (depth(positions + vectors[:, None], length) >= MARGIN).sum(axis=1)
    share = np.minimum(count / np.maximum(possible, 1), 1.0)
    kept: list[int] = []
    for t in np.argsort(-share, kind="stable"):
        if share[t] >= LEAST_SHARE and (np.linalg.norm(vectors[kept] - vectors[t], axis=1) > SAME_VECTOR).all():
            kept.append(int(t))
    return vectors[kept], share[kept]


def _peaks(differences: np.ndarray, least: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean [T, 3] and the number [T] of the differences [D, 3] in each cluster of `least` or more.

    A cluster is a bin of a histogram with its 26 neighbours, if none of these bins has more with its own neighbours.
    """
    bins = np.rint(differences / BIN).astype(np.int64)
    middle = np.abs(bins).max(initial=0) + 2
    size = 2 * middle + 1
    flat = ((bins + middle) * [size * size, size, 1]).sum(axis=1)
    occupied, bin_of, counts = np.unique(flat, return_inverse=True, return_counts=True)
    index = np.full(size**3, len(occupied), np.int32)  # of each bin in `occupied`, and one index for all empty bins
    index[occupied] = np.arange(len(occupied))
    around = index[occupied[:, None] + (NEIGHBOURS * [size * size, size, 1]).sum(axis=1)]
    n_in_cluster = np.append(counts, 0)[around].sum(axis=1)
    peaks = (n_in_cluster >= least) & (n_in_cluster == np.append(n_in_cluster, 0)[around].max(axis=1))
    peaks &= occupied > size**3 // 2  # the other half holds the opposite vectors
    sums = np.stack([np.append(np.bincount(bin_of, x), 0) for x in differences.T], axis=-1)
    return sums[around[peaks]].sum(axis=1) / n_in_cluster[peaks, None], n_in_cluster[peaks]


def shortest_basis(vectors: np.ndarray) -> np.ndarray | None:
    """Return the three shortest independent vectors of [T, 3] as rows of a right-handed lattice, or None.

    If the vectors are all translations of a lattice, the three are a basis of it.
    """
    basis = np.zeros((0, 3))
    for vector in vectors[np.argsort((vectors**2).sum(axis=1), kind="stable")]:
        extended = np.vstack([basis, vector])
        lengths = np.linalg.norm(extended, axis=1)
        if len(basis) < 2:
            volume = np.linalg.norm(np.cross(extended[0], extended[-1])) if len(basis) else lengths.prod()
        else:
            volume = abs(np.linalg.det(extended))
        if volume > LEAST_SKEWED * lengths.prod():
            basis = extended
        if len(basis) == 3:
            return basis if np.linalg.det(basis) > 0 else -basis
    return None
