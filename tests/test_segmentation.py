"""The U-Net and its heads: shapes, losses, and what it sees of a density."""

import numpy as np
import pytest
import torch

from crystalgrid import Crystal, voxelize
from crystalgrid.nets.segmentation.heads import PresenceAndSpeciesHead, SoftmaxHead
from crystalgrid.nets.segmentation.unet import UNet, doubled


@torch.no_grad()
def test_the_softmax_head_takes_the_likeliest_class():
    torch.manual_seed(0)
    head, features = SoftmaxHead(7), torch.randn(2, 5, 5, 5, 7)
    species, confidence = head(features)
    probabilities = head.classify(features).softmax(-1)
    assert torch.equal(species.long(), probabilities.argmax(-1))
    torch.testing.assert_close(confidence, probabilities.max(-1).values)


def test_bce_is_that_of_one_hot_classes():
    torch.manual_seed(0)
    head, features = SoftmaxHead(7), torch.randn(2, 5, 5, 5, 7)
    species = torch.randint(0, 95, (2, 5, 5, 5), dtype=torch.uint8)
    one_hot = torch.nn.functional.one_hot(species.long(), 95).float()
    expected = torch.nn.functional.binary_cross_entropy_with_logits(head.classify(features), one_hot)
    torch.testing.assert_close(head.loss(features, species), expected)


Z_FEATURES = torch.asinh(torch.arange(1.0, 95))


@pytest.fixture(params=[0, 16], ids=["linear", "with a perceptron"])
def hurdle(request) -> tuple[PresenceAndSpeciesHead, torch.Tensor]:
    torch.manual_seed(0)
    return PresenceAndSpeciesHead(7, Z_FEATURES, request.param), 3 * torch.randn(2, 5, 5, 5, 7)


@torch.no_grad()
def test_the_hurdle_head_names_the_likeliest_species_where_an_atom_is_likelier_than_none(hurdle):
    head, features = hurdle
    head.presence.bias.zero_()
    species, confidence = head(features)
    presence = torch.sigmoid(head.presence_logits(features))
    named = head.species_logits(features.reshape(-1, 7)).softmax(-1).view(2, 5, 5, 5, 94)
    assert 0.1 < (species > 0).float().mean() < 0.9
    assert torch.equal(species.long(), torch.where(presence > 0.5, 1 + named.argmax(-1), 0))
    torch.testing.assert_close(confidence, torch.where(presence > 0.5, presence * named.max(-1).values, 1 - presence))


@torch.no_grad()
@pytest.mark.parametrize("hidden", [0, 16])
def test_the_hurdle_head_begins_with_the_deblurred_density(hidden):
    """Before any training, a last feature of asinh(Z) names Z."""
    torch.manual_seed(0)
    head = PresenceAndSpeciesHead(3, Z_FEATURES, hidden)
    torch.nn.init.zeros_(head.species.weight)
    numbers = torch.arange(1.0, 95)
    features = torch.stack((torch.rand(94), torch.rand(94), torch.asinh(numbers)), 1)
    assert torch.equal(head.species_logits(features).argmax(-1) + 1, numbers.long())


def test_the_hurdle_head_loses_the_likelihood_of_every_voxel_per_atom_voxel(hurdle):
    head, features = hurdle
    head, features = head.double(), 0.1 * features.double()
    species = torch.randint(0, 95, (2, 5, 5, 5), dtype=torch.uint8) * (torch.rand(2, 5, 5, 5) < 0.3)
    presence = torch.sigmoid(head.presence_logits(features))
    named = head.species_logits(features.reshape(-1, 7)).log_softmax(-1).view(2, 5, 5, 5, 94)
    of_true = named.gather(-1, (species.long() - 1).clamp_min(0).unsqueeze(-1)).squeeze(-1)
    likelihood = torch.where(species > 0, presence.log() + of_true, (1 - presence).log())
    expected = -likelihood.sum() / (species > 0).sum()
    torch.testing.assert_close(head.loss(features, species), expected, rtol=1e-6, atol=0)
    nothing = head.loss(features, torch.zeros_like(species))
    torch.testing.assert_close(nothing, -(1 - presence).log().sum(), rtol=1e-6, atol=0)


@torch.no_grad()
def test_deblurring_brings_neighbours_apart():
    """Atoms 2 Å apart are one bump in the density; boldly deblurred they are two, which say more of their Z."""
    positions = np.array([[4.0, 5.0, 5.0], [6.0, 5.0, 5.0]])
    density = voxelize([Crystal(99 * np.eye(3), positions / 99, [30, 20])], periodic=False)
    deblurring = UNet((4,), "deblurred").filters
    grids = torch.cat((density, *(channel.sinh() for channel in deblurring(density))))
    blurred, gentle, bold = grids[:, 6:24, 14:16, 14:16].mean((2, 3))
    bumps = [int(((row[1:-1] > row[:-2]) & (row[1:-1] > row[2:])).sum()) for row in (blurred, bold)]
    assert bumps == [1, 2]
    assert 30 > bold.max() > 1.2 * gentle.max()


@pytest.mark.parametrize("n", [1, 7, 16, 30])
def test_unet_keeps_the_grid(n):
    assert UNet((4, 4, 4)).eval().features(torch.ones(1, n, n, n)).shape == (1, n, n, n, 4)


def test_unet_sees_no_offset_between_levels():
    """Halving with rounding up and doubling keeps voxels in place, so a mirrored input gives mirrored attention."""
    coarse = torch.arange(8.0)[None, None, :, None, None].expand(1, 1, 8, 8, 8)
    fine = doubled(coarse, torch.zeros(1, 1, 15, 15, 15))[0, 0, :, 0, 0]
    assert torch.allclose(fine[1:-1], torch.arange(1, 14) / 2 - 0.25)
