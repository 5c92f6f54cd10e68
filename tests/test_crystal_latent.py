"""Autoencoders of crystals: one z for a crystal in any description, one crystal for a z, in Python and exported."""

from pathlib import Path

import numpy as np
import pytest
import torch
from moyopy import Cell, MoyoDataset

import crystalgrid as cg
from crystalgrid.artifacts.export import export_model
from crystalgrid.crystal import Crystal
from crystalgrid.data.crystalset import CrystalSet
from crystalgrid.errors import InputError
from crystalgrid.generation.latent_model import LatentModel
from crystalgrid.geometry.lattices import from_parameters
from crystalgrid.latents import latents
from small_crystal_generator import train_small_latent
from zoo import random_rotation


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("latent") / "run"
    train_small_latent(folder, "prototypes", 40)
    return folder


@pytest.fixture(scope="module")
def model(run: Path) -> LatentModel:
    loaded = cg.load(run)
    assert isinstance(loaded, LatentModel)
    return loaded


def encodable(model: LatentModel, prototypes: CrystalSet) -> list[Crystal]:
    """Return the crystals of a set that the model can encode."""
    return [crystal for crystal in prototypes if not model.encode_some([crystal])[2]]


def test_a_crystal_has_one_latent_vector(model: LatentModel, prototypes: CrystalSet) -> None:
    rng = np.random.default_rng(0)
    for crystal in encodable(model, prototypes)[::20]:
        doubled = np.concatenate((crystal.frac_coords, crystal.frac_coords + np.array([1, 0, 0]))) / [2, 1, 1]
        order = rng.permutation(2 * len(crystal))
        lattice = (np.diag([2, 1, 1]) @ crystal.lattice) @ random_rotation(rng).T
        other = Crystal(lattice, (doubled + rng.random(3))[order], np.tile(crystal.numbers, 2)[order])
        mu, _ = model.encode_crystals([crystal, other])
        assert mu[0] == pytest.approx(mu[1], abs=1e-3)


def test_a_latent_vector_has_one_crystal_of_exact_symmetry(model: LatentModel) -> None:
    z = torch.randn(16, model.latent_dim, generator=torch.Generator().manual_seed(0))
    crystals, again = model.decode_crystals(z), model.decode_crystals(z[:3])
    for first, second in zip(crystals, again, strict=False):
        assert (first is None) == (second is None)
        if first is not None and second is not None:
            assert first.numbers.tolist() == second.numbers.tolist()
            assert first.lattice == pytest.approx(second.lattice, abs=1e-4)
    decoded = [crystal for crystal in crystals if crystal is not None]
    assert len(decoded) >= 8
    draws = model.network.draw(z, {}, torch.zeros(0, 0))
    copies = (torch.linalg.det(draws.lattice) / torch.linalg.det(draws.primitive_lattice)).abs().tolist()
    for b, crystal in enumerate(crystals):
        if crystal is not None:
            cell = Cell(crystal.lattice.tolist(), crystal.frac_coords.tolist(), crystal.numbers.tolist())
            order = len(model.network.operations(int(draws.space_group[b]))) / copies[b]
            assert len(MoyoDataset(cell, symprec=0.01).operations.rotations) >= round(order)


@torch.inference_mode()
def test_a_vector_that_leaves_its_words_open_has_the_volume_of_the_nearest_known_crystal_scaled_by_radii() -> None:
    network = cg.load("mp10a-latent").network
    types, cubes = network.types, network.radii.double().numpy() ** 3
    draws = network.draw(latents(0, 0, 48, network.latent_dim), {}, torch.zeros(0, 0))
    of_known_type = torch.where(draws.relative >= 0)[0].tolist()
    assert len(of_known_type) >= 24
    for b in of_known_type:
        numbers = draws.numbers[draws.atom_offsets[b] : draws.atom_offsets[b + 1]]
        row = int(torch.where(types.source == draws.relative[b])[0])
        known_numbers = np.repeat(types.elements[row].long().numpy(), types.counts[row].long().numpy())
        known_volume = from_parameters(types.lattice_params[row : row + 1].double() / types.lattice_units).det()
        expected = float(known_volume) * cubes[numbers].sum() / cubes[known_numbers].sum()
        assert float(draws.lattice[b].det()) == pytest.approx(expected, rel=1e-3)


def given_up_at(model: LatentModel, z: torch.Tensor, change: float, far: float) -> list[Crystal | None]:
    """Return the crystals of vectors that give their cells up where they are so far off."""
    model.network.largest_change, model.network.farthest_vector = change, far
    return model.decode_crystals(z)


def test_a_cell_that_suits_neither_of_two_crystals_is_not_taken(prototypes: CrystalSet) -> None:
    model = cg.load("mp10a-latent")
    known = model.encode_crystals(encodable(model, prototypes)[:40])[0]
    ways = [torch.lerp(known[1:], known[:-1], share) for share in (0.3, 0.5, 0.7)]
    z = torch.cat((known, *ways))
    drawn, given, nearest = (given_up_at(model, z, *limits) for limits in ((0.25, 0.2), (1e9, 1e9), (-1.0, -1.0)))
    n_off = [0, 0]
    for b, (crystal, own, other) in enumerate(zip(drawn, given, nearest, strict=True)):
        if crystal is None or own is None or other is None:
            continue
        if not crystal.formula == own.formula == other.formula:  # other elements, since charges did not balance
            continue
        change = abs(np.log(own.volume / other.volume))
        far = float((model.encode_crystals([own])[0] - z[b]).square().mean().sqrt())
        if abs(far - 0.2) > 0.02:  # else rounding may decide
            is_off = far > 0.2 and change > 0.25
            n_off[int(b >= len(known))] += is_off
            assert crystal.volume == pytest.approx((other if is_off else own).volume)
    assert n_off[0] == 0 < 5 < n_off[1]  # of crystals themselves, and of the ways between them


def test_no_crystals_have_no_vectors_and_the_other_way_round(model: LatentModel) -> None:
    mu, logvar = model.encode_crystals([])
    assert mu.shape == logvar.shape == (0, model.latent_dim)
    assert model.decode_crystals(mu) == []


def test_draws_take_conditions_on_possible_elements_alone(model: LatentModel) -> None:
    assert len(cg.generate(3, model)) == 3
    crystals = cg.generate(16, model, among="Na,K,Cl,O", without="K")
    assert len(crystals) == 16
    for crystal in crystals:
        assert set(crystal.numbers.tolist()) <= {8, 11, 17}
    with pytest.raises(InputError, match="n_elements: this model draws latent vectors, with no conditions but among"):
        cg.generate(3, model, n_elements=2)
    with pytest.raises(InputError, match="no element that training crystals hold is left by the conditions"):
        cg.generate(3, model, among="Ir")


def test_vectors_are_decoded_with_possible_elements_alone(model: LatentModel) -> None:
    z = latents(5, 0, 24, model.latent_dim)
    free, oxides = model.decode_crystals(z), model.decode_crystals(z, among="Mg,Ti,O")
    assert any(oxides)
    assert [c and c.formula for c in free] != [c and c.formula for c in oxides]
    assert all(oxide is None or set(oxide.numbers.tolist()) <= {8, 12, 22} for oxide in oxides)


def test_the_likeliest_of_the_possible_elements_are_decoded() -> None:
    model = cg.load("mp10a-latent")
    salt = Crystal(5.64 * np.eye(3), [[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0], [0.5, 0, 0], [0, 0.5, 0],
                                      [0, 0, 0.5], [0.5, 0.5, 0.5]], 4 * [11] + 4 * [17])  # fmt: skip
    (lime,) = model.decode_crystals(model.encode_crystals([salt])[0], among="Mg,Ca,Ti,O")
    assert lime is not None
    assert lime.formula == "CaO"
    assert lime.space_group.number == 225


def test_what_cannot_be_encoded_is_named(model: LatentModel) -> None:
    iridium = Crystal(2.7 * np.eye(3), [[0, 0, 0]], [77])
    with pytest.raises(InputError, match=r"crystals\[0\]: has Ir, which the model has never seen"):
        model.encode_crystals([iridium])
    points = np.random.default_rng(0).random((30, 3))
    for n, message in (
        (30, "30 atoms in its primitive cell; the model takes 24"),
        (13, "13 orbits; the model takes 12"),
    ):
        with pytest.raises(InputError, match=message):
            model.encode_crystals([Crystal(12 * np.eye(3), points[:n], np.full(n, 11))])
    with pytest.raises(InputError, match=r"z: wanted floating-point numbers \[B, 60\]"):
        model.decode_crystals(torch.zeros(2, 61))
    with pytest.raises(InputError, match="z"):
        model.decode_crystals(torch.full((2, 60), torch.nan))


def test_an_exported_file_encodes_and_decodes_the_same(
    run: Path, model: LatentModel, prototypes: CrystalSet, tmp_path: Path
) -> None:
    export_model(str(run), tmp_path / "model.pt")
    exported = cg.load(tmp_path / "model.pt")
    assert isinstance(exported, LatentModel)
    crystals = encodable(model, prototypes)[:3]
    mu, _ = model.encode_crystals(crystals)
    assert exported.encode_crystals(crystals)[0] == pytest.approx(mu, abs=1e-4)
    decoded = zip(exported.decode_crystals(mu), model.decode_crystals(mu), strict=True)
    assert all((a is None) == (b is None) and (a is None or a.formula == b.formula) for a, b in decoded)


def test_vectors_far_from_all_crystals_decode_to_a_crystal_or_none(model: LatentModel) -> None:
    for scale in (3, 30):
        for seed in range(3):
            z = scale * torch.randn(1, model.latent_dim, generator=torch.Generator().manual_seed(seed))
            (crystal,) = model.decode_crystals(z)
            assert crystal is None or len(crystal) > 0
