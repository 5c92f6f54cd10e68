"""The tutorial of latent vectors: its commands, run as they stand on small inputs with the released model."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

import crystalgrid as cg
from crystalgrid.data.crystalset import CrystalSet
from crystalgrid.data.parquet import table_of, write_table

DOCS = Path(__file__).parents[1] / "docs"
POLONIUM = 84
"""An element that the model has never seen."""
CRYSTALGRID = f'set -e\ncrystalgrid() {{ {sys.executable} -m crystalgrid "$@"; }}\n'
"""The command as a function of the shell, so that it need not be installed."""


def run_page(page: str, folder: Path, shorter: dict[str, str]) -> None:
    """Run all commands of a page in a folder, with those options replaced that ask for long work."""
    text = (DOCS / page).read_text()
    commands = "\n".join(re.findall(r"```(?:ba)?sh\n(.*?)```", text, re.DOTALL)).replace("crystalgrid-", "crystalgrid ")
    for long, short in shorter.items():
        assert long in commands
        commands = commands.replace(long, short)
    done = subprocess.run(["bash", "-c", CRYSTALGRID + commands], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]


def rock_salt(metal: int, side: float) -> cg.Crystal:
    """Return a chloride of a metal, by its atomic number and the side of the cubic cell in Å."""
    return cg.Crystal(side * (1 - np.eye(3)) / 2, [[0, 0, 0], [0.5, 0.5, 0.5]], [metal, 17])


@pytest.fixture
def inputs(prototypes: CrystalSet, tmp_path: Path) -> Path:
    """Return a folder with the files that the pages name."""
    (tmp_path / "my_cifs").mkdir()
    for i in range(0, len(prototypes), 12):
        if POLONIUM not in prototypes[i].numbers:
            prototypes[i].write(tmp_path / f"my_cifs/{prototypes.ids[i]}.cif")
    rock_salt(11, 5.64).write(tmp_path / "NaCl.cif")
    rock_salt(19, 6.29).write(tmp_path / "KCl.cif")
    perovskite = [[0, 0, 0], [0.5, 0.5, 0.5], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]]
    cg.Crystal(3.9 * np.eye(3), perovskite, [20, 22, 8, 8, 8]).write(tmp_path / "CaTiO3.cif")
    volumes = [crystal.volume / len(crystal) for crystal in prototypes]
    write_table(tmp_path / "mp.parquet", table_of(prototypes, {"band_gap": pa.array(volumes)}))
    return tmp_path


@pytest.mark.slow
def test_latent_vectors(inputs: Path) -> None:
    run_page("latent.md", inputs, {"-n 100": "-n 8"})
    for name in (
        "z.parquet", "decoded/crystals.xyz", "path/path.gif", "near.csv", "map.html", "gap/card.md",
        "with_gap/crystals.csv", "without_gap/crystals.csv", "drawn/crystals.csv",
    ):  # fmt: skip
        assert (inputs / name).stat().st_size > 100, name
    example = "\n".join(re.findall(r"```python\n(.*?)```", (DOCS / "latent.md").read_text(), re.DOTALL))
    program = f"import crystalgrid as cg\n{example}\nprint(mu.shape[1], len(crystals) == len(mu))"
    done = subprocess.run([sys.executable, "-c", program], cwd=inputs, capture_output=True, text=True)
    assert done.stdout == "300 True\n", done.stderr
