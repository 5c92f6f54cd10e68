"""Reading CIFs with this project, pymatgen, ASE and gemmi: `python benchmarks/reading.py FOLDER`.

Each reader reads every CIF of the folder in a process of its own, one thread. A crystal is right if its composition is
that of the file's own `_chemical_formula_sum`, times `_cell_formula_units_Z` where that is stated: files that state no
formula count as read, and nothing more. Left out is what a reader gives an error for.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import time
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

READERS = ("crystalgrid", "gemmi", "ase", "pymatgen")
PAGE = (
    "| reader | files | left out | state a formula | of these right | wrong | CPU seconds | files/s | peak memory, MB |"
)


def opened(reader: str) -> Callable[[Path], list[int]]:
    """Return a function from a file to the atomic numbers in its cell."""
    if reader == "crystalgrid":
        from crystalgrid.data.formats.cif import parse_cif

        def read(path: Path) -> list[int]:
            found = parse_cif(path.read_bytes().decode("utf-8-sig", errors="replace"))[0]
            if isinstance(found, Exception):
                raise found
            return found[2].tolist()
    elif reader == "gemmi":
        import gemmi

        def read(path: Path) -> list[int]:
            structure = gemmi.read_small_structure(str(path))
            return [site.element.atomic_number for site in structure.get_all_unit_cell_sites()]
    elif reader == "ase":
        import ase.io

        def read(path: Path) -> list[int]:
            return ase.io.read(path, format="cif").numbers.tolist()
    else:
        from pymatgen.core import Structure

        def read(path: Path) -> list[int]:
            return [site.specie.Z for site in Structure.from_file(path)]

    return read


def stated(path: Path) -> tuple[dict[str, float] | None, int | None]:
    """Return the formula that a file states, and how many of it are in its cell."""
    import gemmi

    from crystalgrid.data.formats.cif_claims import formula
    from crystalgrid.data.formats.cif_symmetry import text

    try:
        block = gemmi.cif.read(str(path))[0]
    except (ValueError, RuntimeError, IndexError):
        return None, None
    units = text(block, ("_cell_formula_units_z",))
    return formula(text(block, ("_chemical_formula_sum",))), int(units) if units.isdecimal() and int(units) else None


def agrees(numbers: list[int], stated_counts: dict[str, float], units: int | None) -> bool:
    """Tell whether atoms are a multiple of a formula: `units` times the formula, if that is stated."""
    from crystalgrid.crystal import SYMBOLS

    found = Counter(SYMBOLS[z - 1] if 1 <= z <= len(SYMBOLS) else "?" for z in numbers)
    if found.keys() != stated_counts.keys():
        return False
    ratios = np.array([found[element] / stated_counts[element] for element in stated_counts])
    return bool(np.ptp(ratios) < 0.02 * ratios.max() and (units is None or abs(ratios.mean() / units - 1) < 0.02))


def measure(reader: str, files: list[str], answers: Any) -> None:
    """Read all files with one reader and put the counts of the results into a queue."""
    warnings.simplefilter("ignore")
    read, paths = opened(reader), [Path(file) for file in files]
    results: list[list[int] | None] = []
    start = time.process_time()  # of this process alone, whatever else the machine does
    for path in paths:
        try:
            results.append(read(path))
        except Exception:  # readers fail in many ways
            results.append(None)
    seconds = time.process_time() - start
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    claims = [stated(path) for path in paths]
    checked = [
        (path, numbers, *claim)
        for path, numbers, claim in zip(paths, results, claims, strict=True)
        if numbers is not None and claim[0] is not None
    ]
    wrong = [path.name for path, numbers, stated_counts, units in checked if not agrees(numbers, stated_counts, units)]
    answers.put({
        "reader": reader, "files": len(paths), "left_out": results.count(None), "stated": len(checked),
        "right": len(checked) - len(wrong), "wrong": wrong, "seconds": seconds, "memory_MB": memory,
    })  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path, help="searched in depth for .cif files")
    parser.add_argument("--json", type=Path, help="file for the results, with the names of the wrong ones")
    options = parser.parse_args()
    files = sorted(str(path) for path in options.folder.rglob("*.cif"))
    if not files:
        parser.error(f"{options.folder}: no .cif file in it")
    context, rows = multiprocessing.get_context("spawn"), []
    print(PAGE, "|---|" + "--:|" * 8, sep="\n")
    for reader in READERS:
        answers = context.Queue()
        process = context.Process(target=measure, args=(reader, files, answers))
        process.start()
        row = answers.get()
        process.join()
        rows.append(row)
        print(
            f"| {reader} | {row['files']} | {row['left_out']} | {row['stated']} | {row['right']} | {len(row['wrong'])} "
            f"| {row['seconds']:.1f} | {row['files'] / row['seconds']:.0f} | {row['memory_MB']:.0f} |",
            flush=True,
        )
    if options.json is not None:
        options.json.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
