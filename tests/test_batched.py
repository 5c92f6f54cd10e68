"""Batches of crystals relaxed at once are relaxed as one at a time; one that fails costs no other; runs go on."""

import json
import warnings
from pathlib import Path

import numpy as np
import pytest
from ase.spacegroup.symmetrize import symmetrize_rank1, symmetrize_rank2

import crystalgrid as cg
from crystalgrid.crystal import Crystal
from crystalgrid.data.crystalset import CrystalSet
from crystalgrid.errors import InputError
from crystalgrid.worth.potentials import potential
from crystalgrid.worth.relax import Relaxed
from crystalgrid.worth.relaxed_folder import Choice, relax_folder
from crystalgrid.worth.relaxing import RelaxOptions
from zoo import ZOO, lattice_of, random_rotation

pytest.importorskip("torch_sim", reason="torch-sim-atomistic is not installed")

import torch
from torch_sim.io import atoms_to_state

from crystalgrid.worth import batched
from crystalgrid.worth.batched_potentials import batched_potential
from crystalgrid.worth.batched_start import prepared
from crystalgrid.worth.symmetrized_model import SymmetrizedModel

MODEL, CALCULATOR = "batched_lennard_jones:model", "lennard_jones:calculator"
FCC = np.ones((3, 3)) - np.eye(3)
RNG = np.random.default_rng(3)


def argon(lattice: np.ndarray, frac_coords: np.ndarray) -> Crystal:
    """Return a crystal of argon."""
    return Crystal(lattice, frac_coords, [18] * len(frac_coords))


def shaken(lattice: np.ndarray, repeats: int) -> Crystal:
    """Return argon in a supercell of a lattice, its atoms moved at random."""
    cells = np.stack(np.meshgrid(*[np.arange(repeats)] * 3), -1).reshape(-1, 3) / repeats
    return argon(repeats * lattice, cells + RNG.normal(0, 0.01, cells.shape))


AWKWARD = {
    "one atom": argon(2.7 * FCC, np.zeros((1, 3))),
    "hexagonal": argon(
        lattice_of(3.6, 3.6, 6.3, 90, 90, 120) @ random_rotation(RNG),
        np.array([[1 / 3, 2 / 3, 0.25], [2 / 3, 1 / 3, 0.75]]),
    ),
    "triclinic": argon(lattice_of(3.7, 3.9, 4.1, 84, 97, 71), RNG.uniform(0, 0.04, (1, 3))),
    "large, in P1": shaken(2.65 * FCC, 2),
    "left-handed": argon(np.diag([3.5, -4.0, 5.2]), np.array([[0, 0, 0], [0.5, 0.5, 0.5]])),
    "not where symmetry puts it": argon(
        5.4 * np.eye(3), np.array([[0, 0, 0.0005], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])
    ),
}
SQUEEZED = argon(1.2 * FCC, np.zeros((1, 3)))
TOO_DENSE = argon(0.9 * FCC, np.zeros((1, 3)))
NEON, KRYPTON = (Crystal(2.7 * FCC, [[0, 0, 0]], [z]) for z in (10, 36))


@pytest.fixture(scope="module")
def one_at_a_time() -> list[Relaxed]:
    """Return the awkward crystals as the optimizers of ASE relax them."""
    return cg.relax(list(AWKWARD.values()), CALCULATOR, fmax=1e-3, optimizer="fire")


@pytest.mark.parametrize("atoms_in_batch", [1, 12, 1000])
def test_batches_give_what_one_at_a_time_gives(
    atoms_in_batch: int, one_at_a_time: list[Relaxed], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batched, "ATOMS_ON_CPU", atoms_in_batch)
    batches = cg.relax(list(AWKWARD.values()), MODEL, fmax=1e-3, batched=True)
    for name, expected, found in zip(AWKWARD, one_at_a_time, batches, strict=True):
        assert (found.relax_error, found.converged, found.doubtful) == ("", True, expected.doubtful), name
        assert (found.space_group_after, found.same_after) == (expected.space_group_after, expected.same_after), name
        assert found.energy_per_atom == pytest.approx(expected.energy_per_atom, abs=1e-4), name
        assert found.energy_drop == pytest.approx(expected.energy_drop, abs=2e-4), name
        assert found.crystal.volume == pytest.approx(expected.crystal.volume, rel=5e-3), name
        assert found.rms_moved == pytest.approx(expected.rms_moved, abs=0.02), name
        assert found.largest_force < 1e-3
        assert abs(found.steps - expected.steps) <= 0.3 * expected.steps + 1, name
        assert np.sign(np.linalg.det(found.crystal.lattice)) == np.sign(np.linalg.det(expected.crystal.lattice))


def test_symmetry_is_kept_unless_it_is_let_go() -> None:
    nearly_cubic = argon(3.6 * np.eye(3) + 0.004 * np.eye(3)[[1, 2, 0]], np.zeros((1, 3)))
    kept, free = (
        cg.relax([nearly_cubic, AWKWARD["hexagonal"]], MODEL, fmax=1e-5, batched=True, symmetry=symmetry)[0]
        for symmetry in (True, False)
    )
    assert kept.space_group_after == "Pm-3m"
    assert free.space_group_after != "Pm-3m"
    assert free.energy_per_atom < kept.energy_per_atom - 0.005


def test_means_over_operations_are_those_of_ase() -> None:
    """The forces and stresses are of no potential, and have no symmetry."""
    names = ("perovskite", "hexagonal", "face-centred", "rotated", "one atom")
    starts = [prepared(i, ZOO[name], True) for i, name in enumerate(names)]
    state = atoms_to_state([start.atoms for start in starts], torch.device("cpu"), torch.float64)
    forces, stress = torch.randn(state.n_atoms, 3).double(), torch.randn(len(names), 3, 3).double()
    stress = stress + stress.mT

    class Random(type(batched_potential(MODEL).calculator)):
        def forward(self, state):
            return {"energy": torch.zeros(len(names)), "forces": forces, "stress": stress}

    model = SymmetrizedModel(Random(None))
    assert torch.equal(model(state)["forces"], forces)
    model.set_symmetries([start.symmetry for start in starts])
    found, offset = model(state), 0
    for i, start in enumerate(starts):
        lattice, (rotations, images) = start.atoms.cell.array, start.symmetry
        assert len(rotations) > 1
        ours = slice(offset, offset := offset + len(start.atoms))
        inverse = np.linalg.inv(lattice)
        expected = symmetrize_rank1(lattice, inverse, forces[ours].numpy(), rotations, rotations, images)
        np.testing.assert_allclose(found["forces"][ours], expected, atol=1e-12)
        expected = symmetrize_rank2(lattice, inverse, stress[i].numpy(), rotations)
        np.testing.assert_allclose(found["stress"][i], expected, atol=1e-12)


def test_what_cannot_be_relaxed_costs_no_other() -> None:
    """Krypton makes each batch fail that it is in."""
    good = AWKWARD["one atom"]
    one_place = argon(4 * np.eye(3), np.zeros((2, 3)))
    crystals = [good, NEON, KRYPTON, SQUEEZED, good, TOO_DENSE, good, one_place]
    rows = cg.relax(crystals, "batched_lennard_jones:failing", fmax=1e-3, batched=True)
    assert rows[1].relax_error == "the potential gives nan"
    assert rows[2].relax_error == "batched_lennard_jones:failing failed: RuntimeError: no parameters"
    assert rows[3].relax_error.startswith("fell apart to 4")
    assert rows[5].relax_error == "too dense to relax: 1.5 Å³ per atom, wanted at least 2"
    assert rows[7].relax_error == "the potential gives nan"
    assert [row.converged for row in rows] == [True, None, None, None, True, None, True, None]
    assert len({round(rows[i].energy_per_atom, 6) for i in (0, 4, 6)}) == 1


def test_a_crystal_whose_symmetry_cannot_be_found_is_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    def keep_symmetry(atoms, crystal) -> None:
        if len(atoms) == 2:
            raise ValueError("no\nsymmetry")

    monkeypatch.setattr("crystalgrid.worth.batched_start.keep_symmetry", keep_symmetry)
    rows = cg.relax([AWKWARD[name] for name in ("hexagonal", "one atom")], MODEL, steps=1, batched=True)
    assert [row.relax_error for row in rows] == ["the search for symmetry failed: ValueError: no symmetry", ""]


def test_the_next_crystals_take_the_place_of_those_that_are_done(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batched, "ATOMS_ON_CPU", 3)
    model = batched_potential(MODEL).calculator
    model.batches.clear()
    cg.relax([AWKWARD["one atom"]] * 7, MODEL, fmax=1e-2, batched=True)
    assert model.batches[0] == 3
    assert max(model.batches) == 3
    steps = len(model.batches)
    model.batches.clear()
    (row,) = cg.relax([AWKWARD["one atom"]], MODEL, fmax=1e-2, batched=True)
    assert len(model.batches) == row.steps + 1
    assert steps < 7 * (row.steps + 1)


def test_memory_is_measured_on_copies_of_the_largest_crystal_that_computes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The memory of a GPU is played by 100 atoms."""

    def measure(state, model) -> float:
        model(state)
        if state.n_atoms > 100:
            raise RuntimeError("CUDA out of memory")
        return 0.0

    monkeypatch.setattr("torch_sim.autobatching.measure_model_memory_forward", measure)
    model = SymmetrizedModel(batched_potential("batched_lennard_jones:failing").calculator)
    large, small = AWKWARD["large, in P1"], AWKWARD["one atom"]
    fails = Crystal(large.lattice, large.frac_coords, [36] * len(large))
    limit = batched.measured_limit(model, [small, fails, large])
    copies = 5  # torch-sim tries 1, 2, 3, 5, 8, 13, and takes the last but one that memory takes
    assert limit == ("n_atoms_x_density", pytest.approx(copies * len(large) ** 2 / large.volume * 1000))
    assert batched.measured_limit(model, [fails]).most == 1
    options = RelaxOptions("batched_lennard_jones:failing", fmax=1e-2, optimizer="fire", batched=True)
    monkeypatch.setattr(batched, "largest_batch", batched.measured_limit)
    rows = dict(batched.batched_rows(CrystalSet.from_crystals([fails, *[small] * 3, large]), options, 1))
    assert [bool(rows[i]["relax_error"]) for i in range(5)] == [True, False, False, False, False]


def test_steps_are_counted_from_where_the_crystal_stands() -> None:
    stands, one, several = (
        cg.relax([AWKWARD["triclinic"]], MODEL, fmax=1e-6, steps=steps, batched=True)[0] for steps in (0, 1, 4)
    )
    assert (stands.steps, one.steps, several.steps) == (0, 1, 4)
    assert (stands.energy_drop, stands.converged, stands.rms_moved) == (0, False, pytest.approx(0, abs=1e-12))
    assert 0 < one.energy_drop < several.energy_drop
    atoms = AWKWARD["triclinic"].to_ase()
    atoms.calc = potential(CALCULATOR).calculator
    assert stands.energy_per_atom == pytest.approx(atoms.get_potential_energy(), abs=1e-9)


@pytest.fixture
def draws(tmp_path: Path) -> Path:
    """Return a folder of the awkward crystals that differ, of krypton, and of one that is too dense."""
    (tmp_path / "draws").mkdir()
    for number, crystal in enumerate([*AWKWARD.values(), KRYPTON, TOO_DENSE]):
        crystal.write(tmp_path / "draws" / f"{number}.cif")
    return tmp_path / "draws"


def lines_of(journal: Path) -> list[dict]:
    """Return the rows of a journal in the order of ids, without the seconds and the settings."""
    rows = [json.loads(line) for line in journal.read_text().splitlines()[1:]]
    return [{**row, "seconds": 0} for row in sorted(rows, key=lambda row: row["id"])]


def test_a_run_that_was_stopped_goes_on_without_losing_or_doubling(
    draws: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(batched, "ATOMS_ON_CPU", 4)
    options = RelaxOptions("batched_lennard_jones:interrupted", fmax=5e-3, optimizer="fire", batched=True)
    whole, stopped = draws.with_name("whole"), draws.with_name("stopped")
    with pytest.raises(KeyboardInterrupt):
        relax_folder(draws, stopped, options, Choice(all=True), None, None, 1)
    assert "no GPU is used: on the CPU batches gain nothing" in capsys.readouterr().err
    done = lines_of(stopped / "relaxed.jsonl")
    assert 2 <= len(done) < 8
    relax_folder(draws, stopped, options, Choice(all=True), None, None, 1)
    relax_folder(draws, whole, options, Choice(all=True), None, None, 1)
    rows, expected = lines_of(stopped / "relaxed.jsonl"), lines_of(whole / "relaxed.jsonl")
    assert len(rows) == 8
    assert [row["id"] for row in rows] == [row["id"] for row in expected]
    for row, other in zip(rows, expected, strict=True):
        assert row["relax_error"] == other["relax_error"]
        assert row.get("energy_per_atom", 0) == pytest.approx(other.get("energy_per_atom", 0), abs=1e-9)
    assert [row for row in rows if row in done] == done
    with pytest.raises(InputError, match=r"other settings \(fmax 0.005, now 0.5\)"):
        relax_folder(draws, stopped, options._replace(fmax=0.5), Choice(all=True), None, None, 1)


def test_the_second_energy_is_by_the_calculator_of_ase() -> None:
    crystals = [AWKWARD["one atom"], NEON]
    options = RelaxOptions(MODEL, "lennard_jones:failing", optimizer="fire", batched=True)
    rows = dict(batched.batched_rows(CrystalSet.from_crystals(crystals), options, 1))
    assert rows[0]["energy_second"] == pytest.approx(rows[0]["energy_per_atom"], abs=1e-9)
    assert rows[1]["second_error"] == "lennard_jones:failing: the potential gives nan"


def test_what_batches_cannot_do_is_refused_in_a_line(draws: Path) -> None:
    out = draws.with_name("out")
    good = RelaxOptions(MODEL, optimizer="fire", batched=True)
    for options, choice, message in (
        (good, Choice(trajectories=True), "trajectories: crystals that are relaxed in batches have none"),
        (good._replace(optimizer="lbfgs"), Choice(), "optimizer: batches of crystals are relaxed by fire alone"),
        (good._replace(calculator=CALCULATOR), Choice(), "wanted a ModelInterface of torch_sim, got LennardJones"),
        (good._replace(calculator="batched_lennard_jones:without_stress"), Choice(), "compute_stress, got one without"),
        (good._replace(calculator="mace"), Choice(), "wanted chgnet, 7net-0, 7net-l3i5 or MODULE:FUNCTION"),
        (good._replace(batched=False), Choice(), "wanted an ASE calculator, got ByASE"),
    ):
        with pytest.raises(InputError, match=message):
            relax_folder(draws, out, options, choice, None, None, 1)
    assert not out.exists()


@pytest.mark.parametrize(("name", "package"), [("chgnet", "chgnet"), ("7net-0", "sevenn")])
def test_models_of_a_batch_are_the_calculators_of_ase(name: str, package: str) -> None:
    pytest.importorskip(package)
    names = ("perovskite", "hexagonal", "strongly oblique", "left-handed", "2.5 Å cell", "outside the cell")
    crystals = [ZOO[name] for name in names]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model, calculator = batched_potential(name), potential(name)
        assert model.elements == calculator.elements
        all_atoms = [crystal.to_ase() for crystal in crystals]
        found, offset = model.calculator(atoms_to_state(all_atoms, torch.device("cpu"), torch.float32)), 0
        for i, atoms in enumerate(all_atoms):
            atoms.calc = calculator.calculator
            ours = slice(offset, offset := offset + len(atoms))
            np.testing.assert_allclose(found["forces"][ours], atoms.get_forces(), atol=1e-4)
            assert float(found["energy"][i]) == pytest.approx(atoms.get_potential_energy(), abs=1e-4)
            np.testing.assert_allclose(found["stress"][i], atoms.get_stress(voigt=False), atol=1e-5)


def test_potentials_that_learned_relax_salt_and_say_what_they_have_not_learned() -> None:
    pytest.importorskip("chgnet")
    rock_salt = Crystal(2.8 * FCC, [[0, 0, 0], [0.5, 0.5, 0.5]], [11, 17])
    salt, radon = cg.relax([rock_salt, Crystal(3 * np.eye(3), [[0, 0, 0]], [86])], fmax=0.1, batched=True)
    assert salt.energy_above_hull == pytest.approx(0, abs=0.01)
    assert (salt.decomposition, salt.doubtful, salt.space_group_after) == ("NaCl", "", "Fm-3m")
    assert radon.relax_error == "chgnet has not learned Rn"
