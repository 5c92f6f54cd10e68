"""Validity by published rules: the rules one by one, on awkward crystals, and against verdicts of others."""

import pyarrow.parquet as pq
import pytest

import reference
from conftest import DATA
from crystalgrid.crystal import Crystal
from crystalgrid.data.crystalset import CrystalSet
from crystalgrid.data.parquet import read_parquet
from crystalgrid.worth.distances import pair_distances
from crystalgrid.worth.validity import judge, validity
from zoo import PEROVSKITE, ZOO, lattice_of

SALT = Crystal([[0, 2.82, 2.82], [2.82, 0, 2.82], [2.82, 2.82, 0]], [[0, 0, 0], [0.5, 0.5, 0.5]], [11, 17])
RULES = ("cdvae_structure", "smact_valid", "lemat_charge", "lemat_distance", "lemat_plausible")
CUBE = lattice_of(4, 4, 4, 90, 90, 90)


def failed(crystal: Crystal) -> set[str]:
    """Return the rules that a crystal fails."""
    verdict = judge(crystal)
    return {rule for rule in RULES if not getattr(verdict, rule)}


@pytest.mark.parametrize("name", ZOO)
def test_distances_are_those_of_all_images(name: str) -> None:
    crystal = ZOO[name]
    assert pair_distances(crystal) == pytest.approx(reference.pair_distances(crystal), abs=1e-9)


def test_good_crystals_pass_every_rule() -> None:
    for crystal in (SALT, PEROVSKITE, Crystal(lattice_of(2.5, 2.5, 2.5, 60, 60, 60), [[0, 0, 0]], [28])):
        verdict = judge(crystal)
        assert (verdict.reason, verdict.cdvae_valid, verdict.lemat_valid) == ("", True, True)
    verdict = judge(SALT)
    assert verdict.space_group == 225
    assert verdict.density == pytest.approx(2.164, abs=2e-3)
    assert verdict.smallest_distance == pytest.approx(2.82)
    assert verdict.radii_share == pytest.approx(2.82 / (1.66 + 1.02))
    assert judge(PEROVSKITE).space_group == 221


def test_each_fault_is_found_and_said() -> None:
    near = Crystal(CUBE, [[0, 0, 0], [0.11, 0, 0]], [1, 1])  # 0.44 Å
    assert failed(near) == {"cdvae_structure", "lemat_distance"}
    assert judge(near).reason == "atoms 0.44 Å apart; H and H 0.44 Å apart, wanted at least 0.60 Å"
    bonded = [Crystal(CUBE, [[0, 0, 0], [x, 0, 0]], [8, 1]) for x in (0.19, 0.2)]  # 0.76 and 0.80 Å
    assert [failed(crystal) for crystal in bonded] == [{"lemat_distance"}, set()]
    salt_of_two = Crystal(CUBE, [[0, 0, 0], [0.5, 0.5, 0.5], [0.5, 0.5, 0]], [11, 17, 17])
    assert failed(salt_of_two) == {"smact_valid", "lemat_charge"}
    assert judge(salt_of_two).reason == "NaCl2 cannot be neutral by smact; charges of NaCl2 do not balance"
    dense = Crystal(lattice_of(2.2, 2.2, 2.2, 90, 90, 90), [[0, 0, 0]], [92])
    assert failed(dense) == {"lemat_plausible"}
    assert judge(dense).reason == "37.1 g/cm³, wanted 0.01 to 25"
    long = Crystal(lattice_of(3, 3, 120, 90, 90, 90), [[0, 0, 0]], [6])
    assert judge(long).reason == "sides from 3 to 120 Å, wanted 1 to 100"


def test_an_image_of_the_atom_itself_is_measured_and_breaks_no_rule() -> None:
    flat = Crystal(lattice_of(1.01, 8, 8, 90, 90, 90), [[0, 0, 0]], [55])
    verdict = judge(flat)
    assert verdict.smallest_distance == pytest.approx(1.01)
    assert verdict.radii_share == pytest.approx(1.01 / 4.88)
    assert (verdict.cdvae_structure, verdict.lemat_distance) == (True, True)


def test_noble_gases_need_no_charge_and_their_compounds_do() -> None:
    assert failed(Crystal(CUBE, [[0, 0, 0]], [18])) == set()
    assert "lemat_charge" in failed(Crystal(CUBE, [[0, 0, 0], [0.5, 0.5, 0.5]], [18, 9]))


@pytest.mark.parametrize("name", ZOO)
def test_every_crystal_has_a_verdict_and_whatever_fails_a_reason(name: str) -> None:
    verdict = judge(ZOO[name])
    assert (verdict.reason == "") == all(getattr(verdict, rule) for rule in RULES)
    assert verdict.smallest_distance > 0


def test_processes_change_nothing() -> None:
    crystals = CrystalSet.from_crystals(list(ZOO.values()) * 5)
    assert validity(crystals) == validity(crystals, workers=2)


def test_verdicts_agree_with_those_of_the_benchmark_itself() -> None:
    path = DATA / "lemat_validity.parquet"
    if not path.exists():
        pytest.skip(f"{path} is not there")
    crystals = read_parquet(path, closest=0).crystals[::10]
    rows = pq.read_table(path, columns=["immutable_id", "genbench_valid", "smact_valid"]).to_pylist()
    published = {row["immutable_id"]: [row["genbench_valid"], row["smact_valid"]] for row in rows}
    verdicts = validity(crystals)
    ours = [[verdict.lemat_valid, verdict.smact_valid] for verdict in verdicts]
    assert ours == [published[id] for id in crystals.ids]
    assert not all(verdict.lemat_valid for verdict in verdicts)
