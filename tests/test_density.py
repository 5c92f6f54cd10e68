"""The density: it is Eq. (1) summed directly, and has the properties that hold for any crystal."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import reference
from crystalgrid import Crystal, Grid, InputError, _core, voxelize
from crystalgrid.crystal import CrystalBatch, pack
from zoo import PEROVSKITE, ZOO, lattice_of, random_crystal, random_origins, random_rotation

GRID = Grid(n=12)
IRON = Crystal(lattice_of(30, 30, 30, 90, 90, 90), [[0.5, 0.5, 0.5]], [26])


def on_device(
    device: str, crystals: list[Crystal], grid: Grid = GRID, origin=None, rotation=None, **options
) -> np.ndarray:
    """Return `voxelize` of crystals on a device, as a NumPy array."""
    origin, rotation = (None if t is None else torch.as_tensor(np.asarray(t)).to(device) for t in (origin, rotation))
    return voxelize(pack(crystals).to(device), grid, origin, rotation, **options).cpu().numpy()


def relative_error(found: np.ndarray, expected: np.ndarray) -> float:
    """Return the largest difference relative to the largest expected value."""
    return float(np.abs(found - expected).max() / np.abs(expected).max())


@pytest.mark.parametrize("name", ZOO)
def test_zoo_agrees_with_the_direct_sum(name: str, device: str) -> None:
    crystal, rng = ZOO[name], np.random.default_rng(1)
    origins = np.stack([np.zeros(3), rng.random(3) @ crystal.lattice, rng.uniform(-20, 20, 3)])
    rotations = np.stack([np.eye(3), random_rotation(rng), -random_rotation(rng)])
    expected = np.stack([reference.voxelize(crystal, GRID, o, r) for o, r in zip(origins, rotations, strict=True)])
    for accuracy in (1e-3, 1e-5, 1e-6):
        cubes = {"origin": origins, "rotation": rotations, "accuracy": accuracy}
        found = on_device(device, [crystal] * 3, **cubes)
        exact = on_device(device, [crystal] * 3, **cubes, dtype=torch.float64)
        for f, e, w in zip(found, exact, expected, strict=True):
            assert relative_error(e, w) < accuracy
            assert relative_error(f, w) < accuracy + 5e-7  # what float32 itself costs


def test_atoms_as_given_agree_with_the_direct_sum(device: str) -> None:
    rng = np.random.default_rng(2)
    for name, crystal in ZOO.items():
        rotation = random_rotation(rng)[None]
        origin = crystal.positions[:1] - rng.uniform(2, 8, 3) @ rotation
        expected = reference.voxelize(crystal, GRID, origin[0], rotation[0], periodic=False)
        found = on_device(device, [crystal], origin=origin, rotation=rotation, periodic=False)[0]
        assert found == pytest.approx(expected, rel=1e-5, abs=1e-6 * expected.max()), name


def test_voids_of_large_cells_are_as_accurate_as_the_rest(device: str) -> None:
    crystal, grid = ZOO["layers and a void"], Grid(n=6, length=3.0)
    origins = np.array([[0, 0, z] for z in (4.0, 7.0, 10.0, 12.0)])
    found = on_device(device, [crystal] * 4, grid, origins, dtype=torch.float64)
    for f, origin in zip(found, origins, strict=True):
        assert relative_error(f, reference.voxelize(crystal, grid, origin, reach=16)) < 1e-5


def test_real_crystals_agree_with_the_direct_sum(real_crystals, device: str) -> None:
    rng = np.random.default_rng(3)
    crystals = [real_crystals[int(i)] for i in rng.choice(len(real_crystals), 200, replace=False)]
    grid, origins = Grid(n=7), random_origins(rng, crystals)
    found = on_device(device, crystals, grid, origins)
    for f, crystal, origin in zip(found, crystals, origins.numpy(), strict=True):
        assert relative_error(f, reference.voxelize(crystal, grid, origin, reach=7)) < 1e-5


@pytest.mark.parametrize("n", [1, 2, 7, 8, 15, 16, 17, 30, 31, 33, 64])
def test_any_number_of_voxels(n: int, device: str) -> None:
    grid, origin = Grid(n=n, length=4.0), [[0.3, -1, 2]]
    crystal = ZOO["2.5 Å cell"] if n < 64 else ZOO["one atom"]
    assert relative_error(
        on_device(device, [crystal], grid, origin)[0], reference.voxelize(crystal, grid, np.array(origin[0]))
    ) < 1e-5  # fmt: skip


@pytest.mark.parametrize(("length", "sigma"), [(10, 0.3), (10, 3), (1, 1), (25.0, 1.7), (0.1, 0.05)])
def test_any_length_and_width(length: float, sigma: float, device: str) -> None:
    grid = Grid(n=6, length=length, sigma=sigma)
    for name in ("perovskite", "strongly oblique"):
        origin = ZOO[name].positions[0] - length * np.array([0.3, 0.5, 0.6])
        expected = reference.voxelize(ZOO[name], grid, origin)
        assert relative_error(on_device(device, [ZOO[name]], grid, origin[None])[0], expected) < 1e-5


def test_cutoff_leaves_out_what_is_farther(device: str) -> None:
    grid = Grid(n=16, length=8.0)
    found = on_device(device, [IRON], grid, [[11.0, 11, 11]], cutoff=2.0)[0]
    expected = reference.voxelize(IRON, grid, np.full(3, 11.0))
    distance = np.linalg.norm(reference.voxel_centres(grid) - 4, axis=1).reshape(16, 16, 16)
    assert found[distance <= 2] == pytest.approx(expected[distance <= 2], rel=1e-5)
    assert found[distance > 2 + 3 * math.sqrt(3)].sum() == 0
    assert (found <= expected * (1 + 1e-5)).all()


def test_density_integrates_to_the_electrons(device: str) -> None:
    crystal = Crystal(np.eye(3), [[0, 0, 0], [0.9, 0.3, 0], [0, -0.7, 1]], [92, 8, 1])
    density = on_device(device, [crystal], Grid(n=40, length=12.0), np.full((1, 3), -6.0), periodic=False)
    assert density.sum(dtype=np.float64) * 0.3**3 == pytest.approx(101, rel=1e-6)


def test_value_at_an_isolated_atom(device: str) -> None:
    density = on_device(device, [IRON], Grid(n=1), [[10.0, 10, 10]])
    assert density.item() == pytest.approx(26 / (2 * math.pi) ** 1.5, rel=1e-6)
    narrow = on_device(device, [IRON], Grid(n=1, sigma=0.5), [[10.0, 10, 10]])
    assert narrow.item() == pytest.approx(8 * density.item(), rel=1e-6)


def test_mean_over_a_commensurate_cube_is_that_of_the_cell(device: str) -> None:
    density = on_device(device, [PEROVSKITE], Grid(n=16, length=7.8), [[0.4, 1, 2]], accuracy=1e-7, dtype=torch.float64)
    assert density.mean() == pytest.approx(PEROVSKITE.numbers.sum() / 3.9**3, rel=1e-6)


def crystals_of_any_shape() -> st.SearchStrategy[tuple[Crystal, np.random.Generator]]:
    """Return a random crystal, and the generator for further numbers."""

    def draw(seed: int, atoms: int) -> tuple[Crystal, np.random.Generator]:
        rng = np.random.default_rng(seed)
        return random_crystal(rng, atoms), rng

    return st.builds(draw, st.integers(0, 2**32), st.integers(1, 12))


@settings(max_examples=20, deadline=None, derandomize=True)
@given(crystals_of_any_shape())
def test_random_crystals_agree_with_the_direct_sum(drawn) -> None:
    crystal, rng = drawn
    origin, rotation, grid = rng.uniform(-9, 9, (1, 3)), random_rotation(rng)[None], Grid(n=5)
    found = on_device("cpu", [crystal], grid, origin, rotation)[0]
    assert relative_error(found, reference.voxelize(crystal, grid, origin[0], rotation[0])) < 1e-5


@settings(max_examples=20, deadline=None, derandomize=True)
@given(crystals_of_any_shape())
def test_density_does_not_depend_on_the_description(drawn) -> None:
    crystal, rng = drawn
    lattice, frac_coords, numbers = crystal.lattice, crystal.frac_coords, crystal.numbers
    order, shift, origin = rng.permutation(len(crystal)), rng.integers(-3, 4, 3), rng.random(3)
    rotation, shifts = random_rotation(rng), rng.integers(-2, 3, frac_coords.shape)
    twice = np.concatenate([frac_coords, frac_coords + np.array([1, 0, 0])])
    doubled = Crystal(lattice * [[2], [1], [1]], twice / [2, 1, 1], [*numbers] * 2)
    basis = np.array([[1, 1, 0], [0, 1, 0], [0, -1, 1]])  # another choice of the same lattice's vectors
    same = {
        "permuted": (Crystal(lattice, frac_coords[order], numbers[order]), origin, np.eye(3)),
        "translated atoms": (Crystal(lattice, frac_coords + shifts, numbers), origin, np.eye(3)),
        "translated cube": (crystal, origin + shift @ lattice, np.eye(3)),
        "shifted origin": (Crystal(lattice, frac_coords + 0.3, numbers), origin + 0.3 * lattice.sum(axis=0), np.eye(3)),
        "supercell": (doubled, origin, np.eye(3)),
        "other basis": (Crystal(basis @ lattice, frac_coords @ np.linalg.inv(basis), numbers), origin, np.eye(3)),
        "rotated with its cube": (Crystal(lattice @ rotation.T, frac_coords, numbers), rotation @ origin, rotation.T),
        "mirrored with its cube": (Crystal(-lattice, frac_coords, numbers), -origin, -np.eye(3)),
    }
    expected = on_device("cpu", [crystal], GRID, origin[None])[0]
    for name, (other, its_origin, its_rotation) in same.items():
        found = on_device("cpu", [other], GRID, its_origin[None], its_rotation[None])[0]
        assert relative_error(found, expected) < 1e-5, name


def test_rotation_and_origin_place_a_point(device: str) -> None:
    """The density peaks in the voxel of the atom at p = R (x - origin)."""
    rng = np.random.default_rng(4)
    rotation, origin, grid = random_rotation(rng), np.array([12.0, 13, 11]), Grid(n=25)
    p = rotation @ (np.full(3, 15.0) - origin)
    density = on_device(device, [IRON], grid, origin[None], rotation[None])[0]
    peak = np.array(np.unravel_index(density.argmax(), density.shape))
    assert (np.abs((peak + 0.5) * grid.spacing - p) <= grid.spacing / 2).all()


def test_weights_replace_the_atomic_numbers(device: str) -> None:
    crystal, rng = ZOO["many atoms"], np.random.default_rng(5)
    weights = rng.uniform(-2, 5, len(crystal))
    found = on_device(device, [crystal], weights=torch.from_numpy(weights).to(device))[0]
    assert relative_error(found, reference.voxelize(crystal, GRID, np.zeros(3), weights=weights)) < 1e-5


def test_cubes_of_a_batch_are_independent_and_of_any_thread_count(device: str) -> None:
    crystals, rng = list(ZOO.values()) * 2, np.random.default_rng(6)
    origins = random_origins(rng, crystals).numpy()
    together = on_device(device, crystals, origin=origins, threads=1)
    for threads in (2, 5, None):
        assert np.array_equal(on_device(device, crystals, origin=origins, threads=threads), together)
    for b in (0, 9, 20):
        assert np.array_equal(on_device(device, [crystals[b]], origin=origins[b : b + 1])[0], together[b])


@pytest.mark.parametrize("isa", ["baseline", "avx2", "avx512"])
def test_instruction_sets_agree(isa: str, monkeypatch: pytest.MonkeyPatch) -> None:
    crystals, rng = list(ZOO.values()), np.random.default_rng(7)
    origins, grid = random_origins(rng, crystals).numpy(), Grid(n=19)
    default = on_device("cpu", crystals, grid, origins)
    monkeypatch.setattr(_core.Isa, "automatic", getattr(_core.Isa, isa))
    try:
        found = on_device("cpu", crystals, grid, origins)
    except ValueError as error:
        pytest.skip(str(error))
    for f, d in zip(found, default, strict=True):
        assert relative_error(f, d) < 1e-6


def test_batches_of_none_and_of_one(device: str) -> None:
    assert on_device(device, []).shape == (0, 12, 12, 12)
    assert on_device(device, [PEROVSKITE]).shape == (1, 12, 12, 12)
    assert on_device(device, [PEROVSKITE]).dtype == np.float32


def test_atoms_out_of_reach_leave_an_empty_cube(device: str) -> None:
    assert on_device(device, [IRON], origin=[[500.0, 0, 0]], periodic=False).sum() == 0


def changed(**tensors: torch.Tensor) -> CrystalBatch:
    """Return a packed perovskite, some of its tensors replaced."""
    return pack([PEROVSKITE])._replace(**tensors)


BAD_INPUT = {
    "crystals: wanted a list": (3, {}),
    "crystals: wanted a Crystal, pymatgen Structure or ASE Atoms, got str": ([PEROVSKITE, "SrTiO3"], {}),
    "grid: wanted a Grid": ([PEROVSKITE], {"grid": 30}),
    "origin: wanted shape (1, 3), got (3,)": ([PEROVSKITE], {"origin": torch.zeros(3)}),
    "origin: wanted finite values": ([PEROVSKITE], {"origin": torch.full((1, 3), torch.nan)}),
    "rotation: wanted shape (1, 3, 3)": ([PEROVSKITE], {"rotation": torch.eye(3)}),
    "rotation: wanted orthogonal": ([PEROVSKITE], {"rotation": 2 * torch.eye(3)[None]}),
    "lattice: wanted three independent": (changed(lattice=torch.ones(1, 3, 3)), {}),
    "lattice: wanted finite": (changed(lattice=torch.full((1, 3, 3), torch.nan)), {}),
    "lattice: wanted shape": (changed(lattice=torch.eye(3)), {}),
    "frac_coords: wanted shape (5, 3)": (changed(frac_coords=torch.zeros(4, 3)), {}),
    "frac_coords: wanted finite": (changed(frac_coords=torch.full((5, 3), torch.inf)), {}),
    "frac_coords: wanted values up to 1e+06 in size, got 4e+09": (changed(frac_coords=torch.full((5, 3), -4e9)), {}),
    "origin: wanted values up to 1e+06 in size": ([PEROVSKITE], {"origin": torch.full((1, 3), 1e12)}),
    "lattice: wanted values up to 1e+06 in size": (changed(lattice=1e9 * torch.eye(3)[None]), {}),
    "lattice: wanted at least 0.1 Å³ per atom, got 2e-10": (changed(lattice=1e-3 * torch.eye(3)[None]), {}),
    "lattice: wanted a tensor, got list": (changed(lattice=[1]), {}),
    "lattice: wanted real numbers, got torch.complex64": (changed(lattice=1j * torch.eye(3)[None]), {}),
    "numbers: wanted 1 to 94, got 0 to 8": (changed(numbers=torch.tensor([0, 2, 8, 8, 8])), {}),
    "numbers: wanted 1 to 94, got 2 to 95": (changed(numbers=torch.tensor([95, 2, 8, 8, 8])), {}),
    "numbers: wanted whole numbers, got torch.float32": (changed(numbers=torch.full((5,), 8.5)), {}),
    "offsets: wanted ascending from 0 to 5, got [0, 9]": (changed(offsets=torch.tensor([0, 9])), {}),
    "offsets: wanted ascending from 0 to 5, got [1, 5]": (changed(offsets=torch.tensor([1, 5])), {}),
    "offsets: wanted shape (1,), got (0,)": (changed(offsets=torch.zeros(0), lattice=torch.zeros(0, 3, 3)), {}),
    "origin: wanted a tensor, got str": ([PEROVSKITE], {"origin": "corner"}),
    "periodic: wanted True or False, got 'no'": ([PEROVSKITE], {"periodic": "no"}),
    "weights: wanted shape (5,)": ([PEROVSKITE], {"weights": torch.ones(3)}),
    "weights: wanted finite": ([PEROVSKITE], {"weights": torch.full((5,), torch.nan)}),
    "dtype: wanted": ([PEROVSKITE], {"dtype": torch.float16}),
    "accuracy: wanted a positive number": ([PEROVSKITE], {"accuracy": 0}),
    "cutoff: wanted a positive number, got -1": ([PEROVSKITE], {"cutoff": -1}),
    "cutoff: wanted a positive number, got nan": ([PEROVSKITE], {"cutoff": math.nan}),
    "threads: wanted a whole number": ([PEROVSKITE], {"threads": 0}),
}


@pytest.mark.parametrize("message", BAD_INPUT)
def test_bad_input_ends_in_one_clear_line(message: str) -> None:
    crystals, options = BAD_INPUT[message]
    with pytest.raises(InputError) as caught:
        voxelize(crystals, **options)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("fault", "cell"), {"independent": torch.ones(3, 3), "per atom": 1e-3 * torch.eye(3)}.items())
def test_a_cell_without_end_is_refused_or_on_a_gpu_empty(fault: str, cell: torch.Tensor, device: str) -> None:
    batch = pack([PEROVSKITE, IRON])
    lattice = torch.stack([batch.lattice[0], cell.double()])
    batch = batch._replace(lattice=lattice).to(device)
    if device == "cpu":
        with pytest.raises(InputError, match=fault):
            voxelize(batch, GRID)
    else:
        density = voxelize(batch, GRID).cpu().numpy()
        assert relative_error(density[0], on_device("cpu", [PEROVSKITE])[0]) < 2e-5
        assert not density[1].any()


def test_the_second_rotation_is_looked_at_too() -> None:
    with pytest.raises(InputError, match="rotation: wanted orthogonal matrices, got R·Rᵀ up to 3 from 1"):
        voxelize([PEROVSKITE] * 2, GRID, rotation=torch.stack([torch.eye(3), 2 * torch.eye(3)]))


def test_sums_of_thousands_of_images_do_not_lose_their_accuracy() -> None:
    """A voxel is in reach of many images in a crowded cell, or of broad Gaussians; on the CPU."""
    oblique = np.array([[1.0, 0.3, 0.2], [0.1, 1.0, 0.4], [0.3, 0.2, 1.0]])
    crowded = Crystal(oblique, np.random.default_rng(11).random((5, 3)), [8, 26, 82, 6, 1])
    grid = Grid(n=6, length=2.0, sigma=3.0)
    expected = reference.voxelize(crowded, grid, np.zeros(3), reach=6.5)
    assert relative_error(on_device("cpu", [crowded], grid)[0], expected) < 1e-5
