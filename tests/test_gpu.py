"""Networks on a GPU: the same answers as on the CPU, and the same training. Without a GPU these tests skip."""

import pytest
import torch
from torch import Tensor

import crystalgrid as cg
from artifacts import run_info
from crystalgrid.artifacts.recipe import load_recipe, recipe_from
from crystalgrid.data.cubes import evaluation_cubes
from crystalgrid.latents import latents
from crystalgrid.report.evaluation import measure
from crystalgrid.training.joint import JointTraining
from crystalgrid.training.losses import joint_loss

MODELS = ["mp10a-repeated", "mp10a-single", "perov5-repeated"]


def assert_close(on_gpu: Tensor, on_cpu: Tensor, share: float = 1e-4) -> None:
    """Assert that two tensors differ by no more than a share of the largest value."""
    assert (on_gpu.cpu() - on_cpu).abs().max() <= share * on_cpu.abs().max()


@pytest.mark.parametrize("name", MODELS)
@torch.no_grad()
def test_a_model_says_the_same(name: str, gpu: str, prototypes) -> None:
    cpu_model, gpu_model = cg.load(name), cg.load(name).to(gpu)
    density = next(iter(evaluation_cubes(prototypes[:2], cpu_model.mode, cpu_model.grid, seed=0)))
    density = density.density(cpu_model.grid)
    noise = latents(0, 0, 4, cpu_model.latent_dim)
    z = cpu_model.encode(density)[0]
    decoded, sampled = cpu_model.decode(z), cpu_model.decode(cpu_model.prior(noise))
    assert_close(gpu_model.decode(z.to(gpu)), decoded)
    assert_close(gpu_model.decode(gpu_model.encode(density.to(gpu))[0]), decoded, 1e-2)  # a least-squares fit
    gpu_sampled = gpu_model.decode(gpu_model.prior(noise.to(gpu))).cpu()
    error = (gpu_sampled - sampled).flatten(1).norm(dim=1) / sampled.flatten(1).norm(dim=1)
    assert (error < 0.05).float().mean() >= 0.75  # rounding may turn a discrete choice of the prior
    for density in (decoded, sampled):
        species, confidence = cpu_model.segment(density)
        gpu_species, gpu_confidence = gpu_model.segment(density.to(gpu))
        assert (gpu_species.cpu() == species).float().mean() > 0.999
        assert (gpu_confidence.cpu() - confidence).abs().mean() < 1e-3


def test_evaluation_counts_the_same(gpu: str, prototypes) -> None:
    on_cpu, on_gpu = (measure(cg.load("mp10a-repeated").to(device), prototypes[:2]) for device in ("cpu", gpu))
    for key in ("recall_0p5A", "precision_0p5A", "species_exact"):
        assert on_gpu[key] == pytest.approx(on_cpu[key], abs=0.05)
    assert on_gpu["voxel_rel_l2"] == pytest.approx(on_cpu["voxel_rel_l2"], rel=0.05, abs=1e-3)


@pytest.mark.parametrize(("recipe", "mode"), [("tiny", "repeated"), ("periodic", "repeated"), ("atomic", "single")])
def test_a_step_of_training_is_the_same(recipe: str, mode: str, gpu: str, prototypes) -> None:
    content = load_recipe(recipe).to_dict()
    content["network"]["fit_cubes"] = 256
    settings = recipe_from(content, recipe)
    losses, gradients = [], []
    for device in ("cpu", gpu):
        training = JointTraining(run_info(settings, mode), prototypes[20:60])
        training.net.to(device)
        density, species, noise = training.batch(0, 4)
        assert density.device.type == species.device.type == noise.device.type == device
        loss = joint_loss(training.net, density, species, settings.loss, noise)["loss"]
        loss.backward()
        losses.append(float(loss.detach()))
        gradients.append(torch.cat([p.grad.flatten().cpu() for p in training.net.unet.parameters()]))
    assert losses[1] == pytest.approx(losses[0], rel=1e-3)
    assert torch.nn.functional.cosine_similarity(*gradients, dim=0) > 0.99
