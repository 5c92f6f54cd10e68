"""Latent vectors between crystals, whose elements balance in charge where they can."""

import pytest
import torch

import crystalgrid as cg
from crystalgrid.data.crystalset import CrystalSet
from crystalgrid.nets.generators.composition import uniform_from_normal
from crystalgrid.nets.generators.dressed_types import Dressed, chosen, trimmed
from crystalgrid.nets.latent.crystal_latent import CrystalLatent

pytestmark = pytest.mark.usefixtures("no_gpu")


def decoded_at(network: CrystalLatent, z: torch.Tensor, far: float) -> Dressed:
    """Return the words of vectors, which are between crystals if they are so far from their own."""
    network.farthest_vector = far
    words, _ = network.decode_words_and_geometry(z, network.seen)
    return words


def likeliest_balanced(network: CrystalLatent, z: torch.Tensor, words: Dressed) -> Dressed:
    """Return the likeliest of twelve choices of elements on the type of one vector [1, latent], or what it has."""
    numbers, n_words, n_slots = uniform_from_normal(z), 1 + 2 * network.orbits, network.most_slots
    group, letters, slots, *_ = trimmed(words)
    best, beginning = words, network.latent_beginning(z)
    for place in range(n_words, n_words + 12 * n_slots, n_slots):
        own = torch.cat((numbers[:, :n_words], numbers[:, place : place + n_slots]), 1)
        other = network.chosen_elements(beginning, (group, letters, slots), own, 1, network.seen, 3.0)
        if network.is_balanced(other) and (best is words or other.log_likelihood > best.log_likelihood):
            best = other
    return best


@torch.inference_mode()
def test_the_likeliest_elements_that_balance_are_decoded_between_crystals(prototypes: CrystalSet) -> None:
    model = cg.load("mp10a-latent")
    network = model.network
    known, _, _ = model.encode_some(list(prototypes[:60]))
    z = torch.cat((known, *(torch.lerp(known[1:], known[:-1], share) for share in (0.3, 0.5, 0.7))))
    own, decoded = decoded_at(network, z, 1e9), decoded_at(network, z, 0.2)
    distance = network.distance_to_own(z, own, network.decode_geometry(z, own))
    n_changed = n_stays = 0
    for b in range(len(z)):
        before, after = chosen(own, torch.tensor([b])), chosen(decoded, torch.tensor([b]))
        if abs(distance[b] - 0.2) < 1e-3:  # rounding may decide
            continue
        is_between = distance[b] > 0.2 and not network.is_balanced(before)
        wanted = likeliest_balanced(network, z[b : b + 1], before) if is_between else before
        assert after.elements.tolist() == wanted.elements.tolist()
        assert after.letters.tolist() == before.letters.tolist()
        assert after.log_volume.item() == pytest.approx(wanted.log_volume.item(), abs=1e-4)
        n_changed += after.elements.tolist() != before.elements.tolist()
        n_stays += is_between and after.elements.tolist() == before.elements.tolist()
    assert n_changed > 5
    assert n_stays > 0
    assert (network.is_balanced(decoded) & ~network.is_balanced(own)).sum() == n_changed


@torch.inference_mode()
def test_vectors_that_decode_to_balanced_crystals_alone_stay(prototypes: CrystalSet) -> None:
    model = cg.load("mp10a-latent")
    known, _, _ = model.encode_some(list(prototypes[:8]))
    own, decoded = decoded_at(model.network, known, 1e9), decoded_at(model.network, known, -1.0)
    is_balanced = model.network.is_balanced(own)
    assert is_balanced.any()
    assert decoded.elements[is_balanced].tolist() == own.elements[is_balanced].tolist()
    alone = decoded_at(model.network, known[is_balanced], -1.0)
    assert alone.elements.tolist() == own.elements[is_balanced].tolist()
