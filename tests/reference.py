"""Slow and obvious twins of the core and of geometry, straight from the definitions, in NumPy and float64.

Those of generators are in `reference_generators`, those of what compositions allow in `reference_compositions`.
"""

import itertools
import math

import numpy as np

from crystalgrid import Crystal, Grid

IDENTITY = np.eye(3)

FIT_ERRORS = (0.1, 0.03)
"""Relative errors that the steps of `fit_atoms` assume; a dense inverse has no digits for smaller ones."""


def voxel_centres(grid: Grid) -> np.ndarray:
    """Return the voxel centres, [n³, 3] Å from the cube's corner, x slowest."""
    axis = (np.arange(grid.n) + 0.5) * grid.spacing
    return np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1).reshape(-1, 3)


def images(
    crystal: Crystal, length: float, origin: np.ndarray, rotation: np.ndarray, reach: float, periodic: bool = True
) -> tuple[np.ndarray, np.ndarray]:
    """Return the positions [M, 3] in the cube's frame of all images within `reach` Å of it, and their atoms [M]."""
    shifts = np.zeros((1, 3))
    if periodic:
        # No image within reach is farther than this from the cube's centre, and so than that many lattice planes.
        radius = np.sqrt(3) / 2 * length + reach
        reciprocal = np.linalg.inv(crystal.lattice)
        centre = (origin + rotation.T @ np.full(3, length / 2)) @ reciprocal
        planes = radius * np.linalg.norm(reciprocal, axis=0) + 1
        low = np.floor(centre - planes - crystal.frac_coords.max(axis=0)).astype(int)
        high = np.ceil(centre + planes - crystal.frac_coords.min(axis=0)).astype(int)
        shifts = np.array(list(itertools.product(*(range(a, b + 1) for a, b in zip(low, high, strict=True)))))
    frac_coords = (crystal.frac_coords[:, None] + shifts[None]).reshape(-1, 3)
    atoms = np.repeat(np.arange(len(crystal)), len(shifts))
    positions = (frac_coords @ crystal.lattice - origin) @ rotation.T
    near = np.linalg.norm(positions - np.clip(positions, 0, length), axis=1) <= reach
    return positions[near], atoms[near]


def voxelize(
    crystal: Crystal,
    grid: Grid,
    origin: np.ndarray,
    rotation: np.ndarray = IDENTITY,
    periodic: bool = True,
    weights: np.ndarray | None = None,
    reach: float = 8.0,
) -> np.ndarray:
    """Return Eq. (1) summed voxel by voxel over all images within `reach` standard deviations, [n, n, n]."""
    weights = crystal.numbers if weights is None else weights
    centres, density = voxel_centres(grid), np.zeros(grid.n**3)
    reach = reach if periodic else np.inf
    positions, atoms = images(crystal, grid.length, origin, rotation, reach * grid.sigma, periodic)
    for position, atom in zip(positions, atoms, strict=True):
        squared = ((centres - position) ** 2).sum(axis=1)
        density += weights[atom] * np.exp(-squared / (2 * grid.sigma**2))
    return density.reshape((grid.n,) * 3) / ((2 * np.pi) ** 1.5 * grid.sigma**3)


def label_species(
    crystal: Crystal,
    grid: Grid,
    origin: np.ndarray,
    rotation: np.ndarray = IDENTITY,
    periodic: bool = True,
    radius: float = 0.5,
) -> tuple[np.ndarray, np.ndarray]:
    """Return labels [n, n, n] from distances to all images, and the voxels where rounding may decide them."""
    positions, atoms = images(crystal, grid.length, origin, rotation, radius + 1e-3, periodic)
    if len(atoms) == 0:
        return np.zeros((grid.n,) * 3, np.uint8), np.zeros((grid.n,) * 3, bool)
    distances = np.linalg.norm(voxel_centres(grid)[:, None] - positions, axis=2)
    nearest = distances.min(axis=1, keepdims=True)
    smallest = np.where(distances <= nearest + 1e-9, crystal.numbers[atoms], 255).min(axis=1)
    largest = np.where(distances <= nearest + 1e-6, crystal.numbers[atoms], 0).max(axis=1)
    species = np.where(nearest[:, 0] <= radius, smallest, 0).astype(np.uint8)
    unsure = (np.abs(nearest[:, 0] - radius) < 1e-6) | ((largest != smallest) & (species > 0))
    return species.reshape((grid.n,) * 3), unsure.reshape((grid.n,) * 3)


def find_atoms(
    species: np.ndarray,
    density: np.ndarray | None,
    grid: Grid,
    connectivity: int = 6,
    radius: float = 0.5,
    confidence: np.ndarray | None = None,
) -> list[tuple[np.ndarray, int, int]]:
    """Return position, number and votes of each atom in a cube [n, n, n], by the rule that atoms.hpp states."""
    fragments, fragment_of = _fragments(species, connectivity, radius / grid.spacing)
    touching = {f: set() for f in range(len(fragments))}
    for voxel, f in fragment_of.items():
        neighbours = _neighbours(voxel, species, connectivity)
        touching[f] |= {fragment_of[other] for other in neighbours if species[other] != species[voxel]}
    ball = 4 / 3 * np.pi * (radius / grid.spacing) ** 3
    waiting = sorted(range(len(fragments)), key=lambda f: (-len(fragments[f]), f))  # largest first
    members: list[list[int]] = []  # fragments of each atom
    while waiting:
        settled = []
        for f in waiting:
            centre, small = np.mean(fragments[f], axis=0), len(fragments[f]) < ball / 4
            atoms = [atom for g in sorted(touching[f]) for atom in members if g in atom]
            squared = [((centre - _centre(atom, fragments)) ** 2).sum() for atom in atoms]
            if atoms and (small or min(squared) < (1.4 * radius / grid.spacing) ** 2):
                atoms[int(np.argmin(squared))].append(f)
            elif atoms or not small or not touching[f]:
                members.append([f])
            else:
                continue
            settled.append(f)
        if not settled:
            members.append([waiting[0]])
            settled = waiting[:1]
        waiting = [f for f in waiting if f not in settled]
    members = sorted(members, key=min)  # in the order of their first voxels
    voxels = [[voxel for f in group for voxel in fragments[f]] for group in members]
    return [_atom(of_atom, species, density, confidence, grid, radius) for of_atom in voxels]


def _centre(members: list[int], fragments: list[list[tuple]]) -> np.ndarray:
    return np.mean([voxel for f in members for voxel in fragments[f]], axis=0)


def _atom(
    voxels: list[tuple],
    species: np.ndarray,
    density: np.ndarray | None,
    confidence: np.ndarray | None,
    grid: Grid,
    radius: float,
) -> tuple[np.ndarray, int, int]:
    votes = np.bincount([species[voxel] for voxel in voxels])
    weights = np.ones(len(voxels))
    if density is not None:
        values = np.array([density[voxel] for voxel in voxels], dtype=np.float64)
        weights = np.minimum(values, values.mean() / 2)
    if confidence is not None:
        weights = weights * [confidence[voxel] for voxel in voxels]
    weights = np.maximum(weights, 1e-12)
    centre = np.average(voxels, axis=0, weights=weights)
    for axis in range(3):
        centre[axis] = _centre_of_cut_ball(voxels, centre, axis, grid.n, radius / grid.spacing)
    return (centre + 0.5) * grid.spacing, int(votes.argmax()), int(votes.max())


def _centre_of_cut_ball(voxels: list[tuple], centre: np.ndarray, axis: int, n: int, radius: float) -> float:
    """Return a cut ball's centre along an axis, in voxels, from its lines of voxels between face and far side."""
    extent = [voxel[axis] for voxel in voxels]
    if max(extent) - min(extent) + 1 >= math.floor(2 * radius + 1e-9) or (min(extent) == 0) == (max(extent) == n - 1):
        return centre[axis]
    inwards, face = (1, 0) if min(extent) == 0 else (-1, n - 1)
    depths = []
    for voxel in voxels:
        if voxel[axis] != face:
            continue
        line = [list(voxel) for _ in range(n)]
        for steps, other in enumerate(line):
            other[axis] += inwards * steps
        length = [tuple(other) in voxels for other in line].index(False)
        aside = sum((voxel[other] - centre[other]) ** 2 for other in range(3) if other != axis)
        depths.append(length - math.sqrt(max(radius**2 - aside, 0)))
    return face + inwards * (np.mean(depths) - 0.5)


def _neighbours(voxel: tuple, species: np.ndarray, connectivity: int) -> list[tuple]:
    """Return the labelled voxels that share a face with a voxel or, with connectivity 26, an edge or a corner."""
    found = []
    for step in itertools.product((-1, 0, 1), repeat=3):
        if 0 < np.abs(step).sum() <= (1 if connectivity == 6 else 3):
            other = tuple(v + s for v, s in zip(voxel, step, strict=True))
            if all(0 <= v < len(species) for v in other) and species[other]:
                found.append(other)
    return found


def _fragments(species: np.ndarray, connectivity: int, radius: float) -> tuple[list[list[tuple]], dict[tuple, int]]:
    """Return components of equal label, split if they are several balls of a radius in voxels, ordered by their first
    voxels; and which of them a voxel is of."""
    components = _components(species, connectivity)
    fragments = sorted(part for component in components for part in _balls(sorted(component), radius))
    return fragments, {voxel: f for f, fragment in enumerate(fragments) for voxel in fragment}


def _components(species: np.ndarray, connectivity: int) -> list[list[tuple]]:
    """Return the components of voxels of equal label that touch, by flood fill."""
    components: list[list[tuple]] = []
    seen: set[tuple] = set()
    for seed in map(tuple, np.argwhere(species).tolist()):
        if seed in seen:
            continue
        seen.add(seed)
        queue = [seed]
        for voxel in queue:  # grows while it is walked
            for other in _neighbours(voxel, species, connectivity):
                if species[other] == species[seed] and other not in seen:
                    seen.add(other)
                    queue.append(other)
        components.append(queue)
    return components


def _balls(component: list[tuple], radius: float) -> list[list[tuple]]:
    """Return the voxels of each ball in a component, which is in order."""
    balls = len(component) / (4 / 3 * np.pi * radius**3)
    if not 1.4 < balls < 5.6:
        return [component]
    at = np.array(component)
    ends = [at[((at - at[0]) ** 2).sum(axis=1).argmax()]]
    while True:
        squared = np.array([((at - end) ** 2).sum(axis=1) for end in ends])
        farthest = squared.min(axis=0).argmax()
        if len(ends) == 4 or squared[:, farthest].min() <= (2.8 * radius) ** 2:
            break
        ends.append(at[farthest])
    nearest = squared.argmin(axis=0)
    return [[component[v] for v in np.flatnonzero(nearest == end)] for end in range(len(ends))]


def fit_atoms(found: np.ndarray, numbers: np.ndarray, density: np.ndarray, grid: Grid) -> np.ndarray:
    """Return the refined positions [N, 3] in one cube [n, n, n], with the covariance of the rest written out.

    An atom 1.5 voxels or more from every face has a whole ball of labels, of which it is 0.32 voxels away at most and
    0.15 in standard deviation along an axis; an atom nearer to a face 0.3.
    """
    strength = np.sqrt((numbers**2).sum() / grid.length**3)
    depth = np.minimum(found, grid.length - found).min(axis=1)
    whole = depth >= 1.5 * grid.spacing
    spread = np.repeat(np.where(whole, 0.15, 0.3) * grid.spacing, 3)
    positions = found
    for error in FIT_ERRORS:
        modes, covariance = _modes_and_covariance(grid, error)
        precision = modes.T @ np.linalg.inv(strength**2 * covariance) @ modes
        residuals = density.ravel() - _density_of(positions, numbers, grid)
        jacobian = _jacobian(positions, numbers, grid)
        normal = jacobian.T @ precision @ jacobian + np.diag(spread**-2)
        gradient = jacobian.T @ precision @ residuals + (found - positions).ravel() / spread**2
        moved = positions + np.linalg.solve(normal, gradient).reshape(-1, 3)
        residuals = density.ravel() - _density_of(moved, numbers, grid)
        if residuals @ precision @ residuals > len(modes):
            break
        if (np.linalg.norm(moved - found, axis=1) > 0.32 * grid.spacing)[whole].any():
            return found
        positions = moved
    return positions


def _density_of(positions: np.ndarray, numbers: np.ndarray, grid: Grid) -> np.ndarray:
    crystal = Crystal(np.eye(3), positions, numbers)
    return voxelize(crystal, grid, np.zeros(3), periodic=False).ravel()


def _jacobian(positions: np.ndarray, numbers: np.ndarray, grid: Grid, step: float = 1e-4) -> np.ndarray:
    """Return the derivatives [n³, 3N] of the density by the positions, from finite differences."""
    columns = []
    for i in range(positions.size):
        aside = np.zeros(positions.size)
        aside[i] = step
        ahead, behind = (_density_of(positions + s * aside.reshape(-1, 3), numbers, grid) for s in (1, -1))
        columns.append((ahead - behind) / (2 * step))
    return np.stack(columns, axis=1)


def _modes_and_covariance(grid: Grid, error: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the modes [R, n³] above the noise, and the covariance [R, R] in them of all but the found atoms.

    Gaussians outside the cube have 3 times the variance of those inside.
    """
    voxels = (np.arange(grid.n) + 0.5) * grid.spacing
    step = grid.length / math.ceil(16 * grid.length / grid.sigma)
    points = (np.arange(-1000, 2000) + 0.5) * step
    points = points[np.abs(points - grid.length / 2) < grid.length / 2 + 4 * grid.sigma]
    blur = np.exp(-((voxels[:, None] - points) ** 2) / (2 * grid.sigma**2)) / (np.sqrt(2 * np.pi) * grid.sigma)
    inside = (points >= 0) & (points <= grid.length)
    noise = error**2 / 3 * step * np.linalg.eigvalsh(blur @ blur.T).max()
    anywhere = step * (blur * np.where(inside, 1, 3.0)) @ blur.T
    power, modes = np.linalg.eigh(anywhere)
    modes = modes[:, power > noise].T
    cubed = [np.kron(m, np.kron(m, m)) for m in (
        modes,
        modes @ (anywhere + noise * np.eye(grid.n)) @ modes.T,
        modes @ (step * blur[:, inside] @ blur[:, inside].T) @ modes.T,
    )]  # fmt: skip
    return cubed[0], cubed[1] - cubed[2]


def normal_equations(
    residuals: np.ndarray, positions: np.ndarray, weights: np.ndarray, grid: Grid
) -> tuple[np.ndarray, np.ndarray]:
    """Return JᵀJ [4N, 4N] and Jᵀr for residuals r [n, n, n], with J by all weights, all x, all y and all z."""
    alone = [_density_of(position[None], np.ones(1, dtype=int), grid) for position in positions]
    by_position = _jacobian(positions, weights, grid).reshape(grid.n**3, -1, 3)
    jacobian = np.concatenate([np.stack(alone, axis=1), *np.moveaxis(by_position, 2, 0)], axis=1)
    return jacobian.T @ jacobian, jacobian.T @ residuals.ravel()


def value_and_derivatives(coefficients: np.ndarray, modes: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the value, squared gradient and Laplacian [n, n, n] of a sum of products of functions.

    coefficients: [m, m, m]; modes: [3, m, n], along any axis, and their first and second derivatives.
    """

    def total(*orders: int) -> np.ndarray:
        return np.einsum("pqr,px,qy,rz->xyz", coefficients, *(modes[order] for order in orders))

    slopes = total(1, 0, 0), total(0, 1, 0), total(0, 0, 1)
    return total(0, 0, 0), sum(slope**2 for slope in slopes), total(2, 0, 0) + total(0, 2, 0) + total(0, 0, 2)


def shortest_translations(lattice: np.ndarray) -> np.ndarray:
    """Return the lengths [3] in Å of the three shortest independent translations of a lattice."""
    steps = np.array([step for step in itertools.product(range(-6, 7), repeat=3) if any(step)])
    vectors = steps @ lattice
    vectors = vectors[np.argsort(np.linalg.norm(vectors, axis=1), kind="stable")]
    chosen: list[np.ndarray] = []
    for vector in vectors:
        if np.linalg.svd([*chosen, vector])[1].min() > 0.05:
            chosen.append(vector)
        if len(chosen) == 3:
            break
    return np.linalg.norm(chosen, axis=1)


def mean_translations(frac_coords: np.ndarray, lattice: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the weighted mean translations [K, K, 3] between atoms over all images, and the least distances in Å.

    A translation whose square is r² Å² larger than another's has exp(-2 r²) of its weight.
    """
    translations, least = (
        np.zeros((len(frac_coords), len(frac_coords), 3)),
        np.zeros((len(frac_coords), len(frac_coords))),
    )
    steps = np.array(list(itertools.product(range(-3, 4), repeat=3)))
    for i, j in np.ndindex(least.shape):
        to_images = frac_coords[i] - frac_coords[j] + steps
        squares = ((to_images @ lattice) ** 2).sum(1)
        weights = np.exp(-2 * (squares - squares.min()))
        translations[i, j] = weights @ to_images / weights.sum()
        least[i, j] = np.sqrt(squares.min())
    return translations, least


def plane_waves_at_voxels(reciprocal: np.ndarray, indices: np.ndarray) -> np.ndarray:
    """Return exp(iG·r) blurred by Gaussians of 1 Å, [n³, K], with r from the middle of the default cube."""
    g_vectors = 2 * np.pi * indices @ reciprocal
    return np.exp(1j * (voxel_centres(Grid()) - 5) @ g_vectors.T - (g_vectors**2).sum(axis=1) / 2)


def structure_factors(
    density: np.ndarray, reciprocal: np.ndarray, indices: np.ndarray, noise: float, variance: float
) -> np.ndarray:
    """Return ρ₀, then all c, then all s, by least squares over voxels and prior variances.

    noise: the noise of each plane wave's amplitude, from noise in each voxel that is √(n³) times as large.
    """
    plane_waves = 2 * plane_waves_at_voxels(reciprocal, indices)
    model = np.concatenate([np.ones((len(plane_waves), 1)), plane_waves.real, plane_waves.imag], axis=1)
    prior = noise * np.sqrt(len(plane_waves) / variance) * np.eye(model.shape[1])
    targets = np.concatenate([density.reshape(-1), np.zeros(len(prior))])
    solution = np.linalg.lstsq(np.concatenate([model, prior]), targets, rcond=None)[0]
    return np.concatenate([solution[:1], solution[1:] / solution[0]])


def pair_distances(crystal: Crystal, reach: int = 4) -> np.ndarray:
    """Distances in Å from each atom to the nearest image of each other atom, or of itself: the obvious loop."""
    cells = np.array(list(itertools.product(range(-reach, reach + 1), repeat=3)))
    other_cells = cells[cells.any(axis=1)]
    atoms = list(enumerate(crystal.frac_coords % 1.0))

    def nearest(i: int, a: np.ndarray, j: int, b: np.ndarray) -> float:
        return np.linalg.norm((b - a + (other_cells if i == j else cells)) @ crystal.lattice, axis=1).min()

    return np.array([[nearest(i, a, j, b) for j, b in atoms] for i, a in atoms])


def closest_pair(crystal: Crystal, images: int = 2) -> tuple[float, float]:
    """Return the smallest distance in Å of an atom to another or an image, and the smallest share of summed radii."""
    from pymatgen.core import Element

    radii = [float(Element.from_Z(int(z)).atomic_radius or 1.0) for z in crystal.numbers]
    distances, shares = [], []
    for i, j in itertools.product(range(len(crystal)), repeat=2):
        for shift in itertools.product(range(-images, images + 1), repeat=3):
            if i != j or any(shift):
                offset = crystal.frac_coords[j] - crystal.frac_coords[i] + np.array(shift)
                distances.append(float(np.linalg.norm(offset @ crystal.lattice)))
                shares.append(distances[-1] / (radii[i] + radii[j]))
    return min(distances), min(shares)


def orbit_of(point: np.ndarray, operations: np.ndarray) -> np.ndarray:
    """Return the different images [M, 3] of a fractional point in one cell; operations: [N, 3, 4]."""
    images: list[np.ndarray] = []
    for operation in operations:
        image = operation[:, :3] @ point + operation[:, 3]
        if not any(np.abs(image - other - np.rint(image - other)).max() < 1e-6 for other in images):
            images.append(image % 1)
    return np.array(images)


def mean_of_site_fingerprints(crystal: Crystal) -> np.ndarray:
    """The mean of matminer's CrystalNN fingerprints of all sites, one after the other."""
    from matminer.featurizers.site.fingerprint import CrystalNNFingerprint

    featurizer = CrystalNNFingerprint.from_preset("ops")
    structure = crystal.to_pymatgen()
    return np.mean([featurizer.featurize(structure, i) for i in range(len(structure))], axis=0)
