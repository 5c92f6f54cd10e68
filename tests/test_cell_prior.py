"""The prior of unit cells: lattices and compositions, a flow that knows what a crystal is, and what draws are."""

import itertools

import numpy as np
import pytest
import torch
from pymatgen.analysis.structure_matcher import StructureMatcher

import reference
from crystalgrid import Crystal, Grid, InputError, load, voxelize
from crystalgrid.artifacts.recipe import Network
from crystalgrid.data.crystalset import CrystalSet
from crystalgrid.geometry.lattices import from_parameters, parameters, reduced
from crystalgrid.geometry.orbits import Sites, as_used
from crystalgrid.latents import latents
from crystalgrid.nets import AtomVAE, CrystalNet, LatticeVAE
from crystalgrid.nets.generators.cell_flow import CellPrior, apart
from crystalgrid.nets.generators.composition import ELEMENTS, Composition, choice, counts_of
from crystalgrid.nets.generators.minimum_distances import Contacts
from crystalgrid.nets.generators.templates import TEMPLATES
from crystalgrid.training.cell_flow import CellPriorTraining, loss_together, matched
from crystalgrid.training.unit_cells import few_enough, shortest_distances, unit_cells
from zoo import ZOO, random_crystal

GRID = Grid()
FEW = {name: one for name, one in ZOO.items() if len(one) <= 12}
RNG = np.random.default_rng(11)
LATTICES = torch.from_numpy(
    np.stack([one.lattice for one in [*ZOO.values(), *(random_crystal(RNG, 1) for _ in range(40))]])
)


def rebuilt(lattice: torch.Tensor, places: torch.Tensor, numbers: torch.Tensor) -> list[Crystal]:
    parts = zip(lattice.double().numpy(), places.double().numpy(), numbers.numpy(), strict=True)
    return [Crystal(basis, at[z > 0], z[z > 0]) for basis, at, z in parts]


def test_reduced_bases_are_the_shortest_of_the_same_lattice():
    bases = reduced(LATTICES)
    steps = bases @ torch.linalg.inv(LATTICES)
    torch.testing.assert_close(steps, steps.round(), rtol=0, atol=1e-9)
    assert torch.allclose(torch.linalg.det(steps).abs(), torch.ones(len(steps), dtype=torch.float64))
    wanted = np.stack([reference.shortest_translations(one) for one in LATTICES.numpy()])
    np.testing.assert_allclose(bases.norm(dim=2).numpy(), wanted, rtol=1e-9)
    assert ((bases[:, :1] * bases[:, 1:]).sum(2) > -1e-9).all()


def test_parameters_are_of_a_lattice_however_it_is_turned():
    metric = LATTICES @ LATTICES.transpose(1, 2)
    again = from_parameters(parameters(LATTICES))
    torch.testing.assert_close(again @ again.transpose(1, 2), metric)
    assert (again.triu(1) == 0).all()


def test_ways_between_atoms_are_the_shortest():
    bases = reduced(LATTICES).float()
    places = torch.rand(len(bases), 4, 3, generator=torch.Generator().manual_seed(3))
    ways, lengths = apart(places, bases)
    for b, basis in enumerate(bases.numpy()):
        of_all, least = reference.ways_apart(places[b].numpy(), basis)
        np.testing.assert_allclose(lengths[b].numpy(), least, atol=1e-4)
        np.testing.assert_allclose(ways[b].numpy(), of_all, atol=1e-3)


def test_rounding_does_not_choose_among_ways_that_are_as_long():
    """Atoms half a lattice vector apart, as symmetry has them."""
    places = torch.cartesian_prod(*3 * [torch.tensor([0.0, 0.5])]).expand(len(LATTICES), -1, -1)
    bases = reduced(LATTICES).float()
    rounded = places + 1e-7 * torch.randn(places.shape, generator=torch.Generator().manual_seed(0))
    for exact, other in zip(apart(places, bases), apart(rounded, bases), strict=True):
        torch.testing.assert_close(other, exact, rtol=0, atol=1e-3)


def test_unit_cells_are_the_crystals():
    crystals = CrystalSet.from_crystals(FEW.values())
    cells = unit_cells(crystals, 14)
    assert cells.numbers.shape == (len(FEW), 14)
    matcher = StructureMatcher(primitive_cell=False, scale=False, ltol=1e-3, stol=1e-3, angle_tol=0.1)
    for one, again in zip(
        FEW.values(), rebuilt(from_parameters(cells.sides), cells.places, cells.numbers), strict=True
    ):
        assert matcher.fit(one.to_pymatgen(), again.to_pymatgen())
    for one, elements, counts in zip(FEW.values(), cells.elements, cells.counts, strict=True):
        species, wanted = np.unique(one.numbers, return_counts=True)
        assert elements[elements > 0].tolist() == species.tolist()
        assert counts[elements > 0].tolist() == wanted.tolist()
        assert counts.sum() == len(one)
    assert torch.equal(torch.nn.functional.pad(cells.elements, [1, 0]).gather(1, cells.kinds.long()), cells.numbers)
    some = cells.of(np.array([2, 0]))
    most = max(len(one) for one in list(FEW.values())[0:3:2])
    assert some.numbers.shape[1] == some.kinds.shape[1] == some.sites.turn.shape[1] == most


def test_what_has_too_many_atoms_or_elements_is_known():
    many = Crystal(5 * np.eye(3), RNG.random((7, 3)), [1, 3, 9, 11, 17, 35, 53])
    crystals = CrystalSet.from_crystals([ZOO["many atoms"], ZOO["perovskite"], many])
    assert few_enough(crystals, 12).tolist() == [False, True, False]
    assert few_enough(crystals, 4).tolist() == [False, False, False]


def test_choices_are_as_likely_as_their_probabilities_and_without_noise_the_likeliest():
    logits = torch.tensor([[0.1, 2.0, -np.inf, 1.0, 0.1]])
    uniform = (torch.arange(10_000) + 0.5) / 10_000
    share = choice(logits.expand(10_000, -1), uniform).bincount(minlength=5) / 10_000
    torch.testing.assert_close(share, logits.softmax(1)[0], rtol=0, atol=2e-4)
    assert choice(logits, torch.zeros(1)).item() == 1
    assert choice(logits, torch.ones(1)).item() != 2


@torch.no_grad()
def test_draws_of_compositions_are_as_frequent_as_the_loss_says():
    torch.manual_seed(3)
    composition = Composition(3).eval()
    composition.next_element[-1].bias[6:] = -40  # Z = 1 to 5 alone
    kinds, group = torch.tensor([[1, 2, 2]]), torch.tensor([62])
    numbers = composition(torch.randn(40_000, ELEMENTS), kinds.expand(40_000, -1), group.expand(40_000))
    assert torch.equal(numbers[:, 1], numbers[:, 2])
    drawn = {
        tuple(z): n / 40_000
        for z, n in zip(*(x.tolist() for x in numbers[:, :2].unique(dim=0, return_counts=True)), strict=True)
    }
    total, counts = 0.0, counts_of(kinds)
    assert counts.tolist() == [[1, 2, 0, 0, 0, 0]]
    for pair in ((z, heavier) for z in range(1, 6) for heavier in range(z + 1, 95)):
        elements = torch.zeros(1, ELEMENTS, dtype=torch.long)
        elements[0, :2] = torch.tensor(pair)
        probability = float((-composition.loss(elements, counts, group)).exp())
        total += probability
        assert drawn.get(pair, 0) == pytest.approx(probability, abs=0.012)
    assert total == pytest.approx(1, abs=1e-4)


@torch.no_grad()
def test_elements_leave_room_for_heavier_ones():
    composition = Composition(ELEMENTS).eval()
    composition.next_element[-1].bias.copy_(10 * torch.arange(95))
    drawn = composition(torch.zeros(1, ELEMENTS), torch.arange(1, ELEMENTS + 1)[None], torch.tensor([1]))
    assert drawn.tolist() == [[89, 90, 91, 92, 93, 94]]


@pytest.fixture(scope="module")
def flow() -> CellPrior:
    torch.manual_seed(1)
    return CellPrior(300, (32, 32), atoms=8).eval()


def some_cells(atoms: int = 8) -> tuple[torch.Tensor, ...]:
    torch.manual_seed(2)
    numbers = torch.randint(1, 95, (5, atoms))
    numbers[torch.arange(atoms) >= torch.tensor([8, 1, 5, 3, 6])[:, None]] = 0
    return torch.rand(5, atoms, 3), torch.randn(5, 6), numbers, torch.randint(1, 231, (5,)), torch.rand(5)


@torch.no_grad()
def test_velocities_know_crystals_have_no_origin_no_order_and_no_end(flow):
    places, sides, numbers, group, time = some_cells()
    of = group, time
    shift, turn = flow.velocity(places, sides, numbers, *of)
    assert shift.abs().amax() > 1e-3
    torch.testing.assert_close(shift.sum(1), torch.zeros(5, 3), rtol=0, atol=1e-5)
    assert (shift[numbers == 0] == 0).all()
    order = torch.randperm(8)
    wider = torch.cat((places, torch.rand(5, 4, 3)), 1), sides, torch.cat((numbers, torch.zeros(5, 4).long()), 1)
    for name, (other_shift, other_turn) in {
        "origin": flow.velocity(places + torch.rand(5, 1, 3), sides, numbers, *of),
        "lattice": flow.velocity(places + torch.randint(-2, 3, (5, 8, 3)), sides, numbers, *of),
        "order": tuple(flow.velocity(places[:, order], sides, numbers[:, order], *of)),
        "room": flow.velocity(*wider, *of),
    }.items():
        wanted = shift[:, order] if name == "order" else shift
        torch.testing.assert_close(other_shift[:, :8], wanted, rtol=1e-3, atol=1e-4, msg=name)
        torch.testing.assert_close(other_turn, turn, rtol=1e-3, atol=1e-4, msg=name)
    moved = places.clone()
    moved[0, 0] += 0.1
    assert (flow.velocity(moved, sides, numbers, *of)[0][0] - shift[0]).abs().amax() > 1e-5
    assert (flow.velocity(places, sides, numbers, group % 230 + 1, time)[0] - shift).abs().amax() > 1e-5


def test_free_points_are_matched_by_the_shortest_ways():
    """In a body-centred cell with six oxygens of no symmetry at all, and one iron."""
    rng = np.random.default_rng(0)
    crystals = [Crystal(6 * np.eye(3), rng.random((6, 3)), [8] * 5 + [26]) for _ in range(6)]
    cells = unit_cells(CrystalSet.from_crystals(crystals), 7)
    noise = rng.random((6, 7, 3), dtype=np.float32)
    again = matched(noise, cells, as_used(cells.sites)).numpy()

    def cost(start: np.ndarray, end: np.ndarray) -> float:
        way = end - start
        return ((way - np.rint(way)) ** 2).sum()

    for before, after, end in zip(noise, again, cells.places.numpy(), strict=True):
        assert np.array_equal(after[5:], before[5:])
        assert {*map(tuple, after)} == {*map(tuple, before)}
        best = min(cost(before[list(order)], end[:5]) for order in itertools.permutations(range(5)))
        assert cost(after[:5], end[:5]) == pytest.approx(best)


def test_orbits_on_different_sites_are_not_exchanged():
    """Of a perovskite's atoms none can move, wherever it starts."""
    cells = unit_cells(CrystalSet.from_crystals([ZOO["perovskite"]]), 5)
    noise = np.random.default_rng(0).random((1, 5, 3), dtype=np.float32)
    assert np.array_equal(matched(noise, cells, as_used(cells.sites)).numpy(), noise)


def test_shortest_distances_are_those_of_all_images():
    cells = unit_cells(CrystalSet.from_crystals(FEW.values()), 12)
    found = {}
    for one in rebuilt(from_parameters(cells.sides), cells.places, cells.numbers):
        at, images = one.positions, np.array(list(itertools.product(range(-3, 4), repeat=3))) @ one.lattice
        for i, j in itertools.product(range(len(one)), repeat=2):
            away = np.linalg.norm(at[j] + images - at[i], axis=1)
            pair = *sorted((int(one.numbers[i]), int(one.numbers[j]))), id(one)
            found[pair] = min(found.get(pair, np.inf), away[away > 1e-3].min())
    first, second, distance = (x.numpy() for x in shortest_distances(cells))
    assert len(distance) == len(found)
    wanted = sorted((*pair[:2], length) for pair, length in found.items())
    np.testing.assert_allclose(sorted(zip(first, second, distance, strict=True)), wanted, rtol=1e-4)


def test_contacts_are_the_tenth_from_below_or_sums_of_radii():
    contacts, count = Contacts(), 1001
    oxygen = torch.linspace(2, 3, count)[torch.randperm(count)]
    calcium = torch.full((count,), 3.4)
    species = torch.tensor([8]).repeat(count), torch.tensor([20]).repeat(count)
    contacts.fit(torch.cat(species), torch.cat(species), torch.cat((oxygen, calcium)))
    assert contacts.least[8, 8] == pytest.approx(2.1, abs=0.01)
    assert contacts.least[20, 20] == pytest.approx(3.4, abs=0.01)
    assert contacts.least[8, 20] == contacts.least[20, 8] == pytest.approx((2.1 + 3.4) / 2, abs=0.01)
    assert contacts.least[8, 40] == pytest.approx(2.1 / 2 + 1.3, abs=0.01)


def without_symmetry(count: int, atoms: int) -> Sites:
    """Of which every atom may be anywhere."""
    turn = torch.eye(3).expand(count, atoms, 3, 3)
    orbit, group = torch.arange(atoms).expand(count, -1), torch.ones(count).long()
    return Sites(turn, turn, torch.zeros(count, atoms, 3), orbit, torch.eye(6).expand(count, 6, 6), group)


@torch.no_grad()
def test_atoms_that_are_too_near_are_pushed_apart_and_no_others():
    contacts = Contacts()
    contacts.least.fill_(2.0)
    lattice = torch.tensor([[6.0, 0, 0], [2.9, 5, 0], [2.9, 1.6, 5]]).expand(2, 3, 3)  # images across edges are nearest
    far = torch.tensor([[0, 0, 0], [0.45, 0.45, 0.45], [0.5, 0, 0]])
    near = torch.tensor([[0.02, 0.02, 0.98], [0.98, 0.05, 0.05], [0.5, 0.5, 0.5]])
    places, numbers = torch.stack((far, near)), torch.tensor([[8, 8, 8], [8, 20, 0]])
    pushed = contacts(places, lattice, numbers, without_symmetry(2, 3))
    torch.testing.assert_close(pushed[0], far)
    torch.testing.assert_close(pushed[1, 2], near[2])
    torch.testing.assert_close(pushed[1, :2].mean(0), near[:2].mean(0))
    one = rebuilt(lattice, pushed, numbers)[1].to_pymatgen()
    before = rebuilt(lattice, places, numbers)[1].to_pymatgen()
    assert before.get_distance(0, 1) < 0.7
    assert one.get_distance(0, 1) == pytest.approx(2.0, abs=0.01)


@torch.no_grad()
def test_latent_vectors_of_cells_decode_to_their_densities_in_repeated_mode():
    small = [crystal for crystal in FEW.values() if abs(np.linalg.det(crystal.lattice)) < 250]
    cells = unit_cells(CrystalSet.from_crystals(small), 12)
    lattice = from_parameters(cells.sides)
    vae = LatticeVAE(900)
    vae.factors.choose(torch.linalg.inv(lattice).transpose(1, 2))
    decoded = vae.decode(vae.of_cells(lattice, cells.places, cells.numbers))
    crystals = rebuilt(lattice, cells.places, cells.numbers)
    density = voxelize(crystals, GRID, torch.full((len(crystals), 3), -GRID.length / 2))
    error = (decoded - density).flatten(1).norm(dim=1) / density.flatten(1).norm(dim=1)
    assert error.max() < 2e-3


@torch.no_grad()
def test_latent_vectors_of_cells_decode_to_their_densities_in_single_mode():
    cells = unit_cells(CrystalSet.from_crystals(FEW.values()), 12)
    lattice = from_parameters(cells.sides)
    vae = AtomVAE(300)
    decoded = vae.decode(vae.of_cells(lattice, cells.places, cells.numbers))
    crystals = [
        Crystal(one.lattice, one.frac_coords % 1, one.numbers) for one in rebuilt(lattice, cells.places, cells.numbers)
    ]
    corner = torch.from_numpy(np.stack([one.positions.mean(0) - GRID.length / 2 for one in crystals]))
    density = voxelize(crystals, GRID, corner, periodic=False)
    torch.testing.assert_close(decoded, density, rtol=1e-3, atol=1e-4 * float(density.max()))


def test_a_prior_learns_two_crystals():
    """CsCl and silicon, of which draws are one or the other."""
    known = [
        Crystal(4.1 * np.eye(3), [[0, 0, 0], [0.5, 0.5, 0.5]], [55, 17]),
        Crystal(2.7 * (np.ones((3, 3)) - np.eye(3)), [[0, 0, 0], [0.25, 0.25, 0.25]], [14, 14]),
    ]
    crystals = CrystalSet.from_crystals(known)
    torch.manual_seed(0)
    flow = CellPrior(60, (64, 64), atoms=2)
    cells, random = unit_cells(crystals, 2), np.random.default_rng(0)
    flow.fit(cells.sides)
    of_both = cells.of(np.arange(TEMPLATES) % 2)
    flow.templates.fit(of_both.sites, of_both.kinds)
    optimizer = torch.optim.Adam(flow.parameters(), 3e-3)
    for step in range(600):
        optimizer.param_groups[0]["lr"] = 3e-3 * (1 - step / 600)
        optimizer.zero_grad()
        loss_together(flow, cells.of(np.arange(64) % 2), random).backward()
        optimizer.step()
    with torch.no_grad():
        drawn = rebuilt(*flow.eval()(torch.randn(100, 60)))
    off = []
    for one in drawn:
        like = known[0] if 55 in one.numbers else known[1]
        assert sorted(one.numbers) == sorted(like.numbers)
        off.append(abs(one.to_pymatgen().get_distance(0, 1) - like.to_pymatgen().get_distance(0, 1)))
    assert np.median(off) < 0.25  # Å; anywhere in these cells it would be 0.5
    assert 30 < sum(55 in one.numbers for one in drawn) < 70


@pytest.mark.parametrize("kind", ["periodic", "atomic"])
@torch.no_grad()
def test_the_scripted_prior_is_the_prior_and_each_draw_is_its_own(kind):
    torch.manual_seed(0)
    network = CrystalNet((4, 8), prior=(32, 32), atoms=9, **{kind: True}).eval()
    noise = torch.randn(7, 300)
    z = network.prior(noise)
    torch.testing.assert_close(torch.jit.script(network).prior(noise), z)
    torch.testing.assert_close(network.prior(noise[2:5]), z[2:5], rtol=1e-3, atol=1e-3)
    assert (z[0] - z[1]).abs().max() > 0.1


def test_too_few_latent_numbers_for_an_atom_are_refused():
    cubic = CrystalSet.from_crystals([ZOO["cubic"]])
    with pytest.raises(InputError, match="latent_dim: wanted 19 or more to draw crystals with, got 18"):
        CellPriorTraining.learnable(cubic, Network(unet=(4,), latent_dim=18, periodic=True))


@pytest.mark.parametrize("name", ["mp10a-repeated", "mp10a-single", "perov5-repeated", "perov5-single"])
def test_gradients_through_released_priors_are_finite(name):
    model = load(name)
    noise = torch.cat((latents(0, 0, 8, model.latent_dim), torch.zeros(1, model.latent_dim))).requires_grad_()
    (gradient,) = torch.autograd.grad(model.prior(noise).square().sum(), noise)
    assert gradient.isfinite().all()
    assert (gradient.abs().amax(1) > 0).all()


def test_the_gradient_of_a_draw_is_its_slope():
    """Central differences along a random direction, of crystals with atoms that are pushed apart."""
    torch.manual_seed(4)
    flow = CellPrior(60, (32, 32), atoms=4).eval()
    crystal = Crystal(6 * np.eye(3), np.random.default_rng(0).random((4, 3)), [3, 8, 8, 26])
    cells = unit_cells(CrystalSet.from_crystals([crystal]), 4).of(np.zeros(TEMPLATES, int))
    flow.fit(cells.sides)
    flow.templates.fit(cells.sites, cells.kinds)
    noise = torch.randn(6, 60).requires_grad_()
    direction = torch.randn(6, 60)
    direction[:, : 1 + ELEMENTS] = 0  # these choose template and elements, which are discrete
    weight = torch.randn(6, 4, 3)

    def height(noise: torch.Tensor) -> torch.Tensor:
        lattice, frac_coords, _ = flow(noise)
        return (weight * (frac_coords @ lattice)).sum((1, 2))

    (gradient,) = torch.autograd.grad(height(noise).sum(), noise)
    with torch.no_grad():
        slope = (height(noise + 1e-3 * direction) - height(noise - 1e-3 * direction)) / 2e-3
    torch.testing.assert_close((gradient * direction).sum(1), slope, rtol=0.01, atol=0.02)
