"""The growth of seconds and memory with the number of crystals that `pack`, `sample` and `recover` work on.

`sample` is measured for cubes and, as the step `crystals`, for crystals.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import tyro

from crystalgrid.crystal import SYMBOLS

LENGTH = 10.0
"""Å, the side of a cube."""
CIF = """data_{id}
_cell_length_a {a:.4f}
_cell_length_b {a:.4f}
_cell_length_c {a:.4f}
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
_symmetry_space_group_name_H-M 'P 1'
loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
{one}1 {one} 0 0 0
{other}1 {other} 0.5 0.5 0.5
"""


class Cost(NamedTuple):
    """The seconds and the memory that a process took."""

    seconds: float
    megabytes: float
    """The largest resident set of it, or of one of those that it started."""


def measured(*words: object) -> Cost:
    """Run a command of crystalgrid and return its cost."""
    start = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-m", "crystalgrid", *map(str, words)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        raise SystemExit(f"crystalgrid {' '.join(map(str, words))}: failed with status {status}")
    return Cost(time.monotonic() - start, usage.ru_maxrss / 1024)


def crystal(index: int) -> tuple[float, str, str, np.ndarray]:
    """Return the side of a cubic cell in Å, its two elements at (0, 0, 0) and (½, ½, ½), and the cell's origin."""
    rng = np.random.default_rng(index)
    one, other = rng.choice(94, 2, replace=False)
    return rng.uniform(4, 6), SYMBOLS[one], SYMBOLS[other], rng.uniform(0, 4, 3)


def write_cifs(folder: Path, count: int) -> None:
    """Write a CIF file for each crystal."""
    folder.mkdir()
    for index in range(count):
        a, one, other, _ = crystal(index)
        (folder / f"{index:07}.cif").write_text(CIF.format(id=index, a=a, one=one, other=other))


def write_cubes(folder: Path, count: int) -> None:
    """Write a cube of each crystal, as `crystalgrid-sample` does, without densities."""
    folder.mkdir()
    cells = np.stack(np.meshgrid(*3 * [np.arange(-2, 4)]), axis=-1).reshape(-1, 3)
    with (folder / "samples.xyz").open("w") as file:
        for index in range(count):
            a, one, other, origin = crystal(index)
            sites = np.concatenate([cells, cells + 0.5]) * a - origin
            symbols = np.repeat([one, other], len(cells))
            inside = ((sites >= 0) & (sites < LENGTH)).all(1)
            side = f"{LENGTH:g}"
            file.write(f'{inside.sum()}\nLattice="{side} 0 0 0 {side} 0 0 0 {side}" Properties=species:S:1:pos:R:3 ')
            file.write(f'pbc="F F F" index={index} seed=0 mode=repeated\n')
            for symbol, (x, y, z) in zip(symbols[inside], sites[inside], strict=True):
                file.write(f"{symbol} {x:.6f} {y:.6f} {z:.6f}\n")


def pack(folder: Path, count: int) -> Cost:
    """Return the cost of packing CIF files."""
    write_cifs(folder / "cif", count)
    return measured("data", "pack", folder / "cif", "-o", folder / "all.parquet")


def sample(folder: Path, count: int, model: str = "perov5-repeated") -> Cost:
    """Return the cost of sampling from a released model."""
    return measured("sample", model, "-n", count, "-o", folder / "library")


def crystals(folder: Path, count: int) -> Cost:
    """Return the cost of drawing crystals from the released generator."""
    return sample(folder, count, "mp10a")


def recover(folder: Path, count: int) -> Cost:
    """Return the cost of recovering crystals from cubes of atoms."""
    write_cubes(folder / "library", count)
    return measured("recover", folder / "library", "-o", folder / "crystals")


STEPS: dict[str, Callable[[Path, int], Cost]] = {
    "pack": pack,
    "sample": sample,
    "crystals": crystals,
    "recover": recover,
}


def main(
    counts: tuple[int, ...] = (1000, 10_000), steps: tuple[str, ...] = tuple(STEPS), cubes: Path | None = None
) -> None:
    """Print seconds and memory of each step for several numbers of crystals, as a Markdown table.

    counts: numbers of crystals.
    steps: of pack, sample (cubes), crystals (drawn, not cubes) and recover.
    cubes: write a folder of cubes for `recover`, of the first of the counts, and do no more.
    """
    if cubes is not None:
        write_cubes(cubes, counts[0])
        return
    print(
        "| step | crystals | seconds | crystals a second | memory of the largest process, MB |\n|---|--:|--:|--:|--:|"
    )
    for step in steps:
        for count in counts:
            with tempfile.TemporaryDirectory() as name:
                cost = STEPS[step](Path(name), count)
            print(f"| {step} | {count:,} | {cost.seconds:.0f} | {count / cost.seconds:.0f} | {cost.megabytes:.0f} |")
            sys.stdout.flush()


if __name__ == "__main__":
    tyro.cli(main)
