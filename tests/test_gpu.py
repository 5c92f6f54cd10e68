"""Networks on a GPU: the same answers as on the CPU, and the same training. On a CPU the tests see themselves work."""

import pytest
import torch
from torch import Tensor

import crystalgrid as cg
from crystalgrid.artifacts.recipe import load_recipe
from crystalgrid.data.source import evaluation_cubes
from crystalgrid.latents import latents
from crystalgrid.report.evaluation import measure
from crystalgrid.training.joint import Training
from crystalgrid.training.losses import joint_loss

MODELS = ["mp10a-repeated", "mp10a-single", "perov5-repeated"]


def close(seen: Tensor, wanted: Tensor, share: float = 1e-4) -> None:
    """Within a share of the largest value, on the CPU."""
    assert (seen.cpu() - wanted).abs().max() <= share * wanted.abs().max()


@pytest.mark.parametrize("name", MODELS)
@torch.no_grad()
def test_a_model_says_the_same(name: str, device: str, prototypes) -> None:
    here, there = cg.load(name), cg.load(name).to(device)
    density = next(iter(evaluation_cubes(prototypes[:2], here.mode, here.grid, seed=0))).density(here.grid)
    noise = latents(0, 0, 4, here.latent_dim)
    z = here.encode(density)[0]
    decoded, drawn = here.decode(z), here.decode(here.prior(noise))
    close(there.decode(z.to(device)), decoded)
    close(there.decode(there.encode(density.to(device))[0]), decoded, 1e-2)  # of a least-squares fit
    near = (there.decode(there.prior(noise.to(device))).cpu() - drawn).flatten(1).norm(dim=1)
    assert (near < 0.05 * drawn.flatten(1).norm(dim=1)).float().mean() >= 0.75  # a choice may fall otherwise
    for density in (decoded, drawn):
        (species, confidence), (same, sure) = here.segment(density), there.segment(density.to(device))
        assert (same.cpu() == species).float().mean() > 0.999
        assert (sure.cpu() - confidence).abs().mean() < 1e-3


def test_evaluation_counts_the_same(device: str, prototypes) -> None:
    here, there = (measure(cg.load("mp10a-repeated").to(place), prototypes[:2]) for place in ("cpu", device))
    for key in ("recall_0p5A", "precision_0p5A", "species_exact"):
        assert there[key] == pytest.approx(here[key], abs=0.05)
    assert there["voxel_rel_l2"] == pytest.approx(here["voxel_rel_l2"], rel=0.05, abs=1e-3)


@pytest.mark.parametrize(("recipe", "mode"), [("tiny", "repeated"), ("periodic", "repeated"), ("atomic", "single")])
def test_a_step_of_training_is_the_same(recipe: str, mode: str, device: str, prototypes, monkeypatch) -> None:
    for kind in ("WaveVAE", "LatticeVAE", "AtomVAE"):
        monkeypatch.setattr(f"crystalgrid.nets.{kind}.fitted_to", 256)
    settings = load_recipe(recipe)
    losses, gradients = [], []
    for place in ("cpu", device):
        training = Training(settings, prototypes[20:60], cg.Grid(), {"seed": 0, "mode": mode}).to(place)
        density, species, noise = training.batch(0, 4)
        assert density.device.type == species.device.type == noise.device.type == place
        loss = joint_loss(training.net, density, species, settings.loss, noise)["loss"]
        loss.backward()
        losses.append(float(loss.detach()))
        gradients.append(torch.cat([p.grad.flatten().cpu() for p in training.net.unet.parameters()]))
    assert losses[1] == pytest.approx(losses[0], rel=1e-3)
    assert torch.nn.functional.cosine_similarity(*gradients, dim=0) > 0.99
