"""The lattice codec: lattices that are found, structure factors that are fitted, latent vectors."""

import itertools

import numpy as np
import pytest
import torch

import reference
from crystalgrid import Crystal, Grid, voxelize
from crystalgrid.geometry.lattice_finder import LatticeFinder, shortest_basis
from crystalgrid.geometry.structure_factors import LARGEST, NOISE, VARIANCE, StructureFactors
from crystalgrid.nets.autoencoders.lattice import LatticeAutoencoder, LatticeConfig
from posterior import loss_with_variances
from repeated_cubes import cubes_of, random_crystals
from strange_densities import check_strange_densities
from zoo import ZOO

GRID = Grid()
LONGEST = 9.0
"""Å. A translation up to this length along an axis leaves enough of the density in the cube to be compared."""


def crystals_with_sides_up_to(longest: float) -> dict[str, Crystal]:
    """Return the crystals of the zoo whose longest shortest translation is below `longest` Å."""
    return {
        name: crystal for name, crystal in ZOO.items() if reference.shortest_translations(crystal.lattice)[2] < longest
    }


@pytest.fixture(scope="module")
def autoencoder() -> LatticeAutoencoder:
    """Return a codec that is fitted to 48 crystals."""
    fitted = LatticeAutoencoder(LatticeConfig())
    with torch.no_grad():
        fitted.fit(cubes_of(random_crystals(48)).split(24), beta=1e-3)
    return fitted


def relative_error(decoded: torch.Tensor, density: torch.Tensor) -> torch.Tensor:
    return (decoded - density).flatten(1).norm(dim=1) / density.flatten(1).norm(dim=1)


def assert_is_lattice_of(found: np.ndarray, crystal: Crystal) -> np.ndarray:
    """Assert that the lattices have the same points, and return the lattice of the crystal's primitive cell."""
    cell = crystal.to_pymatgen().get_primitive_structure(1e-3).lattice.matrix
    steps = found @ np.linalg.inv(cell)
    assert np.abs((steps - steps.round()) @ cell).max() < 0.02
    assert np.linalg.det(found) == pytest.approx(abs(np.linalg.det(cell)), rel=0.01)
    return cell


@torch.no_grad()
def test_the_shortest_translations_are_found():
    crystals = list(crystals_with_sides_up_to(LONGEST).values())
    for crystal, found in zip(crystals, LatticeFinder(30)(cubes_of(crystals)).double().numpy(), strict=True):
        cell = assert_is_lattice_of(found, crystal)
        assert np.allclose(np.linalg.norm(found, axis=1), reference.shortest_translations(cell), atol=0.06)


@torch.no_grad()
def test_the_lattice_of_any_crystal_is_found():
    crystals = random_crystals(40)
    for crystal, found in zip(crystals, LatticeFinder(30)(cubes_of(crystals)).double().numpy(), strict=True):
        assert_is_lattice_of(found, crystal)


@torch.no_grad()
def test_a_supercell_has_the_translations_of_its_cell():
    cell = ZOO["perovskite"]
    twice = Crystal(
        cell.lattice * [[2], [1], [1]],
        np.concatenate([cell.frac_coords, cell.frac_coords + np.array([1, 0, 0])]) / [2, 1, 1],
        np.tile(cell.numbers, 2),
    )
    torch.testing.assert_close(
        LatticeFinder(30)(voxelize([twice])), LatticeFinder(30)(voxelize([cell])), rtol=0, atol=1e-3
    )


@torch.no_grad()
def test_what_does_not_repeat_is_given_translations_that_lead_out_of_the_cube():
    finder = LatticeFinder(30)
    layers = finder(voxelize([ZOO["layers and a void"]]))[0]
    assert torch.linalg.vector_norm(layers[:2], dim=1).tolist() == pytest.approx([3, 3], abs=1e-3)
    noise = torch.rand(2, 30, 30, 30, generator=torch.Generator().manual_seed(0))
    steps = torch.tensor([s for s in itertools.product((-1.0, 0.0, 1.0), repeat=3) if any(s)])
    for lattice in finder(noise):
        assert ((steps @ lattice).abs().amax(1) > GRID.length).all()
    assert ((torch.tensor([[0.0, 0.0, 1.0], [1.0, -1.0, 1.0]]) @ layers).abs().amax(1) > GRID.length).all()


def test_of_independent_translations_the_shortest_are_taken_and_made_right_handed():
    shift = torch.tensor([[[0.0, 5, 0], [2, 0, 0], [4, 0, 0], [0, 4, 0.1], [0, 0, -6], [0, 0, 3]]])
    found = torch.tensor([[True, True, True, True, True, False]])
    torch.testing.assert_close(shortest_basis(shift, found)[0], torch.tensor([[2.0, 0, 0], [0, 4, 0.1], [0, 0, 6]]))


@torch.no_grad()
def test_the_density_is_the_sum_of_its_definition():
    rng = np.random.default_rng(0)
    factors = StructureFactors(12)
    reciprocal = 0.2 * np.eye(3) + 0.03 * rng.standard_normal((2, 3, 3))
    c, s = rng.standard_normal((2, 2, 12))
    density = factors.density(*(torch.from_numpy(x).float() for x in (reciprocal, c, s)))
    miller = factors.miller_indices(torch.from_numpy(reciprocal)).numpy()
    for b in range(2):
        plane_waves = reference.plane_waves_at_voxels(reciprocal[b], miller[b])
        expected = 1 + 2 * (plane_waves @ (c[b] - 1j * s[b])).real.reshape(30, 30, 30)
        np.testing.assert_allclose(density[b].numpy(), expected, atol=2e-5)


@torch.no_grad()
def test_structure_factors_are_those_of_ridge_regression():
    crystals = [ZOO["hexagonal"], ZOO["strongly oblique"], ZOO["2.5 Å cell"]]
    density = cubes_of(crystals)
    density = density / density.mean((1, 2, 3), keepdim=True)
    reciprocal = torch.from_numpy(np.stack([np.linalg.inv(crystal.lattice).T for crystal in crystals]))
    factors = StructureFactors(40)
    miller = factors.miller_indices(reciprocal).numpy()
    found = torch.cat([x.reshape(len(crystals), -1) for x in factors.fit(density, reciprocal)], 1).numpy()
    for b in range(len(crystals)):
        expected = reference.structure_factors(
            density[b].double().numpy(), reciprocal[b].numpy(), miller[b], NOISE, VARIANCE
        )
        np.testing.assert_allclose(found[b], expected.clip(-LARGEST, LARGEST), atol=2e-4)


@torch.no_grad()
def test_structure_factors_are_those_of_point_atoms():
    """The factors c - is are Σ Z exp(-iG·r) / Σ Z, with r from the cube's centre, for all G that the blur leaves."""
    crystal, factors = ZOO["hexagonal"], StructureFactors(60)
    density = voxelize([crystal], GRID)
    reciprocal = torch.from_numpy(np.linalg.inv(crystal.lattice).T[None])
    mean, c, s = factors.fit(density, reciprocal)
    assert float(mean) == pytest.approx(crystal.numbers.sum() / abs(np.linalg.det(crystal.lattice)), rel=1e-3)
    g_vectors = factors.g_vectors(reciprocal)[0].numpy()
    expected = crystal.numbers @ np.exp(-1j * (crystal.positions - 5) @ g_vectors.T) / crystal.numbers.sum()
    seen = np.linalg.norm(g_vectors, axis=1) < 3
    np.testing.assert_allclose((c - 1j * s)[0].numpy()[seen], expected[seen], atol=2e-3)


@torch.no_grad()
@pytest.mark.parametrize("name", crystals_with_sides_up_to(LONGEST))
def test_densities_come_back(autoencoder, name):
    density = cubes_of([ZOO[name]] * 3)
    error = relative_error(autoencoder.decode(autoencoder.encode(density)[0]), density)
    assert error.max() < autoencoder.error_bound


@torch.no_grad()
def test_what_cannot_repeat_in_the_cube_comes_back_blurred(autoencoder):
    density = voxelize([ZOO["atom on a face"], ZOO["many atoms"]], GRID)
    assert relative_error(autoencoder.decode(autoencoder.encode(density)[0]), density).max() < 0.5


@torch.no_grad()
def test_any_latent_vector_decodes_to_a_density_that_repeats(autoencoder):
    z = 0.3 * torch.randn(4, 300, generator=torch.Generator().manual_seed(2))
    shifted = z.clone()
    reciprocal = (autoencoder.centre + autoencoder.deviation * z[:, 1:])[:, :9].view(-1, 3, 3)
    g_vectors = autoencoder.factors.g_vectors(reciprocal.double())
    shift = torch.linalg.inv(reciprocal.double()).transpose(1, 2)[:, 0]  # the lattice vector a
    phase = torch.einsum("bki,bi->bk", g_vectors, shift)
    c, s = (autoencoder.centre + autoencoder.deviation * z[:, 1:])[:, 9:].double().chunk(2, 1)
    moved = torch.cat((c * phase.cos() + s * phase.sin(), s * phase.cos() - c * phase.sin()), 1).float()
    shifted[:, 10:] = (moved - autoencoder.centre[9:]) / autoencoder.deviation[9:]
    torch.testing.assert_close(autoencoder.decode(shifted), autoencoder.decode(z), rtol=1e-3, atol=1e-4)


@torch.no_grad()
def test_the_scale_is_the_first_latent_number_alone(autoencoder):
    density = cubes_of(random_crystals(4))
    mu, heavy = autoencoder.encode(density)[0], autoencoder.encode(7 * density)[0]
    torch.testing.assert_close(heavy[:, 1:], mu[:, 1:], rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(
        ((heavy - mu)[:, 0] * autoencoder.log_mean[1]).exp(), torch.full((4,), 7.0), rtol=1e-4, atol=0
    )


@torch.no_grad()
def test_no_density_is_too_strange(autoencoder):
    strange, decoded = check_strange_densities(autoencoder, 1e-5)
    torch.testing.assert_close(decoded[1], strange[1], rtol=1e-3, atol=0)


@torch.no_grad()
def test_posterior_variances_are_the_best_for_the_loss(autoencoder):
    density = cubes_of(random_crystals(8))
    narrow, best, wide = (loss_with_variances(autoencoder, density, factor, beta=1e-3) for factor in (1 / 4, 1, 4))
    assert best < min(narrow, wide)
    assert (autoencoder.logvar <= 0).all()


@torch.no_grad()
def test_torchscript_and_autocast_change_nothing(autoencoder):
    density = cubes_of(random_crystals(3))
    mu, logvar = autoencoder.encode(density)
    scripted = torch.jit.script(autoencoder)
    for seen, expected in zip(scripted.encode(density), (mu, logvar), strict=True):
        torch.testing.assert_close(seen, expected)
    torch.testing.assert_close(scripted.decode(mu), autoencoder.decode(mu))
    with torch.autocast("cpu", torch.bfloat16):
        torch.testing.assert_close(autoencoder.encode(density)[0], mu)
        torch.testing.assert_close(autoencoder.decode(mu), autoencoder.decode(mu).float())


@torch.no_grad()
@pytest.mark.parametrize("latent_dim", [12, 2206])
def test_latent_vectors_may_be_short_or_long(latent_dim):
    autoencoder, density = LatticeAutoencoder(LatticeConfig(latent_dim=latent_dim)), cubes_of([ZOO["perovskite"]])
    mu, logvar = autoencoder.encode(density)
    assert mu.shape == logvar.shape == (1, latent_dim)
    assert relative_error(autoencoder.decode(mu), density) < (0.9 if latent_dim == 12 else 0.001)


@torch.no_grad()
def test_a_mirror_is_no_translation():
    """A density that is symmetric about the cube's middle has alike slices near opposite faces."""
    length = 9.7
    crystal = Crystal(
        length * np.eye(3), [[0, 0, 0], [0.25, 0, 0], [0.75, 0, 0], [0, 0.3, 0], [0, 0.7, 0]], [26, 8, 8, 6, 6]
    )
    density = voxelize([crystal], GRID, torch.full((1, 3), -5.0, dtype=torch.float64))
    lengths = torch.linalg.vector_norm(LatticeFinder(30)(density)[0], dim=1)
    assert all(abs(found - length) < 0.05 or found > 11 - 1e-3 for found in lengths.tolist())
