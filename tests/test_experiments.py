"""The paper's experiments, on a small model whose autoencoder is fitted in closed form."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure

from artifacts import fitted_tiny, run_info
from crystalgrid import Crystal, find_atoms, label_species, voxelize
from crystalgrid.artifacts.recipe import load_recipe, recipe_from
from crystalgrid.data.crystalset import CrystalSet
from crystalgrid.errors import InputError
from crystalgrid.experiments import (
    beta,
    conditioning,
    discriminator,
    drawn_crystals,
    draws,
    interpolation,
    reconstruction,
)
from crystalgrid.experiments.study import Study, study
from crystalgrid.grid import Grid
from crystalgrid.latents import latents
from crystalgrid.model import Model
from crystalgrid.nets.generators.latent_flow import LatentFlow
from crystalgrid.report.decoding import Decoded, decode_density
from crystalgrid.report.distances import wasserstein
from crystalgrid.report.evaluation import measure
from pictured import atoms as atoms_drawn
from pictured import axes_titled, histograms, points, slices
from zoo import PEROVSKITE, ZOO

GRID = Grid()
SEED = 5


@pytest.fixture(scope="module")
def tiny(prototypes) -> Study:
    """Return a study of six cubes of two test crystals."""
    from crystalgrid.data.cubes import training_cubes

    cubes = training_cubes(prototypes.split("train"), "repeated", GRID, seed=0, epochs=0, indices=np.arange(150))
    density = cubes.density(GRID)
    recipe = load_recipe("tiny").to_dict()
    recipe["network"]["fit_cubes"] = 256
    info = run_info(recipe_from(recipe, "tiny"))
    return study(Model(fitted_tiny(density), info), prototypes, prototypes.split("test")[:2], SEED)


def test_reconstruction_counts_as_the_evaluation_does(tiny, tmp_path, saved_figures):
    numbers = reconstruction.run(tiny, tmp_path)
    expected = measure(tiny.model, tiny.chosen, SEED)
    assert numbers["n_cubes"] == 6
    for key in ("voxel_rel_l2", "count_exact", "true_to_pred_A"):
        assert numbers[key] == pytest.approx(expected[key])
    assert numbers["interior"] == {key: expected["interior"][key] for key in numbers["interior"]}
    assert numbers["voxel_error_A-3"]["p50"] < numbers["voxel_error_A-3"]["p90"]
    assert 0.5 < numbers["voxel_pearson"] < 1
    (counts,) = axes_titled(saved_figures["reconstruction"], "atoms per cube")
    true_counts = [int((atoms.depth(10.0) >= -1e-6).sum()) for atoms in tiny.true]
    found_counts = tiny.reconstruction.atoms.offsets.diff().tolist()
    np.testing.assert_array_equal(points(counts), np.unique([true_counts, found_counts], axis=1).T)
    true_slice, decoded_slice, difference = slices(saved_figures["reconstruction_cubes"])[:3]
    plane = int(tiny.density[1].amax((0, 1)).argmax())
    np.testing.assert_array_equal(true_slice, tiny.density[1, ..., plane])
    np.testing.assert_allclose(difference, decoded_slice - true_slice, atol=1e-6)
    discs = [panel[0] for panel in atoms_drawn(saved_figures["reconstruction_cubes"])]
    assert discs == [found_counts[1], found_counts[4]]


def test_errors_of_species_are_shares_and_the_outermost_bars_have_all_beyond():
    axis = Figure().add_subplot()
    reconstruction._draw_species(axis, np.array([0, 0, 1, -30]))
    heights = {round(bar.get_x() + bar.get_width() / 2): bar.get_height() for bar in axis.patches}
    assert {error: height for error, height in heights.items() if height} == {-10: 25, 0: 50, 1: 25}
    assert axis.get_title() == "errors of species, 50 % exact"


def test_interpolation_goes_from_one_reconstruction_to_another(tiny, tmp_path, saved_figures):
    from PIL import Image

    numbers = interpolation.run(tiny, tmp_path)
    start, end = interpolation.choose(tiny)
    seen = tiny.reconstruction
    assert numbers["crystals"] == [tiny.ids[start], tiny.ids[end]]
    assert len(set(numbers["crystals"])) == 2
    counts = seen.atoms.offsets.diff().tolist()
    assert (numbers["atoms"][0], numbers["atoms"][-1]) == (counts[start], counts[end])
    peaks = [float(seen.density[b].max()) for b in (start, end)]
    largest = numbers["largest_density_A-3"]
    assert [largest[0], largest[-1]] == pytest.approx(peaks, rel=1e-4)
    assert len(largest) == len(numbers["fraction"]) == interpolation.STEPS
    shown = [int(panel[0]) for panel in atoms_drawn(saved_figures["interpolation"])]
    assert shown == numbers["atoms"][:: interpolation.STEPS_PER_PANEL]
    plane = int((seen.density[start] + seen.density[end]).amax((0, 1)).argmax())
    for drawn, b in zip(slices(saved_figures["interpolation"])[:: len(shown) - 1], (start, end), strict=True):
        np.testing.assert_allclose(drawn, seen.density[b, ..., plane], atol=1e-4)
    with Image.open(tmp_path / "interpolation.gif") as animation:
        assert animation.n_frames == interpolation.STEPS


def test_draws_are_those_of_the_sampler_and_compared_with_real_crystals(tiny, tmp_path, saved_figures):
    numbers = draws.run(tiny, tmp_path)
    torch.testing.assert_close(tiny.drawn.z, latents(SEED, 0, 6, 300))
    assert numbers["n_draws"] == 6
    spaced = draws.neighbour_distances(draws.atoms_by_source(tiny))
    assert numbers["elements_per_cube"]["real"] == np.mean([len(set(tiny.extracted.cube(b)[1])) for b in range(6)])
    assert numbers["nearest_neighbour_A"]["real"]["p50"] == np.median(spaced["real"])
    counts = tiny.drawn.atoms.offsets.diff().tolist()
    assert [panel[0] for panel in atoms_drawn(saved_figures["draws"])] == counts[:5]
    assert numbers["atoms_per_draw"]["mean"] == pytest.approx(np.mean(counts))
    drawn = histograms(saved_figures["draws_distances"].axes[0])
    assert drawn.keys() == spaced.keys()
    for source, (edges, heights) in drawn.items():
        expected, _ = np.histogram(spaced[source].clip(0, 6), edges, density=True)
        np.testing.assert_allclose(heights, expected)
    # With real crystals in the place of draws there is no distance left.
    perfect = draws.run(tiny._replace(drawn=tiny.drawn._replace(atoms=tiny.extracted)), tmp_path)
    assert perfect["wasserstein_A"]["drawn"] == perfect["total_variation"]["drawn"] == 0
    assert numbers["wasserstein_A"]["drawn"] > 0.01


def test_draws_of_a_prior_are_compared_with_crystals_that_are_cut_as_it_learned_them(tiny, tmp_path):
    network = copy.deepcopy(tiny.model.network)
    network.generator = LatentFlow(300, (8,))
    model = Model(network, replace(tiny.model.metadata, prior=tiny.model.metadata))
    with_prior = study(model, tiny.crystals, tiny.chosen, SEED)
    torch.testing.assert_close(with_prior.drawn.z, model.prior(latents(SEED, 0, 6, 300)))
    torch.testing.assert_close(with_prior.normal.density, tiny.drawn.density)
    found = draws.atoms_by_source(with_prior)
    apart = draws.distance_from_real(draws.neighbour_distances({**found, "drawn": found[draws.CANONICAL]}), wasserstein)
    assert apart["drawn"] == 0
    assert apart["N(0, 1)"] > 0.01
    assert set(draws.run(with_prior, tmp_path)["wasserstein_A"]) == {"reconstructed", "drawn", "N(0, 1)"}


def test_draws_are_recovered_and_compared_with_crystals(tiny, tmp_path, capsys, saved_figures):
    crystals = [PEROVSKITE, Crystal(10 * np.eye(3), [[0.5, 0.5, 0.5]], [26]), ZOO["hexagonal"], PEROVSKITE]
    density = voxelize(crystals)
    draws_of = Decoded(torch.zeros(4, 300), density, find_atoms(label_species(crystals), density))
    crystals_of_data = CrystalSet.from_crystals([PEROVSKITE], ["SrTiO3"])
    crystals_of_data = CrystalSet.concatenate(
        [crystals_of_data.with_splits(np.array(["train"])), tiny.crystals.split("test")]
    )
    study_of_draws = tiny._replace(crystals=crystals_of_data, drawn=draws_of)
    numbers = drawn_crystals.run(study_of_draws, tmp_path)
    assert [numbers[key] for key in ("n_draws", "recovered", "different", "known")] == [4, 3, 2, 1]
    assert numbers["space_groups"]["train"] == 1
    assert numbers["without_symmetry"]["drawn"] == 0
    seen = drawn_crystals.measure(drawn_crystals.recovered_draws(study_of_draws, 1))
    assert seen.space_groups.tolist() == [221, 186, 221]
    np.testing.assert_allclose(seen.volumes, [3.9**3 / 5, 3.25**2 * 5.2 * 3**0.5 / 8, 3.9**3 / 5], rtol=1e-3)
    assert 0 < numbers["wasserstein_to_train"]["drawn"]["spacing_A"] < 1
    titles = [axis.get_title() for axis in saved_figures["crystals"].axes]  # of the two different ones
    assert titles == ["SrTiO$_{3}$, $Pm\\bar{3}m$ (221)", "ZnO, $P6_{3}mc$ (186)"]
    (systems,) = axes_titled(saved_figures["drawn_crystals"], "crystal systems")
    shares = np.array([bar.get_height() for bar in systems.patches]).reshape(3, 7)
    np.testing.assert_allclose(shares[0], [0, 0, 0, 0, 0, 1 / 3, 2 / 3])  # of draws: hexagonal, cubic
    np.testing.assert_allclose(shares[1], [0, 0, 0, 0, 0, 0, 1])  # of the training split
    single = study_of_draws._replace(model=Model(tiny.model.network, replace(tiny.model.metadata, mode="single")))
    assert drawn_crystals.run(single, tmp_path / "none") is None
    assert "drawn crystals: left out, since" in capsys.readouterr().err


def test_conditioning_obtains_the_largest_density_that_was_requested(tiny, tmp_path, saved_figures):
    numbers = conditioning.run(tiny, tmp_path)
    expected, got = (np.array(numbers[key]) for key in ("requested_A-3", "obtained_A-3"))
    np.testing.assert_allclose(got, expected, rtol=0.01)
    peaks = tiny.density.amax((1, 2, 3))
    assert (expected.min(), expected.max()) == pytest.approx((float(peaks.min()), float(peaks.max())), rel=1e-3)
    error = numbers["relative_error"]
    assert error["one_step"]["p50"] > 10 * error["corrected"]["p50"]
    assert numbers["geometry_correlation"]["other_scale"]["p50"] > 0.95
    assert numbers["geometry_correlation"]["other_cube"]["p50"] < 0.8
    drawn = points(saved_figures["conditioning"].axes[0])
    np.testing.assert_allclose(drawn, np.stack([expected, got], axis=1), rtol=1e-6)
    highest = [image.max() for image in slices(saved_figures["conditioning"])[:3]]
    np.testing.assert_allclose(highest, np.geomspace(expected[0], expected[-1], 3), rtol=0.02)


def test_what_decodes_to_nothing_stays_nothing(tiny):
    recipe = load_recipe("tiny")
    model = Model(recipe.build(), tiny.model.metadata)  # whose linear part is all zeros
    z = latents(0, 0, 2, 300)
    torch.testing.assert_close(conditioning.with_largest_density(model, z, torch.tensor(3.0)), z)


def test_only_the_scale_changes_when_a_density_is_asked_for(tiny):
    z = tiny.reconstruction.z
    changed = conditioning.with_largest_density(tiny.model, z, torch.tensor(3.0))
    torch.testing.assert_close(changed[:, 1:], z[:, 1:])
    torch.testing.assert_close(
        conditioning.largest_density(tiny.model, changed), torch.full((6,), 3.0), rtol=0.01, atol=0
    )


def test_a_sweep_differs_by_the_number_that_is_swept(tiny, tmp_path, saved_figures):
    numbers = conditioning.sweep(tiny, tmp_path)
    z = tiny.reconstruction.z[:1].clone()
    z[0, numbers["latent_number"]] = 3.0
    plain = tiny.reconstruction.density[0]
    change = (decode_density(tiny.model, z)[0] - plain).norm() / plain.norm()
    assert numbers["relative_change"][-1] == pytest.approx(float(change), rel=1e-4)
    assert len(numbers["atoms"]) == len(numbers["values"]) == 7
    images = [image for image in slices(saved_figures["latent_sweep"]) if image.shape == (30, 30)]
    plane = int(plain.amax((0, 1)).argmax())
    for density, changed in zip(images[:7], images[7:], strict=True):
        np.testing.assert_allclose(density - changed, plain[..., plane], atol=1e-5)


def test_conditioning_is_left_out_where_no_latent_number_is_the_scale(tiny, tmp_path, capsys):
    network = load_recipe("paper").build()
    assert conditioning.run(tiny._replace(model=Model(network, tiny.model.metadata)), tmp_path) is None
    reason = "this model has no latent number for the scale of a density"
    assert capsys.readouterr().err == f"conditioning: left out, since {reason}\n"
    assert list(tmp_path.iterdir()) == []


def test_a_finished_beta_is_not_trained_again(tiny, tmp_path, monkeypatch, saved_figures):
    unet = tiny.model.network.unet
    options = {"minutes": 0.01, "seed": SEED, "run": tmp_path / "0.1"}
    trained = beta.train(tiny.model.metadata, unet, "prototypes", beta=0.1, **options)
    checkpoint = tmp_path / "0.1" / "checkpoints" / "last.ckpt"
    before = checkpoint.stat().st_mtime_ns
    monkeypatch.setattr(beta, "Loop", lambda *_: pytest.fail("trained again"))
    again = beta.train(tiny.model.metadata, unet, "prototypes", beta=0.1, **options)
    assert checkpoint.stat().st_mtime_ns == before
    z = latents(0, 0, 1, 300)
    torch.testing.assert_close(again.decode(z), trained.decode(z))
    assert again.metadata.recipe.loss.beta == 0.1
    with pytest.raises(InputError, match="trained with another"):
        beta.train(tiny.model.metadata, unet, "prototypes", beta=0.2, **options)
    numbers = beta.run({0.1: tiny._replace(model=again), 1.0: tiny}, tmp_path)
    assert [row["beta"] for row in numbers["table"]] == [0.1, 1.0]
    kl = [row["kl_nats"] for row in numbers["table"]]
    assert kl[0] == kl[1] > 0
    expected = [(row["voxel_rel_l2"], row["wasserstein_A"]) for row in numbers["table"]]
    np.testing.assert_allclose(saved_figures["beta"].axes[0].lines[0].get_xydata(), expected)


def test_mixtures_are_between_a_crystal_and_noise():
    mixed, weight = discriminator.mix(torch.full((500, 4), 1e4), torch.Generator().manual_seed(0))
    torch.testing.assert_close(mixed / 1e4, (1 - weight)[:, None].expand(500, 4), rtol=0, atol=1e-3)
    noise = discriminator.mix(torch.zeros(500, 4), torch.Generator().manual_seed(0))[0] / weight[:, None]
    assert abs(noise.mean()) < 0.1
    assert abs(noise.std() - 1) < 0.1


def easy_decode(z: torch.Tensor) -> torch.Tensor:
    """Two slabs, of which the crystals' z makes one dense and the other empty."""
    density = torch.ones(len(z), 30, 30, 30)
    density[:, :15] *= z[:, 0, None, None, None].exp()
    return density


def test_the_discriminator_separates_what_is_easy_and_repeats_itself():
    crystals = torch.full((256, 1), 3.0)

    mixed, weight = discriminator.mix(crystals, torch.Generator().manual_seed(SEED))
    density = easy_decode(mixed)

    def scored(steps: int, z: torch.Tensor) -> np.ndarray:
        network = discriminator.train(density, weight, torch.Generator().manual_seed(SEED), steps)
        return discriminator.scores(network, easy_decode(z))

    noise_z = torch.randn(64, 1, generator=torch.Generator().manual_seed(0))
    real, noise = np.split(scored(60, torch.cat([crystals[:64], noise_z])), 2)
    assert real.mean() > noise.mean() + 0.3
    np.testing.assert_array_equal(scored(2, noise_z), scored(2, noise_z))


def test_the_discriminator_scores_every_source(tiny, tmp_path, monkeypatch, saved_figures):
    monkeypatch.setattr(discriminator, "STEPS", 4)
    monkeypatch.setattr(discriminator, "N_EXAMPLES", 32)
    numbers = discriminator.run(tiny, tmp_path, None, {})
    assert numbers["taught_by"] == "the model"
    assert set(numbers["scores"]) >= {"real decodes", "random draws", "single atoms", "smoothed noise", "other mode"}
    assert all(0 <= score["mean"] <= 1 for score in numbers["scores"].values())
    (rows,) = axes_titled(saved_figures["discriminator"], "scores")
    labels = [label.get_text().partition("\n") for label in rows.get_yticklabels()]
    means = {source: float(text.split()[0]) for source, _, text in labels}
    assert means == {source: pytest.approx(score["mean"], abs=0.005) for source, score in numbers["scores"].items()}
    taught = discriminator.run(tiny, tmp_path, tiny, {"further": tiny.density})
    assert taught["taught_by"] == "the model with the smallest beta"
    assert taught["scores"]["further"] == taught["scores"]["real densities"]


def test_densities_out_of_the_distribution_are_what_they_are_called(tiny):
    densities = discriminator.out_of_distribution(tiny, torch.Generator().manual_seed(0))
    single, noise = densities["single atoms"], densities["smoothed noise"]
    assert single.shape == noise.shape == tiny.density.shape
    peaks = single.amax((1, 2, 3)) * (2 * np.pi) ** 1.5
    assert ((peaks > 0.9) & (peaks <= 94)).all()
    torch.testing.assert_close(noise.mean((1, 2, 3)), tiny.density.mean((1, 2, 3)), rtol=0.25, atol=0)
    assert noise.min() >= 0
    step = noise.diff(dim=1).square().mean() / noise.var()
    assert step < 0.2  # 2 for white noise
    assert densities["other mode"].sum() < tiny.density.sum()
