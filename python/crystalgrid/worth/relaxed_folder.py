"""The folder of relaxed crystals: a journal while they are relaxed, then a Parquet file, a table and CIF files."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from ..crystal import SYMBOLS
from ..data.crystalset import CrystalSet
from ..errors import InputError
from ..files import full_disk_named, new_folder
from ..pool import Workers
from .check import Checked
from .checked_folder import RELAXED, CheckedCrystals, read_checked
from .journal import Row, read_journal, rows_as_done
from .ranking import LEFT_OUT, is_new, ranks, stability_lines, stability_summary
from .references import SHIPPED
from .relax import Hulls, Relaxed, chosen_hulls, not_relaxed, relaxed_rows, result
from .relaxing import RelaxOptions, check_options, potentials_of, unlearned
from .steps import write_steps
from .table_folder import CIF, CRYSTALS, TABLE, column_types, file_names, write_folder

PACKAGES = ("ase", "chgnet", "moyopy", "pymatgen", "sevenn", "smact", "torch", "torch-sim-atomistic")
"""The packages whose versions may change an energy or a verdict."""
JOURNAL, TRAJECTORIES = "relaxed.jsonl", "trajectories"


class Choice(NamedTuple):
    """The choice of the crystals to relax, and of what is kept of it."""

    all: bool = False
    """Whether crystals that are not valid or not new are relaxed, too."""
    first: int | None = None
    """The most crystals that are relaxed; the draws after the last of them are left out."""
    trajectories: bool = False


def relax_folder(
    source: Path,
    out: Path,
    options: RelaxOptions,
    choice: Choice,
    hull: Path | None,
    second_hull: Path | None,
    workers: Workers,
) -> None:
    """Relax the crystals of a file or folder that are valid and new; write all with their figures, and print a summary.

    A run that was stopped goes on with the crystals that are not in the journal of its output folder.
    """
    if choice.first is not None and choice.first < 1:
        raise InputError(f"first: wanted at least 1, got {choice.first}")
    if options.batched and choice.trajectories:
        raise InputError("trajectories: crystals that are relaxed in batches have none; relax them without --batched")
    check_options(options)
    hulls = chosen_hulls(options, hull, second_hull)
    journal = out / JOURNAL
    if out.exists() and not journal.exists():
        new_folder(out)  # which refuses one that is not empty
    everything = read_checked(source, workers)
    settings = {"crystals": everything.crystals.checksum[:12], **options._asdict()}
    del settings["batched"]  # it says how crystals are relaxed, as the number of workers does, and not to what
    read_journal(journal, settings)
    checked, chosen = chosen_crystals(everything, choice)
    for line in warnings_before(checked.crystals[chosen], options, hulls):
        print(line, file=sys.stderr)
    out.mkdir(parents=True, exist_ok=True)
    rows = _relaxed(checked.crystals[chosen], out, options, settings, choice.trajectories, workers)
    results = all_results(checked, rows, hulls)
    all_settings = {**options._asdict(), "hull": _references(options, hull), "all": choice.all, "first": choice.first}
    first = [] if choice.first is None else ["--first", choice.first]
    write_steps(out, [source], ["relax", source, "-o", out, *first, *["--all"] * choice.all], all_settings, PACKAGES)
    _write(out, checked, results, protocol_of(options, hull, checked.against))


def chosen_crystals(checked: CheckedCrystals, choice: Choice) -> tuple[CheckedCrystals, np.ndarray]:
    """Return the crystals that count, and the indices of those among them that are relaxed."""
    chosen = np.flatnonzero([choice.all or (row.lemat_valid and is_new(row)) for row in checked.rows])
    if len(chosen) == 0:
        raise InputError("no crystal is valid and new; --all relaxes them all the same")
    if choice.first is None or len(chosen) <= choice.first:
        return checked, chosen
    chosen = chosen[: choice.first]
    end = int(chosen[-1]) + 1
    return checked._replace(crystals=checked.crystals[:end], rows=checked.rows[:end]), chosen


def warnings_before(crystals: CrystalSet, options: RelaxOptions, hulls: Hulls) -> Iterator[str]:
    """Yield what can be said before any crystal is relaxed: no GPU, elements without potential or without reference."""
    models = potentials_of(options)
    if options.batched and models[0].calculator.device.type == "cpu":
        yield "no GPU is used: on the CPU batches gain nothing over one crystal at a time"
    for model in models:
        unknown = [unlearned(crystal.numbers, model) for crystal in crystals]
        yield from _of_elements(unknown, len(crystals), f"{model.name} has not learned, and are not relaxed")
    if hulls.first is None:
        yield f"no reference energies of {options.calculator} come with the package: no energies above a hull"
    for hull, words in ((hulls.first, "the hull"), (hulls.second, "the second hull")):
        missing = [] if hull is None else [hull.missing(crystal.numbers) for crystal in crystals]
        yield from _of_elements(missing, len(crystals), f"{words} has no reference of, and get no energy above it")


def _of_elements(numbers: Sequence[list[int]], n: int, what: str) -> Iterator[str]:
    """Yield a line that says how many of n crystals have some elements, if any has."""
    symbols = ", ".join(SYMBOLS[z - 1] for z in sorted({z for listed in numbers for z in listed}))
    if symbols:
        yield f"{sum(map(bool, numbers))} of {n} crystals have elements ({symbols}) that {what}"


def _relaxed(
    crystals: CrystalSet, out: Path, options: RelaxOptions, settings: Row, trajectories: bool, workers: Workers
) -> dict[str, Row]:
    """Return the row of each crystal by its id; the journal keeps them."""
    names = file_names(crystals.ids)
    if trajectories:
        (out / TRAJECTORIES).mkdir(exist_ok=True)
    index = {str(id): i for i, id in enumerate(crystals.ids)}

    def make(ids: Sequence[str]) -> Iterable[tuple[str, Row]]:
        chosen = [index[id] for id in ids]
        paths = [out / TRAJECTORIES / f"{names[i]}.xyz" if trajectories else None for i in chosen]
        return ((ids[i], row) for i, row in relaxed_rows(crystals[chosen], options, workers, paths))

    return rows_as_done(out / JOURNAL, settings, list(index), make, "relaxing")


def all_results(checked: CheckedCrystals, rows: dict[str, Row], hulls: Hulls) -> list[Relaxed]:
    """Return the result of each crystal, those that were not to be relaxed with the reason."""
    results = []
    for crystal, row in zip(checked.crystals, checked.rows, strict=True):
        if row.id in rows:
            results.append(result(row.id, crystal, rows[row.id], hulls))
        else:
            results.append(not_relaxed(row.id, crystal, f"{LEFT_OUT}{_why_left_out(row)}"))
    return results


def _why_left_out(row: Checked) -> str:
    if not row.lemat_valid:
        return "not valid"
    return f"the same as {row.same_as}" if row.same_as else f"known as {row.known_as}"


def protocol_of(options: RelaxOptions, hull: Path | None, against: str) -> str:
    """Return in one line how stability was counted."""
    potentials = f"{options.calculator} and {options.second}, the higher" if options.second else options.calculator
    novelty = f"new against {against}" if against else "new or not, as no known crystals were named"
    return (
        f"relaxed by {potentials}, fmax {options.fmax} eV/Å, {options.steps} steps, "
        f"symmetry {'kept' if options.symmetry else 'free'}, hull {_references(options, hull)}; "
        f"valid by LeMat-GenBench's rules; by StructureMatcher unique and {novelty}"
    )


def _references(options: RelaxOptions, hull: Path | None) -> str:
    """Return the name of the reference energies that energies above the hull are counted from."""
    return str(hull or (options.calculator if options.calculator in SHIPPED else "none"))


def _write(out: Path, checked: CheckedCrystals, results: list[Relaxed], protocol: str) -> None:
    """Write the folder's files, the best crystal first, and print the summary."""
    order = ranks(checked.rows, results)
    by_rank = np.argsort(order)
    summary = stability_summary(checked.rows, results, len(checked.unreadable), protocol)
    relaxed = CrystalSet.from_crystals([results[i].crystal for i in by_rank], checked.crystals.ids[by_rank])
    rows = [{**checked.rows[i]._asdict(), **results[i]._asdict(), "rank": order[i]} for i in by_rank]
    types = {**column_types(Checked), **column_types(Relaxed), "rank": pa.int64()}
    metadata = {**checked.metadata(), "summary": summary, RELAXED: any(one.steps for one in results)}
    with full_disk_named(out), TemporaryDirectory(dir=out, prefix=".") as folder:
        write_folder(Path(folder), relaxed, rows, types, checked.unreadable, metadata)
        shutil.rmtree(out / CIF, ignore_errors=True)
        for name in (CIF, TABLE, CRYSTALS):
            (Path(folder) / name).replace(out / name)
    print("\n".join(stability_lines(summary)))
    print(f"{out}: {CRYSTALS}, {TABLE} and {CIF}/ hold each with its figures, the best first")
