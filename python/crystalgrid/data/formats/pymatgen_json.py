"""JSON of pymatgen structures: one, a list of them, or an object with one under each id."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .entry import Arrays, Entry, arrays_of, id_of, read_text


def open_json(path: Path) -> Iterator[Entry]:
    """Yield each structure, which may stand in an object under the key `structure`."""
    content = json.loads(read_text(path))
    if isinstance(content, dict) and not {"structure", "lattice"} & content.keys():
        items = list(content.items())
    else:
        items = [(None, item) for item in (content if isinstance(content, list) else [content])]
    for name, item in items:
        if isinstance(item, dict):
            yield Entry(name or id_of(item), parse_structure, item.get("structure", item))
        else:
            yield Entry(name, parse_structure, item)


def parse_structure(item: Any) -> list[Arrays]:
    """Return the structure that pymatgen's `as_dict` made `item` of."""
    from pymatgen.core.structure import Structure

    if not isinstance(item, dict):
        raise ValueError(f"wanted a pymatgen Structure, got {type(item).__name__}")
    if "lattice" not in item:
        raise ValueError("no lattice: not a pymatgen Structure")
    return [arrays_of(Structure.from_dict(item))]
