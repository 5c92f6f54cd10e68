"""Found atoms: as by flood fill, from balls that are whole, cut, noisy or close, and from real crystals."""

import itertools

import numpy as np
import pytest
import torch

import reference
from crystalgrid import Crystal, Grid, InputError, find_atoms, label_species, voxelize
from crystalgrid.data.crystalset import CrystalSet
from round_trip import round_trip
from zoo import ZOO, random_origins

QUANTISATION = 0.107
"""Å: farthest that an atom can be from the mean of its ball's voxels, at 0.5 Å radius and voxels of 1/3 Å."""


def found_in(
    species: torch.Tensor,
    density: torch.Tensor | None = None,
    grid: Grid | None = None,
    confidence: torch.Tensor | None = None,
    **options,
) -> list[tuple]:
    """Return position, atomic number and votes of each atom in a cube [n, n, n]."""
    density, confidence = (None if values is None else values[None] for values in (density, confidence))
    grid = grid or Grid(n=len(species), length=len(species) / 3)
    atoms = find_atoms(species[None], density, grid, confidence=confidence, **options)
    return list(zip(atoms.positions.cpu().numpy(), atoms.numbers.tolist(), atoms.votes.tolist(), strict=True))


def balls(*atoms: tuple[float, float, float, int], grid: Grid | None = None) -> torch.Tensor:
    """Return the labels [n, n, n] of atoms at x, y, z Å with number Z."""
    crystal = Crystal(99 * np.eye(3), np.array([atom[:3] for atom in atoms]) / 99, [atom[3] for atom in atoms])
    return label_species([crystal], grid or Grid(), periodic=False)[0]


def assert_same_atoms(found: list[tuple], expected: list[tuple]) -> None:
    assert [atom[1:] for atom in found] == [atom[1:] for atom in expected]
    assert np.array([atom[0] for atom in found]) == pytest.approx(np.array([atom[0] for atom in expected]), abs=1e-6)


@pytest.mark.parametrize("connectivity", [6, 26])
@pytest.mark.parametrize("filled", [0.02, 0.15, 0.4, 1.0])
def test_random_labels_agree_with_flood_fill(filled: float, connectivity: int, device: str) -> None:
    rng = np.random.default_rng(0)
    for n in (1, 5, 9, 12):
        grid = Grid(n=n, length=n / 3)
        labels = rng.integers(1, 4, (n, n, n)).astype(np.uint8) * (rng.random((n, n, n)) < filled)
        density = rng.uniform(-0.2, 1, (n, n, n)).astype(np.float32)
        confidence = rng.uniform(0, 1, (n, n, n)).astype(np.float32)
        species = torch.from_numpy(labels).to(device)
        for weights in (
            {},
            {"density": density},
            {"confidence": confidence},
            {"density": density, "confidence": confidence},
        ):
            found = found_in(
                species,
                grid=grid,
                connectivity=connectivity,
                **{name: torch.from_numpy(values).to(device) for name, values in weights.items()},
            )
            expected = reference.find_atoms(labels, grid=grid, connectivity=connectivity, **{"density": None} | weights)
            assert_same_atoms(found, expected)


@pytest.mark.parametrize("connectivity", [6, 26])
def test_zoo_agrees_with_flood_fill(connectivity: int, device: str) -> None:
    crystals, rng, grid = list(ZOO.values()), np.random.default_rng(1), Grid(n=18, length=6.0)
    origin = random_origins(rng, crystals)
    species, density = label_species(crystals, grid, origin), voxelize(crystals, grid, origin)
    # What a network gets wrong: a twentieth of the labels, and a few voxels of nothing.
    wrong = torch.from_numpy(rng.integers(0, 4, species.shape).astype(np.uint8))
    species = torch.where(torch.from_numpy(rng.random(species.shape) < 0.05) & (species > 0), wrong, species)
    species = torch.where(torch.from_numpy(rng.random(species.shape) < 0.002), wrong, species)
    for labels, values in zip(species, density, strict=True):
        found = found_in(labels.to(device), values.to(device), grid, connectivity=connectivity)
        assert_same_atoms(found, reference.find_atoms(labels.numpy(), values.numpy(), grid, connectivity))


def test_whole_balls_come_back(device: str) -> None:
    rng = np.random.default_rng(2)
    for _ in range(200):
        p = rng.uniform(1, 9, 3)
        [(position, number, votes)] = found_in(balls((*p, 26)).to(device))
        assert number == 26
        assert 8 <= votes <= 19
        assert np.linalg.norm(position - p) < QUANTISATION


@pytest.mark.parametrize("faces", [1, 2])
def test_balls_that_faces_cut_come_back_where_they_are(faces: int, device: str) -> None:
    """The part of a ball that a face leaves determines its centre, also one outside the cube."""
    rng, errors, inwards = np.random.default_rng(8), [], []
    for _ in range(400):
        p = rng.uniform(2, 8, 3)
        axes, at_upper_face = rng.permutation(3)[:faces], rng.integers(0, 2, faces)
        depth = rng.uniform(-0.3, 0.3, faces)
        p[axes] = np.where(at_upper_face == 0, depth, 10 - depth)
        labels = balls((*p, 26)).to(device)
        if not labels.any():
            continue
        [(position, *_)] = found_in(labels)
        errors.append(np.linalg.norm(position - p))
        inwards.append(((position - p)[axes] * np.where(at_upper_face == 0, 1, -1)).mean())
    assert len(errors) > 200
    assert np.median(errors) < (0.08 if faces == 1 else 0.13)
    assert np.quantile(errors, 0.9) < (0.16 if faces == 1 else 0.28)
    assert abs(np.mean(inwards)) < 0.05  # the voxels' own mean is 0.2 Å too far in


def test_votes_forgive_wrong_voxels_in_a_ball(device: str) -> None:
    labels = balls((5, 5, 5, 26), (7, 7, 7, 8))
    ball = (labels == 26).nonzero()
    rng = np.random.default_rng(3)
    for _ in range(100):
        noisy = labels.clone()
        for voxel in rng.choice(len(ball), 4, replace=False):
            noisy[tuple(ball[voxel])] = int(rng.choice([25, 27, 28]))
        found = found_in(noisy.to(device))
        assert [atom[1] for atom in found] == [26, 8]
        assert found[0][2] == len(ball) - 4
        assert found[0][0] == pytest.approx(found_in(labels)[0][0])


def test_of_equal_votes_the_smaller_number_wins(device: str) -> None:
    labels = torch.zeros(6, 6, 6, dtype=torch.uint8, device=device)
    labels[2, 2, 2:4] = torch.tensor([9, 7], dtype=torch.uint8)
    assert [atom[1:] for atom in found_in(labels)] == [(7, 1)]


@pytest.mark.parametrize(("first", "second", "apart"), [(8, 1, 0.97), (6, 1, 1.1), (7, 8, 1.2), (6, 8, 1.13)])
@pytest.mark.parametrize("connectivity", [6, 26])
def test_unlike_close_pairs_stay_apart(first: int, second: int, apart: float, connectivity: int, device: str) -> None:
    rng = np.random.default_rng(4)
    for _ in range(100):
        p, direction = rng.uniform(3, 7, 3), rng.standard_normal(3)
        q = p + apart * direction / np.linalg.norm(direction)
        found = found_in(balls((*p, first), (*q, second)).to(device), connectivity=connectivity)
        assert sorted(atom[1] for atom in found) == sorted([first, second])
        for position, number, _ in found:
            assert np.linalg.norm(position - (p if number == first else q)) < 0.15


def chain(*positions: np.ndarray, number: int = 6) -> torch.Tensor:
    """Return labels of alike atoms, with wrong labels from each atom to the next that join them by faces."""
    labels = balls(*[(*position, number) for position in positions])
    for p, q in itertools.pairwise(positions):
        path = [np.floor(3 * (p + part * (q - p))).astype(int).clip(0, 29) for part in np.linspace(0, 1, 50)]
        for (a, b, _), (x, y, z) in itertools.pairwise(path):
            labels[a, b, z] = labels[a, y, z] = labels[x, y, z] = number
    return labels


@pytest.mark.parametrize(("atoms", "apart"), [(2, 0.74), (2, 1.1), (2, 1.2), (2, 1.34), (2, 1.67), (3, 1.18)])
@pytest.mark.parametrize("connectivity", [6, 26])
def test_alike_atoms_that_wrong_labels_join_come_apart(
    atoms: int, apart: float, connectivity: int, device: str
) -> None:
    rng, wrong = np.random.default_rng(10), 0
    for _ in range(100):
        p, direction = rng.uniform(4, 6, 3), rng.standard_normal(3)
        true = [p + step * apart * direction / np.linalg.norm(direction) for step in np.arange(atoms) - (atoms - 1) / 2]
        found = np.array([atom[0] for atom in found_in(chain(*true).to(device), connectivity=connectivity)])
        distance = np.linalg.norm(np.array(true)[:, None] - found, axis=2)
        wrong += len(found) != atoms or distance.min(axis=1).max() > 0.25
    assert wrong <= (15 if apart < 1 else 1)  # some pairs whose balls overlap are too short for two


@pytest.mark.parametrize("connectivity", [6, 26])
def test_alike_atoms_at_faces_and_others_agree_with_flood_fill(connectivity: int, device: str) -> None:
    """Runs of voxels that are cut touch what they touched, and lines from a face end where the next ball begins."""
    rng, grid = np.random.default_rng(11), Grid(n=12, length=4.0)
    for _ in range(60):
        true = [rng.uniform(0, 4, 3)]
        for _ in range(3):
            direction = rng.standard_normal(3)
            true.append(true[-1] + rng.uniform(0.7, 1.4) * direction / np.linalg.norm(direction))
        labels = chain(*true)[:12, :12, :12].contiguous()
        wrong = torch.from_numpy(rng.integers(0, 10, labels.shape).astype(np.uint8))
        labels = torch.where(torch.from_numpy(rng.random(labels.shape) < rng.choice([0, 0.05])), wrong, labels)
        density = torch.from_numpy(rng.uniform(0.1, 1, labels.shape).astype(np.float32))
        found = found_in(labels.to(device), density.to(device), grid, connectivity=connectivity)
        assert_same_atoms(found, reference.find_atoms(labels.numpy(), density.numpy(), grid, connectivity))


def test_what_is_no_ball_is_one_atom(device: str) -> None:
    """A component too short for two atoms is one, and so is one without end."""
    labels = torch.zeros(30, 30, 30, dtype=torch.uint8, device=device)
    labels[4:7, 4:7, 4:7], labels[10:30, 10:30, 10:30] = 6, 7
    assert [atom[1:] for atom in found_in(labels)] == [(6, 27), (7, 8000)]


def test_light_atom_is_not_pulled_towards_a_heavy_one(device: str) -> None:
    crystal = Crystal(30 * np.eye(3), [[5 / 30] * 3, [5 / 30, 5 / 30, 7 / 30]], [1, 92])
    labels, density = label_species([crystal])[0].to(device), voxelize([crystal])[0].to(device)
    assert np.array(found_in(labels, density)[0][0]) == pytest.approx(np.array(found_in(labels)[0][0]), abs=1e-6)


def test_a_voxel_of_little_density_hardly_moves_the_centre(device: str) -> None:
    labels, density = balls((5, 5, 5, 26)), torch.ones(30, 30, 30)
    clean = found_in(labels.to(device))[0][0]
    labels[16, 14, 14], density[16, 14, 14] = 26, 0.01  # stands off the ball, on its side
    plain, weighted = (found_in(labels.to(device), d)[0][0] for d in (None, density.to(device)))
    assert np.linalg.norm(weighted - clean) < 0.05 * np.linalg.norm(plain - clean)


def test_confidence_says_where_between_voxels_a_ball_ends(device: str) -> None:
    """Confidence that grows with a voxel's share inside the ball gives better positions than labels alone."""
    rng, centres = np.random.default_rng(9), reference.voxel_centres(Grid())
    errors = {"labels": [], "confidence": []}
    for _ in range(200):
        p = rng.uniform(1, 9, 3)
        inside = 1 / (1 + np.exp((np.linalg.norm(centres - p, axis=1) - 0.5) / 0.1)).reshape(30, 30, 30)
        confidence = torch.from_numpy(np.maximum(inside, 1 - inside)).to(device)
        labels = balls((*p, 26)).to(device)
        for name, [(position, *_)] in {
            "labels": found_in(labels), "confidence": found_in(labels, confidence=confidence)
        }.items():  # fmt: skip
            errors[name].append(np.linalg.norm(position - p))
    assert np.median(errors["confidence"]) < 0.8 * np.median(errors["labels"])
    assert max(errors["confidence"]) < max(errors["labels"])


def test_order_threads_and_empty_cubes(device: str) -> None:
    rng = np.random.default_rng(5)
    cubes = [torch.zeros(30, 30, 30, dtype=torch.uint8)]
    cubes += [balls(*[(*rng.uniform(0, 10, 3), int(rng.integers(1, 95))) for _ in range(k)]) for k in (1, 9, 60)]
    species = torch.stack([*cubes, *cubes]).to(device)
    single = find_atoms(species, threads=1)
    assert single.offsets[:2].tolist() == [0, 0]
    assert single.offsets[-1] == len(single.positions) == len(single.numbers) == len(single.votes)
    assert single.positions.dtype == torch.float64
    for threads in (2, 5, None):
        assert all(torch.equal(a, b) for a, b in zip(single, find_atoms(species, threads=threads), strict=True))
    half = int(single.offsets[4])
    assert torch.equal(single.positions[:half], single.positions[half:])
    nothing = find_atoms(species[:0])
    assert nothing.positions.shape == (0, 3)
    assert nothing.offsets.tolist() == [0]


def test_other_grids_and_radii(device: str) -> None:
    for grid, radius in ((Grid(n=64), 0.5), (Grid(n=16, length=4.0), 0.7), (Grid(n=33, length=11.0), 1.2)):
        crystal = Crystal(99 * np.eye(3), [[2 / 99] * 3, [2 / 99, 2 / 99, 3.6 / 99]], [20, 9])
        labels = label_species([crystal], grid, periodic=False, radius=radius).to(device)
        found = found_in(labels[0], grid=grid, radius=radius)
        assert [atom[1] for atom in found] == [20, 9]
        for (position, *_), z in zip(found, (2, 3.6), strict=True):
            assert np.linalg.norm(position - [2, 2, z]) < (0.12 if radius < 0.8 else 0.25)


def assert_all_came_back(errors: np.ndarray) -> None:
    """Every atom comes back once, with its species; errors beyond 0.1 Å are few and of some hundredths more."""
    assert len(errors) > 4000
    assert errors.max() < QUANTISATION
    assert (errors > 0.1).mean() < 0.001


def test_round_trip_of_prototypes(prototypes: CrystalSet, device: str) -> None:
    errors, survived = round_trip(prototypes, device)
    assert_all_came_back(errors)
    assert survived > 0.99  # all of them came back


def test_round_trip_of_real_crystals(real_crystals: CrystalSet, device: str) -> None:
    chosen = np.random.default_rng(7).choice(len(real_crystals), 200, replace=False)
    errors, survived = round_trip(real_crystals[chosen], device)
    assert_all_came_back(errors)
    assert survived > 0.99  # all of 400 crystals did


def test_voxels_that_are_nan_hardly_count() -> None:
    voxels = ONE[0].nonzero()
    density, confidence = torch.ones(ONE.shape), torch.ones(ONE.shape)
    density[0][tuple(voxels[0])] = confidence[0][tuple(voxels[-1])] = torch.nan
    [(position, *_)] = found_in(ONE[0], density[0], confidence=confidence[0])
    assert position == pytest.approx((voxels[1:-1].double().mean(0).numpy() + 0.5) / 3)


LABELS = torch.zeros(1, 30, 30, 30, dtype=torch.uint8)
ONE = balls((5, 5, 5, 8))[None]
BAD_INPUT = {
    "species: wanted uint8 of shape (1, 30, 30, 30), got torch.int64": {"species": LABELS.long()},
    "species: wanted uint8 of shape (30, 30, 30, 30), got torch.uint8": {"species": LABELS[0]},
    "species: wanted a tensor, got ndarray": {"species": LABELS.numpy()},
    "species: wanted uint8 of shape (30, 30, 30), got torch.uint8 of ()": {"species": LABELS.sum().byte()},
    "density, confidence: wanted finite values": {"species": ONE, "density": torch.full(ONE.shape, torch.inf)},
    "density: wanted shape (1, 30, 30, 30)": {"density": torch.zeros(30, 30, 30)},
    "density: wanted a tensor, got ndarray": {"density": LABELS.numpy()},
    "confidence: wanted shape (1, 30, 30, 30)": {"confidence": torch.zeros(30, 30, 30)},
    "connectivity: wanted 6 or 26, got 18": {"connectivity": 18},
    "radius: wanted a positive number": {"radius": 0},
    "threads: wanted a whole number": {"threads": 0},
    "grid: wanted a Grid, got int": {"grid": 30},
}


@pytest.mark.parametrize("message", BAD_INPUT)
def test_bad_input_ends_in_one_clear_line(message: str) -> None:
    with pytest.raises(InputError) as caught:
        find_atoms(**{"species": LABELS} | BAD_INPUT[message])
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)
