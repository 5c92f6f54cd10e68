"""Write python/crystalgrid/geometry/wyckoff_positions.csv, the Wyckoff positions of all space groups by moyopy.

Run by hand, `python scripts/write_wyckoff_positions.py`, if moyopy changes them. moyopy lists no positions; it names
those of the atoms of a crystal. So each group gets crystals with an atom on points that some of its operations keep,
until the letters have no gap below that of the general position, which is the last.
"""

import csv
import itertools
from collections.abc import Iterator

import moyopy
import numpy as np

from crystalgrid.files import written_whole
from crystalgrid.geometry.space_group import symmetry_dataset
from crystalgrid.geometry.wyckoff import FILE, LETTERS

SETTING = moyopy.Setting.standard()
TOLERANCE = 1e-9
SAME_POINT = 1e-6
"""The difference of fractional coordinates below which two points are one."""
Found = dict[str, tuple[int, str, str]]
"""Multiplicity, site symmetry and coordinates by letter."""


def main() -> None:
    """Write the file anew."""
    rng = np.random.default_rng(0)
    with written_whole(FILE) as temporary, temporary.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("space_group", "letter", "multiplicity", "site_symmetry", "coordinates"))
        for number in range(1, 231):
            found = positions(number, rng)
            for letter in sorted(found, key=LETTERS.index):
                multiplicity, site_symmetry, coordinates = found[letter]
                writer.writerow((number, letter, multiplicity, site_symmetry, coordinates.replace(",", " ")))
    print(f"{FILE}: {sum(1 for _ in FILE.open()) - 1} positions")


def positions(number: int, rng: np.random.Generator) -> Found:
    """Return all Wyckoff positions of a space group."""
    operations = moyopy.operations_from_number(number, setting=SETTING)
    rotations, translations = np.array(operations.rotations, float), np.array(operations.translations)
    metric = rng.normal(size=(3, 3)) + 3 * np.eye(3)
    metric = np.mean([rotation.T @ metric @ metric.T @ rotation for rotation in rotations], axis=0)
    lattice = 4 * np.linalg.cholesky(metric)
    general = [orbit(rng.random(3), rotations, translations) for _ in range(2)]  # two keep the symmetry from rising
    found: Found = {}
    for point in itertools.chain([rng.random(3)], special_points(rotations, translations, rng)):
        cells = [*general, orbit(point, rotations, translations)]
        numbers = np.concatenate([np.full(len(cell), z) for z, cell in enumerate(cells, 1)])
        dataset = symmetry_dataset(lattice, np.concatenate(cells), numbers, 1e-3)
        if dataset is not None and dataset.number == number:
            for _, sequence in dataset.normalizer_wyckoff_positions().coset_representatives:
                found |= {p.letter: (p.multiplicity, p.site_symmetry, p.coordinates) for p in sequence}
        if found and set(found) == set(LETTERS[: len(found)]):
            return found
    raise AssertionError(f"space group {number}: the letters {sorted(found)} have gaps")


def orbit(point: np.ndarray, rotations: np.ndarray, translations: np.ndarray) -> np.ndarray:
    """Return the different images of a point in one cell."""
    images = (rotations @ point + translations) % 1
    difference = images[:, None] - images
    same = np.abs(difference - np.rint(difference)).max(2) < SAME_POINT
    orbit_points: np.ndarray = images[np.unique(same.argmax(1))]
    return orbit_points


def special_points(rotations: np.ndarray, translations: np.ndarray, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Yield points that one to three operations keep, each with the translations of the 27 cells around."""
    keeping = []
    for rotation, translation in zip(rotations, translations, strict=True):
        for cell in itertools.product((-1, 0, 1), repeat=3):
            equation = rotation - np.eye(3), np.array(cell) - translation
            if equation[0].any() and kept_point([equation], rng) is not None:
                keeping.append(equation)
    subsets = [[equation] for equation in keeping]
    draws = (rng.integers(len(keeping), size=rng.integers(2, 4)) for _ in range(20_000 if keeping else 0))
    for chosen in itertools.chain(subsets, ([keeping[i] for i in draw] for draw in draws)):
        if (point := kept_point(chosen, rng)) is not None:
            yield point


def kept_point(equations: list[tuple[np.ndarray, np.ndarray]], rng: np.random.Generator) -> np.ndarray | None:
    """Return a random point x with A x = b for all equations, or None if there is none."""
    matrix, constant = np.concatenate([a for a, _ in equations]), np.concatenate([b for _, b in equations])
    point = np.linalg.lstsq(matrix, constant, rcond=None)[0]
    if np.abs(matrix @ point - constant).max() > TOLERANCE:
        return None
    _, values, vectors = np.linalg.svd(matrix)
    free = vectors[values < TOLERANCE]
    moved: np.ndarray = point + free.T @ rng.random(len(free))
    return moved


if __name__ == "__main__":
    main()
