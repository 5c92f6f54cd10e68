"""An OPTIMADE server for tests, by the package `optimade` with its database in memory.

Run as `python tests/optimade_server.py PORT PAGE_LIMIT`: it serves `ENTRIES`, at most so many a page.
"""

import json
import os
import sys
import tempfile
from pathlib import Path

ORDERED = 11
"""Crystals among the entries that are ordered and periodic: rock salts in their primitive cells."""


def entry(i: int, **changes: object) -> dict:
    """Return a rock salt, in which changes are made, as a document of the server's database."""
    side = 2.0 + 0.02 * i
    positions = [[0.0, 0.0, 0.0], [side, side, side]]
    return {
        "id": f"salt-{i}", "immutable_id": f"salt-{i}", "type": "structures", "last_modified": "2024-01-01T00:00:00Z",
        "elements": ["Mg", "O"], "nelements": 2, "elements_ratios": [0.5, 0.5], "chemical_formula_reduced": "MgO",
        "chemical_formula_anonymous": "AB", "chemical_formula_descriptive": "MgO", "dimension_types": [1, 1, 1],
        "nperiodic_dimensions": 3, "lattice_vectors": [[0.0, side, side], [side, 0.0, side], [side, side, 0.0]],
        "cartesian_site_positions": positions, "nsites": 2, "species_at_sites": ["Mg", "O"],
        "species": [
            {"name": name, "chemical_symbols": [name], "concentration": [1.0]} for name in ("Mg", "O")
        ],
        "structure_features": [], "band_gap": 0.5 * i, "stability": 0.01 * i, "delta_e": -3.0 + 0.1 * i, **changes,
    }  # fmt: skip


def entries() -> list[dict]:
    """Return what the server holds: ordered crystals, one that is disordered, a slab, and one that is too long."""
    half = [
        {"name": "Mg", "chemical_symbols": ["Mg", "Ca"], "concentration": [0.5, 0.5]},
        {"name": "O", "chemical_symbols": ["O"], "concentration": [1.0]},
    ]
    long = [[12.0, 0.0, 0.0], [0.0, 4.0, 0.0], [0.0, 0.0, 4.0]]
    return [
        *(entry(i) for i in range(ORDERED)),
        entry(20, species=half, structure_features=["disorder"]),
        entry(21, dimension_types=[1, 1, 0], nperiodic_dimensions=2),
        entry(22, lattice_vectors=long),
        entry(23, band_gap=None, stability=None, delta_e=None),
    ]


def settings(page_limit: int) -> dict:
    """Return the configuration of the server, which it reads from a file."""
    fields = [
        {"name": name, "type": "float", "unit": "eV", "description": f"the {name} of a test"}
        for name in ("band_gap", "stability", "delta_e")
    ]
    return {
        "insert_test_data": False, "provider_fields": {"structures": fields}, "database_backend": "mongomock",
        "page_limit": page_limit, "page_limit_max": page_limit, "log_level": "warning",
    }  # fmt: skip


def main() -> None:
    """Serve until killed."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "optimade.json"
        path.write_text(json.dumps(settings(int(sys.argv[2]))))
        os.environ["OPTIMADE_CONFIG_FILE"] = str(path)
        import uvicorn
        from optimade.server.main import app

        app.state.entry_collections["structures"].insert(entries())
        uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning")


if __name__ == "__main__":
    main()
