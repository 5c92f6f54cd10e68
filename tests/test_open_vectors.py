"""Latent vectors that leave open which elements a crystal has, of a model that predicts which crystals are stable."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

import crystalgrid as cg
from crystalgrid.artifacts.export_generator import export_generator
from crystalgrid.artifacts.find import load_learner
from crystalgrid.data.crystalset import CrystalSet
from crystalgrid.latents import latents
from crystalgrid.nets.generators.composition import uniform_from_normal
from crystalgrid.nets.generators.dressed_types import Dressed
from crystalgrid.nets.generators.wyckoff_language import Sentences
from crystalgrid.nets.latent.crystal_latent import CrystalLatent
from small_crystal_generator import train_small_latent
from test_stability import learn_stability

pytestmark = pytest.mark.usefixtures("no_gpu")


@pytest.fixture(scope="module")
def judged_run(prototypes: CrystalSet, made_once) -> Path:
    """Return the folder of a small autoencoder of crystals that has learned energies of those that it knows."""

    def learn(folder: Path) -> None:
        train_small_latent(folder / "small", "prototypes", 40)
        learn_stability(folder, prototypes)

    return made_once("latent stability", learn) / "run"


@pytest.fixture
def network(judged_run: Path) -> Iterator[CrystalLatent]:
    """Return the network of that model, whose vectors all leave their words open."""
    network, _ = load_learner(str(judged_run))
    network.least_likelihood, network.farthest = 0.0, 1e6
    with torch.inference_mode():
        yield network


def first_choice(network: CrystalLatent, z: torch.Tensor) -> Dressed:
    """Return the crystal whose words a vector [1, latent] makes likely, one word after the other."""
    return network.chosen_words(network.latent_beginning(z, 0.3), uniform_from_normal(z), 1, network.seen)


def candidates_of(network: CrystalLatent, z: torch.Tensor) -> Iterator[Dressed]:
    """Yield the crystals that the numbers of one vector [1, latent] choose, one element choice after the other."""
    n_words, n_slots = 1 + 2 * network.orbits, network.most_slots
    numbers = uniform_from_normal(z)[0].tolist()
    for first in range(0, 4 * n_words, n_words):
        further = [numbers[(first + i) % len(numbers)] for i in range(len(numbers))]
        for place in range(n_words, min(n_words + 12 * n_slots, len(numbers) - n_slots + 1), n_slots):
            words = torch.tensor([further[:n_words] + further[place : place + n_slots]])
            yield network.chosen_words(network.latent_beginning(z, 0.1), words, 1, network.seen)


def is_plausible(network: CrystalLatent, words: Dressed) -> bool:
    """Tell whether one crystal is of a known type, new, balanced, and stable by what is read without a vector."""
    nothing = torch.zeros(1, 0, 2, dtype=torch.int64)
    reading = network.language.read(Sentences(words.space_group, words.letters, words.slots, words.elements, nothing))
    return bool(network.nearest_known(words)[0] >= 0 and network.is_likely(words, reading))


def test_the_first_plausible_crystal_is_decoded(network: CrystalLatent) -> None:
    z = latents(3, 0, 20, network.latent_dim)
    decoded = network.decode_words(z, network.seen)
    places = []
    for b in range(len(z)):
        candidates = list(candidates_of(network, z[b : b + 1]))
        plausible = [place for place, candidate in enumerate(candidates) if is_plausible(network, candidate)]
        places.append(plausible[0] if plausible else -1)
        wanted = candidates[plausible[0]] if plausible else first_choice(network, z[b : b + 1])
        assert decoded.space_group[b] == wanted.space_group[0]
        assert decoded.letters[b].tolist() == wanted.letters[0].tolist()
        assert decoded.elements[b].tolist() == wanted.elements[0].tolist()
        assert decoded.log_volume[b] == pytest.approx(float(wanted.log_volume), abs=1e-4)
    assert min(places) < 4 <= max(places)  # the first elements, further ones, and a further type


def test_words_that_a_vector_makes_likely_stay(network: CrystalLatent) -> None:
    z = latents(3, 0, 48, network.latent_dim)
    again, by_row = network.decode_words(z, network.seen), network.decode_words(z[:5], network.seen)
    network.least_likelihood = -1e6
    first = network.decode_words(z, network.seen)
    assert by_row.elements.tolist() == again.elements[:5].tolist()
    is_same = (again.elements == first.elements).all(1)
    assert 0 < int(is_same.sum()) < len(z)
    median = float(first.log_likelihood.median())
    network.least_likelihood = median
    mixed = network.decode_words(z, network.seen)
    stays = first.log_likelihood >= median
    assert mixed.elements[stays].tolist() == first.elements[stays].tolist()
    assert mixed.elements[~stays].tolist() == again.elements[~stays].tolist()


def test_words_stay_where_nothing_is_predicted_to_be_stable(network: CrystalLatent) -> None:
    z = latents(3, 0, 48, network.latent_dim)
    again = network.decode_words(z, network.seen)
    network.largest_energy = -10.0
    hopeless = network.decode_words(z, network.seen)
    network.least_likelihood = -1e6
    first = network.decode_words(z, network.seen)
    assert hopeless.elements.tolist() == first.elements.tolist()
    assert again.elements.tolist() != first.elements.tolist()


def test_it_is_exported(judged_run: Path, tmp_path: Path) -> None:
    network, info = load_learner(str(judged_run))
    eager = cg.load(judged_run)
    for each in (network, eager.network):
        each.least_likelihood, each.farthest = 0.0, 1e6
    export_generator(judged_run, network, info, tmp_path / "model.pt")
    z = latents(4, 0, 16, eager.latent_dim)
    exported, decoded = cg.load(tmp_path / "model.pt").decode_crystals(z), eager.decode_crystals(z)
    for left, right in zip(exported, decoded, strict=True):
        assert (left is None) == (right is None)
        assert left is None or left.numbers.tolist() == right.numbers.tolist()
        assert left is None or left.space_group == right.space_group
    eager.network.least_likelihood = -1e6
    first = eager.decode_crystals(z)
    assert [crystal and crystal.formula for crystal in first] != [crystal and crystal.formula for crystal in decoded]
