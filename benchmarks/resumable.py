"""Logs of one JSON line a crystal: a run that was stopped goes on with the crystals that are not in its log."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from crystalgrid.errors import InputError
from crystalgrid.progress import progress

Row = dict[str, Any]


def rows_of(log: Path, settings: Row, ids: Iterable[str], make: Callable[[str], Row], what: str) -> dict[str, Row]:
    """Return a row for each id: those in the log, and those that `make` returns, which are appended to it.

    settings: the first line of the log; InputError if it has other settings. A last line that is not whole, as a
        process that was killed leaves it, is made again.
    """
    rows = _read(log, settings)
    missing = [id for id in ids if id not in rows]
    with log.open("a") as file:
        for id in progress(missing, what):
            rows[id] = make(id)
            file.write(json.dumps({"id": id, **rows[id]}) + "\n")
            file.flush()
    return rows


def _read(log: Path, settings: Row) -> dict[str, Row]:
    """Return the rows of a log by their ids, and leave it with whole lines alone, the settings first."""
    text = log.read_text() if log.exists() else ""
    lines = list(_whole_lines(text)) or [settings]
    if lines[0] != settings:
        raise InputError(f"{log}: holds results of {lines[0]}, wanted {settings}; choose another --log or remove it")
    log.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return {line.pop("id"): line for line in lines[1:]}


def _whole_lines(text: str) -> Iterator[Row]:
    for line in text.split("\n")[:-1]:
        yield json.loads(line)
