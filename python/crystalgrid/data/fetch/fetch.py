"""Fetch crystals from one of the sources, with the options of `crystalgrid-data fetch`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from ...errors import InputError
from . import files, optimade
from .collect import Collection, Item, Page, collect, pages_of

FILES = {"jarvis": files.jarvis_items, "ase-db": files.ase_items}


def fetch_crystals(
    source: str,
    place: str,
    out: Path,
    *,
    query: str,
    api_key: str,
    licence: str,
    max_side: float,
    seed: int,
    resume: bool,
    overwrite: bool,
) -> None:
    """Collect the crystals of an OPTIMADE server, of a file, or of the Materials Project in a Parquet file."""
    if source != "mp" and not place:
        raise InputError(f"{source}: wanted {'the URL of a server' if source == 'optimade' else 'a file'}, got none")
    if source == "optimade":
        database = optimade.database(place)
        about = {"source": place, "provider": database.provider, "licence": database.licence, "query": query}
        collection = Collection(out, about, max_side, seed)
        pages = partial(optimade.pages, database)
        collect(collection, optimade.first_page(database, query), pages, resume=resume, overwrite=overwrite)
        return
    if source == "mp":
        items = partial(_materials_project, api_key or os.environ.get("MP_API_KEY", ""), query)
        about = {"source": "Materials Project", "licence": "CC BY 4.0", "query": query}
    else:
        items = partial(FILES[source], Path(place))
        about = {"source": place, "licence": licence, "query": ""}
    collect(Collection(out, about, max_side, seed), 0, _pages(items), resume=resume, overwrite=overwrite)


def _pages(items: Any) -> Any:
    """Return a function that yields the pages of a source from a number of crystals on."""

    def pages(first: int) -> Iterator[Page]:
        return pages_of(items(), first)

    return pages


def _materials_project(api_key: str, query: str) -> Iterator[Item]:
    if not api_key:
        raise InputError("--api-key: wanted the key of a Materials Project account, got none")
    return files.materials_project_items(api_key, **({"chemsys": query} if query else {}))
