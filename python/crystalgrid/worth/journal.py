"""Journals of one JSON line a crystal: a run that was stopped goes on with the crystals that are not in its journal."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..files import full_disk_named
from ..progress import progress

Row = dict[str, Any]


def rows_of(
    journal: Path, settings: Row, ids: Iterable[str], make: Callable[[Sequence[str]], Iterable[Row]], what: str
) -> dict[str, Row]:
    """Return a row for each id: those in the journal, and those that `make` yields, which are appended to it.

    settings: the first line of the journal; InputError if it has others. make: yields a row for each of the ids that it
        is given, in order. what: the name of the work in lines of progress. A last line that is not whole, as a process
        that was killed or a full disk leaves it, is made again.
    """
    return rows_as_done(journal, settings, ids, lambda missing: zip(missing, make(missing), strict=True), what)


def rows_as_done(
    journal: Path,
    settings: Row,
    ids: Iterable[str],
    make: Callable[[Sequence[str]], Iterable[tuple[str, Row]]],
    what: str,
) -> dict[str, Row]:
    """Return a row for each id as `rows_of` does; `make` yields each id with its row, in any order."""
    rows = read_journal(journal, settings)
    missing = [id for id in ids if id not in rows]
    if rows:
        print(f"{what}: {len(rows)} done earlier, {len(missing)} to do; {journal} has the results", file=sys.stderr)
    with full_disk_named(journal), journal.open("a", encoding="utf-8") as file:
        if file.tell() == 0:
            file.write(json.dumps(settings) + "\n")
        for id, row in progress(make(missing), what, len(missing)):
            rows[id] = row
            file.write(json.dumps({"id": id, **row}) + "\n")
            file.flush()
    return rows


def read_journal(journal: Path, settings: Row) -> dict[str, Row]:
    """Return the rows of a journal by their ids, and cut off a last line that is not whole; no rows without a journal.

    Raises InputError that names the settings that differ.
    """
    if not journal.exists():
        return {}
    content = journal.read_bytes()
    whole = content[: content.rfind(b"\n") + 1]
    try:
        if not whole and not json.dumps(settings).encode().startswith(content):
            raise ValueError("no whole line")
        lines = [json.loads(line) for line in whole.splitlines()]
        rows = {line.pop("id"): line for line in lines[1:]}
    except (ValueError, KeyError, AttributeError) as error:
        raise InputError(f"{journal}: damaged, or not a journal of this command; remove it ({error})") from error
    if lines and lines[0] != settings:
        names = [name for name in {**lines[0], **settings} if lines[0].get(name) != settings.get(name)]
        differing = "; ".join(f"{name} {lines[0].get(name)!r}, now {settings.get(name)!r}" for name in names)
        raise InputError(f"{journal}: holds results of other settings ({differing}); repeat them, or remove the file")
    if len(whole) < len(content):
        with journal.open("r+b") as file:
            file.truncate(len(whole))
    return rows
