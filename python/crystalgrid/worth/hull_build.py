"""The making of a file of reference energies from crystals and their energies by any method."""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path

import numpy as np

from ..crystal import ATOMIC_NUMBERS, MAX_Z, SYMBOLS
from ..data.crystalset import CrystalSet
from ..data.parquet import read_parquet
from ..data.sources import all_in_one
from ..errors import InputError
from ..files import check_output, replaced_note
from ..geometry.elements import reduced_formula
from ..pool import Workers, in_processes
from ..progress import progress
from .element_references import element_energy
from .hull import Hull
from .hull_energies import EVERYTHING, Selection, as_they_stand, has_energies, tabled
from .references import write_references

NEAR_HULL = 0.1
"""eV/atom; phases that are farther above the hull of their elements are not kept."""
JOURNAL = ".jsonl"
"""The ending of the file, named as the hull, that keeps energies while they are computed, and after."""
CHUNK_SIZE = 512
OF_MOLECULES = {1, 7, 8, 9, 15, 16, 17, 34, 35, 53}
"""H, N, O, F, P, S, Cl, Se, Br and I, whose crystals no close packing of atoms stands for."""


def build_hull(
    source: Path,
    out: Path,
    energies: Path | None,
    calculator: str | None,
    description: str,
    workers: Workers,
    selection: Selection = EVERYTHING,
) -> None:
    """Write the phases on the hull of each chemical system and those within 0.1 eV/atom of it; print what is lacking.

    source: a Parquet file of crystals, a folder that `relax` wrote, or JSON of pymatgen's computed entries. energies: a
    Parquet or CSV file with the energies of its crystals, if they are not in the source. calculator: a potential that
    gives the energies if there are none, of the crystals as they stand, and those of elements that the source does not
    have by themselves. selection: which crystals of the source.
    """
    check_output(out)
    source = all_in_one(source)
    if source.suffix == ".json" and selection != EVERYTHING:
        raise InputError(f"{source}: wanted crystals, among which kept-by and systems-of choose; got computed entries")
    if source.suffix == ".json":
        hull = entries_hull(source)
    elif calculator and energies is None and not has_energies(source):
        hull = potential_hull(source, calculator, out.with_suffix(JOURNAL), workers, selection)
    else:
        hull = crystals_hull(source, energies, selection)
    if len(hull.energies) == 0:
        raise InputError(f"{source}: no crystal of it has an energy")
    everything = np.flatnonzero(hull.counts.any(axis=0))
    lacking = hull.missing(everything)
    if lacking and calculator:
        hull = with_elements(hull, lacking, calculator)
        lacking = hull.missing(everything)
    above = energies_above(hull, workers)
    kept = ~(above > NEAR_HULL)  # those without a number are kept: an element may be added to the file
    formulas = [reduced_formula(np.repeat(np.arange(MAX_Z + 1), row)) for row in hull.counts]
    replaced = replaced_note(out)
    write_references(out, hull, kept, formulas, {"description": description, "source": source.name})
    counts = f"{int(kept.sum()):,} of {len(kept):,} compositions, {int((above <= 1e-6).sum()):,} of them on the hull"
    print(f"{out}: {counts}{replaced}")
    if lacking:
        symbols = ", ".join(SYMBOLS[z - 1] for z in lacking)
        print(f"no energy of {symbols} by itself: crystals with these get no energy above the hull")


def crystals_hull(source: Path, energies: Path | None, selection: Selection = EVERYTHING) -> Hull:
    """Return the hull of the crystals of a Parquet file by its own energies or those of another file."""
    crystals = selection.among(_with_own_ids(source))
    return Hull.of_crystals(crystals, tabled(crystals, source if energies is None else energies))


def potential_hull(source: Path, calculator: str, journal: Path, workers: Workers, selection: Selection) -> Hull:
    """Return the hull of the crystals of a Parquet file, as they stand, by a potential; the journal keeps energies."""
    everything = _with_own_ids(source)
    crystals = selection.among(everything)
    return Hull.of_crystals(crystals, as_they_stand(crystals, calculator, journal, everything.checksum[:12], workers))


def _with_own_ids(source: Path) -> CrystalSet:
    """Return the crystals of a Parquet file; raise InputError if two have one id, since energies are found by it."""
    crystals = read_parquet(source).crystals
    for id, count in Counter(crystals.ids.tolist()).items():
        if count > 1:
            raise InputError(
                f"{source}: {count} crystals have the id {id!r}, and energies are found by ids; rename them"
            )
    return crystals


def entries_hull(source: Path) -> Hull:
    """Return the hull of pymatgen's ComputedEntries in a JSON file, their energies corrected."""
    try:
        content = json.loads(source.read_text(encoding="utf-8"))
        entries = content["entries"] if isinstance(content, dict) else content
        counts = np.zeros((len(entries), MAX_Z + 1), dtype=np.int64)
        energies = np.zeros(len(entries))
        for i, entry in enumerate(entries):
            for symbol, n in entry["composition"].items():
                if n % 1:
                    raise ValueError(f"composition {entry['composition']}, wanted whole numbers of atoms")
                counts[i, ATOMIC_NUMBERS[symbol]] += int(n)
            energies[i] = (entry["energy"] + (entry.get("correction") or 0.0)) / counts[i].sum()
        ids = [str(entry.get("entry_id") or i) for i, entry in enumerate(entries)]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"{source}: wanted a JSON list of pymatgen's ComputedEntry with composition and energy; "
            f"{type(error).__name__}: {error}"
        ) from error
    return Hull(counts, energies, ids)


def with_elements(hull: Hull, numbers: list[int], calculator: str) -> Hull:
    """Return the hull with the energies of elements [E] by a potential, but of those that consist of molecules."""
    numbers = [z for z in numbers if z not in OF_MOLECULES]
    phases = [element_energy(z, calculator) for z in progress(numbers, "elements")]
    for z, (name, energy) in zip(numbers, phases, strict=True):
        symbol = SYMBOLS[z - 1]
        print(f"{symbol}: no crystal of it in the source; {name}, relaxed: {energy:.3f} eV/atom", file=sys.stderr)
    counts = np.zeros((len(numbers), MAX_Z + 1), dtype=np.int64)
    counts[np.arange(len(numbers)), numbers] = 1
    return Hull(
        np.concatenate([hull.counts, counts]),
        np.concatenate([hull.energies, [energy for _, energy in phases]]),
        [*hull.ids, *(f"{SYMBOLS[z - 1]} {name}" for z, (name, _) in zip(numbers, phases, strict=True))],
    )


def energies_above(hull: Hull, workers: Workers) -> np.ndarray:
    """Return how far each phase of a hull is above it, [F] eV/atom; NaN where an element has no energy."""
    chunks = [range(i, min(i + CHUNK_SIZE, len(hull.energies))) for i in range(0, len(hull.energies), CHUNK_SIZE)]
    results = in_processes(_above, ((hull, chunk) for chunk in chunks), workers if len(chunks) > 1 else 1)
    return np.concatenate(list(progress(results, "hull", len(chunks))))


def _above(hull: Hull, phases: range) -> np.ndarray:
    results = [hull.above(np.repeat(np.arange(MAX_Z + 1), hull.counts[i]), hull.energies[i]) for i in phases]
    return np.array([np.nan if result is None else result.energy for result in results])
