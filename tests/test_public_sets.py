"""The script that writes the public data sets from what their authors publish."""

import csv
import subprocess
import sys
from pathlib import Path

import pytest

from crystal_files import cif
from crystalgrid.data.parquet import read_parquet

SCRIPT = Path(__file__).parents[1] / "scripts" / "write_public_sets.py"


def write_csv(path, rows):
    """Write a table whose columns are the keys of the rows."""
    with path.open("w", newline="") as file:
        table = csv.DictWriter(file, list(rows[0]))
        table.writeheader()
        table.writerows(rows)


def splits_of(*arguments):
    """Run the script, and return the split of each crystal that it writes by its id."""
    done = subprocess.run([sys.executable, SCRIPT, *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    crystals = read_parquet(arguments[-1]).crystals
    return dict(zip(crystals.ids.tolist(), crystals.splits.tolist(), strict=True))


def test_cdvae_keeps_the_public_split_and_long_cells(tmp_path):
    sides_of_split = {"train": (4, 12), "val": (4.1,), "test": (4.2,)}
    for split, lengths in sides_of_split.items():
        rows = [{"material_id": f"{split}-{side}", "cif": cif(a=side)} for side in lengths]
        write_csv(tmp_path / f"{split}.csv", rows)
    splits = splits_of("cdvae", tmp_path, tmp_path / "a.parquet")
    assert splits == {"train-4": "train", "train-12": "train", "val-4.1": "val", "test-4.2": "test"}


@pytest.mark.parametrize("licensed", [True, False])
def test_no_composition_of_a_test_crystal_is_trained_on(tmp_path, licensed):
    (tmp_path / "cif").mkdir()
    last = "mp-3217276" if licensed else "mp-3217275"
    compositions = {"mp-1": "Cl", "mp-2": "Cl", "mp-3": "Br", "mp-4": "I", "mp-5": "I", last: "F"}
    for i, (name, halogen) in enumerate(compositions.items()):
        (tmp_path / "cif" / f"{name}.cif").write_text(cif(a=4 + i / 10, atoms=("Cs 0 0 0", f"{halogen} 0.5 0.5 0.5")))
    (tmp_path / "cif" / "mp-9.cif").write_text(cif(a=10.5))
    write_csv(tmp_path / "test.csv", [{"material_id": "mp-2"}])
    write_csv(tmp_path / "val.csv", [{"material_id": "mp-5"}, {"material_id": "mp-77"}])
    splits = splits_of("materials-project", tmp_path / "cif", tmp_path, tmp_path / "a.parquet")
    expected = {"mp-1": "test", "mp-2": "test", "mp-3": "train", "mp-4": "val", "mp-5": "val"}
    assert splits == expected | ({last: "train"} if licensed else {})
