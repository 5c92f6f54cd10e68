"""Composition: elements are sampled as often as their probabilities say, in the order of Z."""

import numpy as np
import pytest
import torch

from crystalgrid.nets.generators.composition import ELEMENTS, Composition, atoms_per_slot, sample_by_inverse_cdf


def test_classes_are_sampled_as_often_as_they_are_probable_and_the_most_probable_first():
    logits = torch.tensor([[0.1, 2.0, -np.inf, 1.0, 0.1]])
    uniform = (torch.arange(10_000) + 0.5) / 10_000
    share = sample_by_inverse_cdf(logits.expand(10_000, -1), uniform).bincount(minlength=5) / 10_000
    torch.testing.assert_close(share, logits.softmax(1)[0], rtol=0, atol=2e-4)
    assert sample_by_inverse_cdf(logits, torch.zeros(1)).item() == 1
    assert sample_by_inverse_cdf(logits, torch.ones(1)).item() != 2


@torch.no_grad()
def test_sampled_compositions_are_as_frequent_as_the_loss_says():
    torch.manual_seed(3)
    composition = Composition(3).eval()
    composition.next_element[-1].bias[6:] = -40  # Z = 1 to 5 alone
    slots, space_group = torch.tensor([[1, 2, 2]]), torch.tensor([62])
    numbers = composition(torch.randn(40_000, ELEMENTS), slots.expand(40_000, -1), space_group.expand(40_000))
    assert torch.equal(numbers[:, 1], numbers[:, 2])
    pairs, occurrences = (x.tolist() for x in numbers[:, :2].unique(dim=0, return_counts=True))
    share = {tuple(pair): n / 40_000 for pair, n in zip(pairs, occurrences, strict=True)}
    total, counts = 0.0, atoms_per_slot(slots)
    assert counts.tolist() == [[1, 2, 0, 0, 0, 0]]
    for pair in ((z, heavier) for z in range(1, 6) for heavier in range(z + 1, 95)):
        elements = torch.zeros(1, ELEMENTS, dtype=torch.long)
        elements[0, :2] = torch.tensor(pair)
        probability = float((-composition.loss(elements, counts, space_group)).exp())
        total += probability
        assert share.get(pair, 0) == pytest.approx(probability, abs=0.012)
    assert total == pytest.approx(1, abs=1e-4)


@torch.no_grad()
def test_elements_leave_room_for_heavier_ones():
    composition = Composition(ELEMENTS).eval()
    composition.next_element[-1].bias.copy_(10 * torch.arange(95))
    numbers = composition(torch.zeros(1, ELEMENTS), torch.arange(1, ELEMENTS + 1)[None], torch.tensor([1]))
    assert numbers.tolist() == [[89, 90, 91, 92, 93, 94]]
