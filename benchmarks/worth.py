"""What crystals are worth: valid, new, stable after relaxing; draws beside training crystals and element swaps.

    crystalgrid sample mp10a -n 1000 --seed 11 -o draws
    python benchmarks/worth.py draws --folder worth
    python benchmarks/worth.py swaps --n 200 --folder worth
    python benchmarks/worth.py training --n 200 --folder worth
    python benchmarks/worth.py draws --choose 5 --n 200 --folder worth --second 7net-0 --second-hull 7net-0.parquet

`swaps` and `training` are those of generation.py. `--choose 5` keeps of each five draws the best as they stand: valid,
new, then the lowest above the hull by the potential, without relaxing. All are relaxed, valid and new or not, so that
shares of all draws can be counted; each folder keeps a journal, and the same command goes on after an interruption.
The table has a line for each source that the folder holds. Known are all crystals of the data set.

What chooses and relaxes crystals must not be their only judge: `--second` takes another potential's energies of the
relaxed crystals of all lines, above a hull of its own, which `crystalgrid hull build` makes. The table then has shares
by each of the two, and by the worse of both.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import tyro

from crystalgrid.data.crystalset import CrystalSet
from crystalgrid.data.parquet import read_parquet, write_parquet
from crystalgrid.errors import InputError
from crystalgrid.worth.checked_folder import check_folder
from crystalgrid.worth.ranking import NEAR_HULL, ON_HULL
from crystalgrid.worth.relaxed_folder import JOURNAL, Choice, relax_folder
from crystalgrid.worth.relaxing import RelaxOptions
from crystalgrid.worth.shares import Share, share
from data_folder import DATA
from generation import drawn
from second_potential import second_energies

CRYSTALS = "crystals.parquet"
COLUMNS = (
    "immutable_id rank lemat_valid same_as known_as same_after rms_moved energy_above_hull doubtful relax_error"
).split()


def worth(
    source: tyro.conf.Positional[str],
    data: Path = DATA / "mp_10A.parquet",
    n: int = 1000,
    choose: int = 1,
    seed: int = 11,
    folder: Path = Path("worth"),
    calculator: str = "chgnet",
    steps: int = 200,
    fmax: float = 0.1,
    second: str = "",
    second_hull: Path | None = None,
    workers: int = 1,
) -> None:
    """Check and relax crystals, and print the table of all that are in the folder.

    Args:
        source: a folder or file of crystals, "swaps" or "training".
        data: the data set that the model learned from.
        n: the number of crystals.
        choose: keep the best of so many draws for each.
        seed: of swaps and training.
        folder: where all results are kept.
        calculator: the potential.
        steps: most steps of a relaxation.
        fmax: relax until forces are below, eV/Å.
        second: another potential, which judges the relaxed crystals.
        second_hull: reference energies by the second potential.
        workers: number of processes.
    """
    if bool(second) != (second_hull is not None):
        raise InputError("--second and --second-hull: wanted both or neither")
    folder.mkdir(exist_ok=True)
    options = RelaxOptions(calculator, fmax=fmax, steps=steps)
    name = f"{Path(source).name}-best-of-{choose}" if choose > 1 else Path(source).name
    own = folder / name
    if not (own / "checked" / CRYSTALS).exists():
        own.mkdir(exist_ok=True)
        training = read_parquet(data).crystals.split("train")
        crystals, unreadable = drawn(source, training, n * choose, seed)
        print(f"{source}: {len(crystals)} crystals, {unreadable} that cannot be read and are left out")
        if choose > 1:
            crystals = best_of(crystals, choose, own, data, options, workers)
        write_parquet(own / "drawn.parquet", crystals)
        check_folder([own / "drawn.parquet"], own / "checked", data, None, workers)
    relax_folder(own / "checked", own / "relaxed", options, Choice(all=True), None, None, workers)
    print("\n".join(table(folder, second, second_hull, workers)))


def best_of(
    crystals: CrystalSet, choose: int, folder: Path, data: Path, options: RelaxOptions, workers: int
) -> CrystalSet:
    """Return the best of each so many crystals as they stand: valid, new, lowest above the hull."""
    if not (folder / "all" / CRYSTALS).exists():
        write_parquet(folder / "all.parquet", crystals)
        check_folder([folder / "all.parquet"], folder / "all", data, None, workers)
    as_they_stand = folder / "as-they-stand"
    relax_folder(folder / "all", as_they_stand, options._replace(steps=0), Choice(all=True), None, None, workers)
    ranks = pq.read_table(as_they_stand / CRYSTALS, columns=["immutable_id", "rank"]).to_pydict()
    rank_of = dict(zip(ranks["immutable_id"], ranks["rank"], strict=True))
    return crystals[chosen([rank_of.get(str(id), len(crystals)) for id in crystals.ids], choose)]


def chosen(ranks: list[int], choose: int) -> list[int]:
    """Return the index of the lowest rank among each so many; a last group that is not full is left out."""
    groups = np.array(ranks[: len(ranks) // choose * choose]).reshape(-1, choose)
    return (groups.argmin(axis=1) + choose * np.arange(len(groups))).tolist()


def table(folder: Path, second: str = "", second_hull: Path | None = None, workers: int = 1) -> Iterator[str]:
    """Yield the lines of the table, in Markdown."""
    for i, file in enumerate(sorted(folder.glob(f"*/relaxed/{CRYSTALS}"))):
        columns = {name: np.array(values) for name, values in pq.read_table(file, columns=COLUMNS).to_pydict().items()}
        journal = file.with_name(JOURNAL).read_text(encoding="utf-8").splitlines()[1:]
        cells = figures(columns, [json.loads(line).get("seconds", np.nan) for line in journal])
        if second_hull is not None:
            energies = second_energies(file, second, second_hull, workers)
            cells |= by_both(columns, np.array([energies.get(id, np.nan) for id in columns["immutable_id"]]), second)
        if i == 0:
            yield f"| | {' | '.join(cells)} |"
            yield f"|---|{'--:|' * len(cells)}"
        yield f"| {file.parts[-3]} | {' | '.join(cells.values())} |"


def figures(columns: dict[str, np.ndarray], seconds: list[float]) -> dict[str, str]:
    """Return what is counted of relaxed crystals by name; those that failed or are doubtful count against.

    seconds: of each crystal that was relaxed.
    """
    n = len(columns["rank"])
    above = believed(columns)
    moved = np.array([m for m in columns["rms_moved"] if m is not None], dtype=float)
    return {
        "n": str(n),
        "valid (LeMat)": str(share(columns["lemat_valid"])),
        "unique and novel": str(share(is_new(columns))),
        "same crystal after": str(share(columns["same_after"])),
        "RMS moved, median, Å": f"{np.median(moved):.3f}" if len(moved) else "",
        "≤ 0.1 eV/atom": str(share(above <= NEAR_HULL)),
        "≤ 0": str(share(above <= ON_HULL)),
        **stable_and_new(columns, above, ""),
        "doubtful": str(Share(int((columns["doubtful"] != "").sum()), n)),
        "failed": str(Share(int((columns["relax_error"] != "").sum()), n)),
        "median seconds": f"{np.nanmedian(seconds):.1f}",
        "mean seconds": f"{np.nanmean(seconds):.1f}",
    }


def by_both(columns: dict[str, np.ndarray], second: np.ndarray, name: str) -> dict[str, str]:
    """Return what is counted by a second potential's energies above its hull [B], and by the higher of both.

    What is doubtful by the first counts against, whichever judges. name: of the second potential.
    """
    first = believed(columns)
    second = np.where(columns["doubtful"] == "", second, np.nan)
    differences = np.abs(first - second)
    return {
        f"≤ 0.1 eV/atom by {name}": str(share(second <= NEAR_HULL)),
        f"≤ 0 by {name}": str(share(second <= ON_HULL)),
        **stable_and_new(columns, second, f" by {name}"),
        **stable_and_new(columns, np.maximum(first, second), " by both"),
        "difference, median, eV/atom": f"{np.nanmedian(differences):.3f}",
    }


def believed(columns: dict[str, np.ndarray]) -> np.ndarray:
    """Return energies above the hull, [B] eV/atom; NaN of crystals that failed or are doubtful."""
    above = np.array([np.nan if e is None else e for e in columns["energy_above_hull"]], dtype=float)
    above[columns["doubtful"] != ""] = np.nan
    return above


def is_new(columns: dict[str, np.ndarray]) -> np.ndarray:
    """Return which crystals are unique and novel, [B]."""
    unique, novel = columns["same_as"] == "", columns["known_as"] == ""
    return np.logical_and(unique, novel)


def stable_and_new(columns: dict[str, np.ndarray], above: np.ndarray, ending: str) -> dict[str, str]:
    """Return M.S.U.N. and S.U.N., of valid crystals alone, by energies above a hull [B]; NaN is not stable."""
    counted = is_new(columns) & columns["lemat_valid"]
    limits = {"M.S.U.N.": NEAR_HULL, "S.U.N.": ON_HULL}
    return {f"{name}{ending}": str(share((above <= limit) & counted)) for name, limit in limits.items()}


if __name__ == "__main__":
    tyro.cli(worth)
