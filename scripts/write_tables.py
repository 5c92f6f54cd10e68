"""Write export/elements.json and export/space_groups.json, the tables that the sampler compiles in.

Run by hand, `python scripts/write_tables.py`; the package's own table of elements, pymatgen and gemmi are the sources.
"""

import json
import math
import warnings
from importlib.metadata import version
from pathlib import Path
from typing import Any

import gemmi
from moyopy import SpaceGroupType
from pymatgen.core import Element

from crystalgrid.crystal import MAX_Z
from crystalgrid.files import written_whole
from crystalgrid.geometry.elements import ATOMIC_WEIGHTS, ELECTRONEGATIVITIES, NONMETALS, SYMBOLS

FOLDER = Path(__file__).parents[1] / "export"


def main() -> None:
    """Write both files anew."""
    write_rows(
        "elements.json", "elements", f"pymatgen-core {version('pymatgen-core')}", map(element, range(1, MAX_Z + 1))
    )
    write_rows(
        "space_groups.json",
        "space_groups",
        f"moyopy {version('moyopy')}, gemmi {version('gemmi')}",
        map(space_group, range(1, 231)),
    )


def element(number: int) -> dict[str, Any]:
    """Return an element's symbol, mass in Da, atomic radius in Å, electronegativity, kind and oxidation states.

    What an element does not have is left out.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # noble gases have no electronegativity
        found = Element.from_Z(number)
        radius = found.atomic_radius
    electronegativity = float(ELECTRONEGATIVITIES[number])
    return {
        "symbol": SYMBOLS[number - 1],
        "mass": float(ATOMIC_WEIGHTS[number]),
        **({} if radius is None else {"radius": float(radius)}),
        **({"electronegativity": electronegativity} if math.isfinite(electronegativity) else {}),
        "metal": number not in NONMETALS,
        "oxidation_states": sorted({*found.common_oxidation_states, *found.icsd_oxidation_states}),
    }


def space_group(number: int) -> dict[str, str]:
    """Return a space group's short symbol, and that of its standard setting as CIF readers know it."""
    standard = gemmi.get_spacegroup_reference_setting(number)
    return {"symbol": SpaceGroupType(number).hm_short.replace(" ", ""), "setting": standard.xhm()}


def write_rows(name: str, key: str, source: str, rows: Any) -> None:
    """Write a JSON file with one row of a table to a line."""
    lines = ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    with written_whole(FOLDER / name) as temporary:
        temporary.write_text(f'{{"source": "{source}",\n"{key}": [\n{lines}\n]}}\n', encoding="utf-8")


if __name__ == "__main__":
    main()
