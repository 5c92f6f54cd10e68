"""The collection of a source's crystals, page by page, through the same filters as files, in one Parquet file.

What is done lies in OUT.parts until all is: a run that is killed goes on with --resume from the page it was at.
"""

from __future__ import annotations

import csv
import json
import math
import shutil
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timezone
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from ...errors import InputError
from ...files import check_output, written_whole
from ...progress import SECONDS_BETWEEN_LINES, line
from ..crystalset import CrystalSet
from ..filters import check_max_side
from ..formats.json_structures import parse_structure
from ..pack import open_table
from ..parquet import read_parquet, table_of, write_table
from ..reader import Job, parse
from ..results import Note, ReadResult, Skipped, grouped, nothing_kept, summary
from ..split import check_seed, split_by_formula
from .properties import NAMES

CHUNK = 1000
"""The number of crystals of a file in one page."""
STATE = "state.json"


class Item(NamedTuple):
    """A crystal as its source states it."""

    id: str
    content: Any
    """The crystal as JSON that `formats.json_structures.parse_structure` takes."""
    properties: dict[str, float]


class Page(NamedTuple):
    """A page of crystals, which are fetched and written together."""

    items: list[Item]
    next: Any
    """The position at which the next page begins; None after the last."""
    total: int | None
    """The number of crystals in all, if the source states it."""


class Collection(NamedTuple):
    """The collection of one source's crystals in one file."""

    out: Path
    about: dict[str, str]
    """The file's metadata: source, licence, query and the like; the date is added."""
    max_side: float
    seed: int

    @property
    def parts(self) -> Path:
        """The folder of finished pages, which exists until all are finished."""
        return self.out.with_suffix(".parts")


def pages_of(items: Iterable[Item], first: int) -> Iterator[Page]:
    """Cut a stream of crystals into pages, from number `first` on."""
    stream = islice(items, first, None)
    while chunk := list(islice(stream, CHUNK)):
        first += len(chunk)
        yield Page(chunk, first if len(chunk) == CHUNK else None, None)


def collect(
    collection: Collection, first: Any, pages: Callable[[Any], Iterator[Page]], *, resume: bool, overwrite: bool
) -> None:
    """Write the crystals of a source to a Parquet file, and OUT.left_out.csv with every other and the reason.

    first, pages: where the first page begins, and a function that yields the pages from such a place on.

    Raises InputError for an output that exists, and for a run to resume that had other settings.
    """
    state = _opened(collection, first, resume, overwrite)
    start, last_line, earlier = time.monotonic(), -math.inf, state["crystals"]
    if state["next"] is not None:
        for page in pages(state["next"]):
            collection.parts.mkdir(exist_ok=True)
            notes = Counter(state["notes"]) + _write_part(collection, state["pages"], page)
            crystals = state["crystals"] + len(page.items)
            state |= {"pages": state["pages"] + 1, "crystals": crystals, "next": page.next, "notes": notes}
            _write_state(collection.parts, state)
            now = time.monotonic()
            if now - last_line > SECONDS_BETWEEN_LINES or page.next is None:
                last_line = now
                print(line("fetching", crystals, page.total, now - start, earlier), file=sys.stderr, flush=True)
    _join(collection, state)


def _opened(collection: Collection, first: Any, resume: bool, overwrite: bool) -> dict[str, Any]:
    """Return how far a run is: a new one, or the one that is resumed."""
    out, parts = collection.out, collection.parts
    check_max_side(collection.max_side)
    check_seed(collection.seed)
    if out.suffix != ".parquet":
        raise InputError(f"{out}: wanted a name that ends in .parquet")
    check_output(out)
    settings = {**collection.about, "max_side": collection.max_side}
    if resume and (parts / STATE).is_file():
        state: dict[str, Any] = json.loads((parts / STATE).read_text())
        if state["settings"] != settings:
            raise InputError(f"{out}: was begun from another source or with other options; give the same to resume")
        return state
    if out.exists() and not overwrite:
        raise InputError(f"{out}: exists; choose another name or add --overwrite")
    if parts.exists() and not resume and not overwrite:
        raise InputError(f"{parts}: holds a run that was stopped; add --resume to go on with it, or --overwrite")
    shutil.rmtree(parts, ignore_errors=True)
    date = datetime.now(timezone.utc).date().isoformat()
    return {"settings": settings, "date": date, "pages": 0, "crystals": 0, "next": first, "notes": {}}


def _write_state(parts: Path, state: dict[str, Any]) -> None:
    with written_whole(parts / STATE) as temporary:
        temporary.write_text(json.dumps(state))


def _write_part(collection: Collection, number: int, page: Page) -> Counter[str]:
    """Write the crystals of a page that pass the filters, with their properties, and the reasons for the others.

    Returns how often each remark was made on a crystal that is kept.
    """
    source = collection.about["source"]
    jobs = [Job(source, item.id, parse_structure, item.content) for item in page.items]
    result = ReadResult.concatenate(parse(job, collection.max_side) for job in jobs)
    stated = {item.id: item.properties for item in page.items}
    columns = {
        name: pa.array([stated[str(id)].get(name) for id in result.crystals.ids], pa.float64()) for name in NAMES
    }
    with written_whole(collection.parts / f"{number:06}.csv") as temporary:
        with open_table(temporary) as table:
            csv.writer(table).writerows(result.skipped)
        write_table(collection.parts / f"{number:06}.parquet", table_of(result.crystals, columns))
    return Counter(note.text for note in result.notes)


def _join(collection: Collection, state: dict[str, Any]) -> None:
    """Put all pages together; columns that no crystal fills are left off."""
    names = [collection.parts / f"{number:06}" for number in range(state["pages"])]
    skipped = [Skipped(*row) for name in names for row in _rows(name.with_suffix(".csv"))]
    files = [file for name in names if pq.read_metadata(file := name.with_suffix(".parquet")).num_rows]
    if not files:
        shutil.rmtree(collection.parts, ignore_errors=True)
        raise InputError(
            nothing_kept(str(collection.out), skipped) if skipped else f"{collection.out}: no crystals found"
        )
    crystals = CrystalSet.concatenate(read_parquet(file).crystals for file in files)
    stated = pa.concat_tables([pq.read_table(file, columns=list(NAMES)) for file in files])
    columns = {name: stated[name].combine_chunks() for name in NAMES if stated[name].null_count < len(stated)}
    metadata = {**collection.about, "date": state["date"]}
    with written_whole(collection.out.with_suffix(".left_out.csv")) as temporary:
        with open_table(temporary) as table:
            csv.writer(table).writerows([Skipped._fields, *skipped])
        write_table(collection.out, table_of(split_by_formula(crystals, collection.seed), columns, metadata))
    shutil.rmtree(collection.parts)
    notes = [Note("", text) for text, count in state["notes"].items() for _ in range(count)]
    for group in grouped(skipped):
        print(f"left out: {group}", file=sys.stderr)
    print(f"{collection.out}: {summary(len(crystals), skipped, notes)}; licence: {metadata['licence']}")


def _rows(path: Path) -> list[list[str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))
