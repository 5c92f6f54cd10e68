"""Write the public data sets that models were trained on, from the files that their authors publish.

    python scripts/write_public_sets.py cdvae cdvae/data/perov_5 perov_5.parquet
    python scripts/write_public_sets.py materials-project topology_databases/cif mp_20_biternary mp_10A.parquet

docs/data.md says where these files are, and the counts to expect.
"""

import argparse
import csv
import gzip
import re
from pathlib import Path

import numpy as np

from crystalgrid.data.crystalset import SPLITS, CrystalSet
from crystalgrid.data.filters import MAX_SIDE
from crystalgrid.data.parquet import write_parquet
from crystalgrid.data.reader import read_files
from crystalgrid.data.results import grouped
from crystalgrid.data.sources import SourceFile, find_files
from crystalgrid.data.split import reduced_formulas
from crystalgrid.pool import cpu_count

OTHER_LICENCE = range(3_200_636, 3_217_276)
"""Numbers of entries of the Materials Project that were taken for GNoME's, whose licence is another."""


def read(files: list[SourceFile]) -> CrystalSet:
    """Return the crystals of the files, however long their cells, and print what is left out."""
    result = read_files(files, np.inf, cpu_count())
    for line in grouped(result.skipped):
        print(f"left out: {line}")
    return result.crystals


def cdvae(folder: Path) -> CrystalSet:
    """Return the crystals of train.csv, val.csv and test.csv with the public split."""
    parts = [(split, read(find_files(folder / f"{split}.csv"))) for split in SPLITS]
    return CrystalSet.concatenate(part.with_splits(np.full(len(part), split)) for split, part in parts)


def materials_project(cifs: Path, ids: Path) -> CrystalSet:
    """Return the crystals of CIFs that are named by their ids, split so that MP-20's test crystals are test crystals.

    Every crystal whose reduced formula is that of a test crystal is one too; so with val; the rest is for training.
    """
    crystals = read([file for file in find_files(cifs) if not _of_another_licence(file.name)])
    crystals = crystals[np.linalg.norm(crystals.lattice, axis=2).max(axis=1) < MAX_SIDE]
    formulas = reduced_formulas(crystals)
    splits = np.full(len(crystals), "train", dtype="<U5")
    for split in ("val", "test"):  # a formula that is in both is for testing
        named = np.isin(crystals.ids.astype(str), sorted(listed_ids(ids, split)))
        splits[np.isin(formulas.astype(str), formulas[named].astype(str))] = split
    return crystals.with_splits(splits)


def _of_another_licence(name: str) -> bool:
    match = re.fullmatch(r"mp-(\d+)", name)
    return match is not None and int(match[1]) in OTHER_LICENCE


def listed_ids(folder: Path, split: str) -> set[str]:
    """Return the values of the column material_id in SPLIT.csv or SPLIT.csv.gz."""
    path = next(path for path in (folder / f"{split}.csv", folder / f"{split}.csv.gz") if path.exists())
    with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as file:
        return {row["material_id"] for row in csv.DictReader(file)}


def main() -> None:
    """Read the files, write the Parquet file and print its counts and its checksum."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    commands = parser.add_subparsers(dest="source", required=True)
    public = commands.add_parser("cdvae", help="Perov-5, Carbon-24 or MP-20 as CDVAE publishes them")
    public.add_argument("folder", type=Path, help="the folder of train.csv, val.csv and test.csv")
    project = commands.add_parser("materials-project", help="CIFs of the Materials Project, split as MP-20 is")
    project.add_argument("cifs", type=Path, help="the folder of CIFs, named by their ids")
    project.add_argument("ids", type=Path, help="the folder of val.csv and test.csv, whose material_id is read")
    for command in (public, project):
        command.add_argument("out", type=Path, help="the Parquet file to write")
    options = parser.parse_args()
    crystals = cdvae(options.folder) if options.source == "cdvae" else materials_project(options.cifs, options.ids)
    write_parquet(options.out, crystals)
    counts = ", ".join(f"{split} {(crystals.splits == split).sum():,}" for split in SPLITS)
    print(f"{options.out}: {len(crystals):,} crystals ({counts}), SHA-256 {crystals.wrapped().checksum}")


if __name__ == "__main__":
    main()
