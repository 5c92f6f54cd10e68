"""The reader of files: it opens them to jobs, one per crystal, which any process parses and filters."""

from __future__ import annotations

import csv
import gzip
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from itertools import chain, islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..crystal import Crystal
from ..errors import InputError
from ..pool import Workers, in_processes
from ..progress import progress
from .crystalset import SPLITS, CrystalSet
from .filters import filter_crystals
from .formats import NAMES, format_of
from .formats.entry import Arrays, Disordered
from .parquet import read_parquet
from .results import NO_CRYSTALS, UNKNOWN_FORMAT, UNREADABLE, Note, ReadResult, Skipped, with_distinct_ids
from .sources import SourceFile, find_files, of_known_format

CHUNK_SIZE = 16
"""The number of jobs that a process gets at a time; no process is started for fewer."""


class Job(NamedTuple):
    """One crystal to parse (in a CIF or a Parquet file: all of its crystals)."""

    file: str
    id: str
    parse: Callable[[Any], Any]
    """The parser, which makes crystals of `content`, as in `formats.entry.Entry`."""
    content: Any
    split: str = ""
    """The split that the file gives the crystal; empty if it does not say."""


def read(path: str | Path) -> list[Crystal]:
    """Return the crystals of a file, or of a folder's files in order of their names; other formats are passed over.

    Raises InputError that names the file for the first that cannot be read, is disordered, has no atoms, NaN, a
    singular lattice or an element of Z > 94, and if there is nothing to read.
    """
    crystals: list[Crystal] = []
    for job in open_jobs(of_known_format(find_files(path))):
        result = parse(job)
        if result.skipped:
            raise InputError(str(result.skipped[0]))
        crystals += result.crystals
    return crystals


def read_files(files: list[SourceFile], max_side: float, workers: Workers = 1) -> ReadResult:
    """Read all crystals of the files, in order and with the same result for any workers; no two have the same id.

    A file that kills the process that reads it, by a crash or because memory runs out, is left out.
    """
    jobs = open_jobs(files)
    first = list(islice(jobs, CHUNK_SIZE + 1))
    if len(first) <= CHUNK_SIZE:
        return ReadResult.concatenate(with_distinct_ids(parse(job, max_side) for job in first))
    arguments = ((job, max_side) for job in chain(first, jobs))
    results = in_processes(parse, arguments, workers, CHUNK_SIZE, _reader_died)
    formats = [format_of(file.path) for file in files]
    total = len(files) if all(format is None or format.one_entry for format in formats) else None
    with closing(results):
        return ReadResult.concatenate(with_distinct_ids(progress(results, "reading", total)))


def open_jobs(files: Iterable[SourceFile]) -> Iterator[Job | Skipped]:
    """Yield the jobs to parse in the files, and for each file that cannot be opened the reason."""
    for path, name in files:
        format = format_of(path)
        if path.is_dir():
            yield Skipped(str(path), "", "a link to a folder, which is not followed")
            continue
        if path.exists() and not path.is_file():  # opening a pipe would wait for a writer
            yield Skipped(str(path), "", UNREADABLE, "a pipe, a socket or a device, wanted a file")
            continue
        if format is None:
            yield Skipped(str(path), "", UNKNOWN_FORMAT, f"wanted {NAMES}")
            continue
        i = -1
        try:
            for i, entry in enumerate(format.open(path)):
                yield Job(str(path), entry.id or (name if format.one_entry else f"{name}:{i}"), *entry[1:])
            if i < 0:
                yield Skipped(str(path), "", NO_CRYSTALS)
        except (OSError, EOFError, ValueError, RecursionError, zlib.error, csv.Error) as error:
            yield Skipped(str(path), "", UNREADABLE, _in_words(error))


def parse(job: Job | Skipped, max_side: float = np.inf) -> ReadResult:
    """Return the crystals of a job that pass the filter."""
    if isinstance(job, Skipped):
        return ReadResult.nothing(job)
    parsed: list[Arrays | Exception]
    try:
        _check_split(job.split)
        if job.parse is read_parquet:
            return read_parquet(job.content, max_side)
        parsed = [_checked(result) for result in job.parse(job.content)]
    except Exception as error:  # parsers fail in many ways on files that are not what their name says
        parsed = [error]
    ids = [job.id] if len(parsed) == 1 else [f"{job.id}:{i}" for i in range(len(parsed))]
    arrays = {id: result for id, result in zip(ids, parsed, strict=True) if not isinstance(result, Exception)}
    failed = [_failed(job, id, result) for id, result in zip(ids, parsed, strict=True) if isinstance(result, Exception)]
    crystals = CrystalSet.from_arrays((parsed_arrays[:3] for parsed_arrays in arrays.values()), arrays)
    result = filter_crystals(crystals, job.file, max_side)
    notes = [Note(id, arrays[id].note) for id in result.crystals.ids if arrays[id].note]
    if job.split:
        split = result.crystals.with_splits(np.full(len(result.crystals), job.split))
        result = result._replace(crystals=split)
    return result._replace(skipped=[*failed, *result.skipped], notes=(*notes, *result.notes))


def _check_split(split: str) -> None:
    if split not in ("", *SPLITS):
        raise ValueError(f"split: wanted {', '.join(SPLITS)} or nothing, got {split!r}")


def _failed(job: Job, id: str, error: Exception) -> Skipped:
    if isinstance(error, Disordered):
        return Skipped(job.file, id, "disordered", str(error))
    return Skipped(job.file, id, UNREADABLE, _in_words(error).removeprefix(f"{job.file}: "))


def _checked(parsed: Arrays | Exception) -> Arrays | Exception:
    """Return a crystal whose arrays have the shapes of one, or the error that says which has not."""
    if isinstance(parsed, Exception):
        return parsed
    n = len(parsed.numbers)
    if parsed.lattice.shape != (3, 3):
        return ValueError(f"lattice: wanted three vectors, got {len(parsed.lattice)}")
    if parsed.frac_coords.shape != (n, 3):
        return ValueError(f"{len(parsed.frac_coords)} positions for {n} atoms")
    return parsed


def _in_words(error: Exception) -> str:
    """Return the fault of a file in plain words instead of Python's."""
    if isinstance(error, gzip.BadGzipFile | EOFError | zlib.error):
        return "not a gzip file, or damaged"
    if isinstance(error, OSError):
        return error.strerror or "the file cannot be opened"
    if isinstance(error, RecursionError):
        return "objects within objects, deeper than any crystal has them"
    if isinstance(error, csv.Error | ValueError):
        return str(error)
    return "damaged, or not what its name says"


def _reader_died(job: Job | Skipped, _max_side: float) -> ReadResult:
    return ReadResult.nothing(Skipped(job.file, job.id, UNREADABLE, "the process that read it died"))
