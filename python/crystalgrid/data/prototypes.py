"""Prototypes: the AFLOW Library of Crystallographic Prototypes as pymatgen ships it, 288 measured structures.

M. J. Mehl et al., Comput. Mater. Sci. 136, S1 (2017); D. Hicks et al., Comput. Mater. Sci. 161, S1 (2019).
"""

import gzip
import json
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from ..crystal import ATOMIC_NUMBERS
from ..errors import InputError
from .crystalset import CrystalSet

FILE = "aflow_prototypes.json*"


def prototypes() -> CrystalSet:
    """All of them; the file is read without importing pymatgen, which takes longer than everything else here."""
    path = prototypes_file()
    with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as file:
        entries = json.load(file)
    ids = [f"aflow-{i}-{entry['tags']['aflow']}" for i, entry in enumerate(entries)]
    return CrystalSet.from_arrays(map(_crystal, entries), ids)


def _crystal(entry: dict) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    structure, sites = entry["snl"], entry["snl"]["sites"]
    numbers = [ATOMIC_NUMBERS.get(site["species"][0]["element"], 0) for site in sites]
    frac_coords = np.array([site["abc"] for site in sites])
    return (
        np.array(structure["lattice"]["matrix"]),
        frac_coords,
        np.array(numbers),
    )


def prototypes_file() -> Path:
    """Where pymatgen keeps them; raises InputError where it does not."""
    spec = find_spec("pymatgen")
    for folder in (spec and spec.submodule_search_locations) or []:
        for path in sorted(Path(folder, "analysis").rglob(FILE)):
            return path
    raise InputError("prototypes: pymatgen with its aflow_prototypes.json is not installed; run pip install pymatgen")
