"""The crystals that a generator keeps are those that it was trained on."""

from pathlib import Path

import pytest

from crystalgrid.data.crystalset import CrystalSet
from crystalgrid.generation.training_crystals import training_crystals
from crystalgrid.worth.relaxing import same
from small_crystal_generator import train_small


def test_the_crystals_kept_are_those_of_the_data(tmp_path: Path, prototypes: CrystalSet) -> None:
    train_small(tmp_path / "run", "prototypes", 1)
    kept = training_crystals(tmp_path / "run")
    index = {str(id): i for i, id in enumerate(prototypes.ids)}
    compared = [(crystal, index[str(id)]) for id, crystal in zip(kept.ids, kept, strict=True) if str(id) in index]
    assert len(compared) > 150
    for crystal, i in compared:
        original = prototypes[i]
        assert crystal.formula == original.formula
        assert crystal.volume / len(crystal) == pytest.approx(original.volume / len(original), rel=2e-3)
        assert same(crystal, original)
