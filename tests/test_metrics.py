"""Metrics against a slow twin, and by hand."""

import itertools
import math

import numpy as np
import pytest
import torch

from crystalgrid.atoms import Atoms
from crystalgrid.crystal import Crystal, pack
from crystalgrid.data.cubes import Cubes, evaluation_cubes
from crystalgrid.grid import Grid
from crystalgrid.report.metrics import Tally, TrueAtoms, true_atoms

GRID = Grid()


def atoms(*cubes) -> Atoms:
    """Atoms of cubes given as lists of (position, Z)."""
    flat = [atom for cube in cubes for atom in cube]
    return Atoms(
        torch.tensor([p for p, _ in flat], dtype=torch.float64).reshape(-1, 3),
        torch.tensor([z for _, z in flat], dtype=torch.int64),
        torch.tensor(np.cumsum([0, *map(len, cubes)])),
        torch.ones(len(flat), dtype=torch.int64),
    )


def truth(*cubes) -> list[TrueAtoms]:
    return [
        TrueAtoms(np.array([p for p, _ in cube], dtype=float).reshape(-1, 3), np.array([z for _, z in cube], dtype=int))
        for cube in cubes
    ]


def tallied(found, true, decoded=None, density=None) -> dict:
    tally = Tally(GRID)
    flat_density = torch.ones(len(true), 30, 30, 30)
    tally.add(found, true, flat_density if decoded is None else decoded, flat_density if density is None else density)
    return tally.summary()


def slow_true_atoms(crystal: Crystal, origin, rotation, periodic: bool) -> list[tuple[tuple, int]]:
    reach = 15 if periodic else 0
    result = []
    for image in itertools.product(range(-reach, reach + 1), repeat=3):
        for frac, z in zip(crystal.frac_coords, crystal.numbers, strict=True):
            p = rotation @ ((frac + image) @ crystal.lattice - origin)
            if all(-1 <= x <= 11 for x in p):
                result.append((tuple(np.round(p, 6)), int(z)))
    return sorted(result)


@pytest.mark.parametrize("periodic", [True, False])
def test_true_atoms_are_all_images_in_the_cube_and_its_shell(periodic):
    rng = np.random.default_rng(0)
    crystals = [
        Crystal(np.diag([3.0, 4.1, 2.7]), rng.random((2, 3)), [3, 8]),
        Crystal([[4, 0, 0], [2.5, 3.5, 0], [-1.5, 1, 5]], rng.random((3, 3)) * 2 - 0.5, [1, 26, 94]),
        Crystal([[0, 0, -5], [0, 6, 0], [4, 0, 1]], rng.random((2, 3)), [14, 14]),
    ]
    rotation = np.linalg.qr(rng.normal(size=(3, 3, 3)))[0]
    origin = rng.normal(size=(3, 3)) * 3
    cubes = Cubes(pack(crystals), torch.from_numpy(origin), torch.from_numpy(rotation), periodic)
    for seen, crystal, o, r in zip(true_atoms(cubes, GRID), crystals, origin, rotation, strict=True):
        got = sorted((tuple(np.round(p, 6)), int(z)) for p, z in zip(seen.positions, seen.numbers, strict=True))
        assert got == slow_true_atoms(crystal, o, r, periodic)


def slow_summary(found, true) -> dict:
    """Section by section as it is written down, one atom at a time."""
    diagonal = 10 * math.sqrt(3)
    regions = {name: {"pt": [], "tp": [], "z": [], "count": []} for name in ("all", "interior")}
    for cube, atoms_there in zip(found, true, strict=True):
        for name, least in (("all", 0.0), ("interior", 1.0)):
            region = regions[name]
            expected = [(t, z) for t, z in atoms_there if all(least <= x <= 10 - least for x in t)]
            region["tp"] += [min((math.dist(t, p) for p, _ in cube), default=diagonal) for t, _ in expected]
            kept = 0
            for p, z in cube:
                nearest = min(atoms_there, key=lambda atom: math.dist(p, atom[0]))
                if name == "interior" and nearest not in expected:
                    continue
                kept += 1
                distance = math.dist(p, nearest[0])
                region["pt"].append(distance)
                if distance <= 0.5:
                    region["z"].append((z, nearest[1]))
            region["count"].append(abs(kept - len(expected)))
    return {name: _slow_keys(**region) for name, region in regions.items()}


def _slow_keys(pt, tp, z, count) -> dict:
    share = lambda values: sum(values) / len(values)  # noqa: E731
    return {
        "pred_to_true_A": {f"p{q}": float(np.percentile(pt, q)) for q in (50, 75, 90)},
        "true_to_pred_A": {f"p{q}": float(np.percentile(tp, q)) for q in (50, 75, 90)},
        "recall_0p5A": share([d <= 0.5 for d in tp]),
        "precision_0p5A": share([d <= 0.5 for d in pt]),
        "count_exact": share([c == 0 for c in count]),
        "count_within_1": share([c <= 1 for c in count]),
        "species_exact": share([a == b for a, b in z]),
        "species_within_2": share([abs(a - b) <= 2 for a, b in z]),
        "z_pearson": float(np.corrcoef(*np.array(z, dtype=float).T)[0, 1]),
    }


def test_against_the_slow_twin():
    rng = np.random.default_rng(1)
    true, found = [], []
    for _ in range(6):
        cube_atoms = [
            (tuple(p), int(z)) for p, z in zip(rng.uniform(-1, 11, (25, 3)), rng.integers(1, 95, 25), strict=True)
        ]
        true.append(cube_atoms)
        shifted = [
            (tuple(np.array(p) + rng.normal(0, 0.25, 3)), max(1, z + rng.integers(-3, 4))) for p, z in cube_atoms
        ]
        found.append([(p, int(z)) for p, z in shifted if all(0 <= x <= 10 for x in p)][: rng.integers(5, 25)])
    got = tallied(atoms(*found), truth(*true))
    expected = slow_summary(found, true)
    for name, region in (("all", got), ("interior", got["interior"])):
        for key, value in expected[name].items():
            assert region[key] == pytest.approx(value), (name, key)


def test_perfect_is_perfect_and_the_shell_forgives_what_reaches_in():
    true = [((5, 5, 5), 8), ((2, 2, 2), 26), ((10.2, 5, 5), 8)]
    got = tallied(atoms([((5, 5, 5), 8), ((2, 2, 2), 26), ((9.9, 5, 5), 8)]), truth(true))
    assert got["recall_0p5A"] == got["precision_0p5A"] == got["species_exact"] == 1
    assert got["count_exact"] == 0  # three found, two inside
    assert got["interior"]["count_exact"] == 1
    assert got["voxel_mse"] == got["voxel_rel_l2"] == 0


def test_nothing_found_counts_as_missed_and_stays_finite():
    got = tallied(atoms([]), truth([((5, 5, 5), 8)]))
    assert got["recall_0p5A"] == 0
    assert got["true_to_pred_A"]["p50"] == pytest.approx(10 * math.sqrt(3))
    assert got["precision_0p5A"] is None
    assert got["pred_to_true_A"]["p50"] is None
    assert got["z_pearson"] is None


def test_something_found_where_nothing_is():
    got = tallied(atoms([((5, 5, 5), 8)]), truth([]))
    assert got["precision_0p5A"] == 0
    assert got["recall_0p5A"] is None
    assert got["count_within_1"] == 1
    assert got["interior"]["precision_0p5A"] == 0


def test_voxels():
    density = torch.full((2, 30, 30, 30), 2.0)
    decoded = density.clone()
    decoded[0] += 1
    decoded[1, :3] = 0  # within 1 Å of a face: not interior
    got = tallied(atoms([], []), truth([], []), decoded, density)
    assert got["voxel_mse"] == pytest.approx((1 + 4 / 10) / 2)
    assert got["voxel_rel_l2"] == pytest.approx((0.5 + math.sqrt(0.1)) / 2)
    assert got["interior"]["voxel_mse"] == pytest.approx(0.5)


def test_extraction_of_real_cubes_finds_what_is_there(prototypes):
    from crystalgrid.atoms import find_atoms

    cubes = evaluation_cubes(prototypes[:20], "repeated", GRID, seed=0)[0]
    tally, density = Tally(GRID), cubes.density(GRID)
    tally.add(find_atoms(cubes.species(GRID), density, GRID), true_atoms(cubes, GRID), density, density)
    interior = tally.summary()["interior"]
    assert interior["recall_0p5A"] > 0.98
    assert interior["species_exact"] > 0.98
    assert interior["true_to_pred_A"]["p50"] < 0.06
