"""Parquet with the columns of OPTIMADE, as LeMat-Bulk and others publish crystals.

- immutable_id: string, optional
- split: string, 'train', 'val' or 'test', optional
- dimension_types: integer [3], or nperiodic_dimensions: integer, optional: crystals that are not periodic are left out
- structure_features: string [], optional: disordered crystals are left out
- nsites: int32, optional: rows with another number of species are left out
- lattice_vectors: floating point [3][3], rows a, b, c in Å
- cartesian_site_positions: floating point [nsites][3], Å
- species_at_sites: string [nsites], chemical symbols
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ..crystal import SYMBOLS
from ..errors import InputError
from ..files import written_whole
from .crystalset import SPLITS, CrystalSet, fractional
from .elements import ISOTOPES, ISOTOPES_TOLD, element
from .filters import CLOSEST, NO_ELEMENT, filter_crystals
from .results import NO_CRYSTALS, Note, ReadResult, Skipped

NEEDED = ("lattice_vectors", "cartesian_site_positions", "species_at_sites")
OPTIONAL = ("immutable_id", "split", "dimension_types", "nperiodic_dimensions", "structure_features", "nsites")
NOT_PERIODIC = "not periodic in all three directions"
OTHER_NSITES = "another number of species than its nsites"
MALFORMED = "vectors not of three numbers, or not one per species"
ROWS = 32768
"""The number of rows that are in memory at once before the filter."""


def read_parquet(path: Path | str, max_side: float = np.inf, closest: float = CLOSEST) -> ReadResult:
    """Read the crystals of a Parquet file that are shorter than `max_side` Å, with no atoms nearer than `closest` Å.

    Raises InputError for a file that is not Parquet, is damaged or lacks a column.
    """
    path = Path(path)
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            columns = _columns(path, file.schema_arrow)
            first, parts = 0, list[ReadResult]()
            for group in range(file.num_row_groups):  # pyarrow cannot join lists of dictionary values across groups
                for batch in file.iter_batches(ROWS, [group], columns):
                    parts.append(_crystals(path, batch, first, max_side, closest))
                    first += batch.num_rows
    except pa.ArrowException as error:
        raise InputError(f"{path}: not Parquet: {error}") from error
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from error
    if first == 0:
        parts.append(ReadResult.nothing(Skipped(str(path), "", NO_CRYSTALS)))
    return ReadResult.concatenate(parts)


def _columns(path: Path, schema: pa.Schema) -> list[str]:
    """Return the names of the columns to read; raise InputError if one is missing or of another type."""
    missing = [name for name in NEEDED if name not in schema.names]
    if missing:
        raise InputError(f"{path}: wanted OPTIMADE's columns {', '.join(NEEDED)}, missing {', '.join(missing)}")
    for name in NEEDED:
        value, depth = schema.field(name).type, 0
        while hasattr(value, "value_type") and not pa.types.is_dictionary(value):
            value, depth = value.value_type, depth + 1
        text = name == "species_at_sites"
        fits = (pa.types.is_dictionary(value) or "string" in str(value)) if text else pa.types.is_floating(value)
        if not fits or depth != (1 if text else 2):
            wanted_type = "lists of strings" if text else "lists of lists of floating-point numbers"
            raise InputError(f"{path}: column {name}: wanted {wanted_type}, got {schema.field(name).type}")
    return [name for name in (*OPTIONAL, *NEEDED) if name in schema.names]


def _crystals(path: Path, rows: pa.RecordBatch, first: int, max_side: float, closest: float) -> ReadResult:
    """Return the crystals of `rows`, which begin at the file's row `first`, that pass the filter."""
    well_formed = _vectors_of_three(rows, "lattice_vectors") & _vectors_of_three(rows, "cartesian_site_positions")
    well_formed &= _lengths(rows["lattice_vectors"]) == 3
    well_formed &= _lengths(rows["species_at_sites"]) == _lengths(rows["cartesian_site_positions"])
    names = _texts(rows, "immutable_id") or [None] * len(rows)
    ids = np.array([f"row {first + i}" if name is None else name for i, name in enumerate(names)], dtype=object)
    reasons = np.where(well_formed, _stated_faults(rows), MALFORMED)
    malformed = [Skipped(str(path), str(id), reason) for id, reason in zip(ids, reasons, strict=True) if reason]
    if malformed:
        rows, ids = rows.filter(pa.array(reasons == "")), ids[reasons == ""]
    lattice = _numbers(rows["lattice_vectors"]).reshape(-1, 3, 3)
    offsets = np.concatenate([[0], np.cumsum(_lengths(rows["species_at_sites"]))])
    positions = _numbers(rows["cartesian_site_positions"]).reshape(-1, 3)
    frac_coords = fractional(positions, lattice, np.repeat(np.arange(len(lattice)), np.diff(offsets)))
    numbers = _atomic_numbers(rows["species_at_sites"].flatten())
    crystals = CrystalSet(lattice, frac_coords, numbers, offsets, ids, _splits(path, rows))
    result = _with_symbols(filter_crystals(crystals, str(path), max_side, closest), rows, ids)
    notes = [Note(str(id), ISOTOPES_TOLD) for id in ids[_with(rows, ISOTOPES)]] if len(ids) else []
    kept = set(result.crystals.ids) if notes else set()
    notes = [note for note in notes if note.id in kept]
    return result._replace(skipped=malformed + result.skipped, notes=(*notes, *result.notes))


def _with_symbols(result: ReadResult, rows: pa.RecordBatch, ids: np.ndarray) -> ReadResult:
    """Return the result with the symbol of each species that is no element in the detail of its reason."""
    without_element = any(entry.reason == NO_ELEMENT for entry in result.skipped)
    row_of = {str(id): i for i, id in enumerate(ids)} if without_element else {}
    skipped = []
    for entry in result.skipped:
        if entry.reason == NO_ELEMENT:
            symbols = rows["species_at_sites"][row_of[entry.id]].as_py()
            entry = entry._replace(detail=repr(next(symbol for symbol in symbols if element(symbol or "") is None)))
        skipped.append(entry)
    return result._replace(skipped=skipped)


def _with(rows: pa.RecordBatch, symbols: tuple[str, ...]) -> np.ndarray:
    """Return [rows] bool, whether any of the symbols is among the species of a row."""
    found = np.asarray(pc.is_in(rows["species_at_sites"].flatten(), pa.array(symbols)))
    row = np.repeat(np.arange(len(rows)), _lengths(rows["species_at_sites"]))
    counts: np.ndarray = np.bincount(row[found], minlength=len(rows))
    return counts > 0


def _stated_faults(rows: pa.RecordBatch) -> np.ndarray:
    """Return [rows] str: why a row is no crystal by what it says of itself, or nothing."""
    faults = np.full(len(rows), "", dtype=object)
    for i, features in enumerate(_values(rows, "structure_features")):
        if set(features or ()) & {"disorder", "assemblies"}:
            faults[i] = "disordered"
    for i, dimensions in enumerate(_values(rows, "nperiodic_dimensions")):
        if dimensions not in (3, None):
            faults[i] = NOT_PERIODIC
    for i, directions in enumerate(_values(rows, "dimension_types")):
        if directions is not None and not all(directions):
            faults[i] = NOT_PERIODIC
    for i, (count, listed) in enumerate(zip(_values(rows, "nsites"), _lengths(rows["species_at_sites"]), strict=False)):
        if count not in (None, listed):
            faults[i] = OTHER_NSITES
    return faults


def _values(rows: pa.RecordBatch, name: str) -> list[Any]:
    return rows[name].to_pylist() if name in rows.schema.names else []


def _lengths(lists: pa.Array) -> np.ndarray:
    return np.asarray(pc.fill_null(pc.list_value_length(lists), 0), dtype=np.int64)


def _vectors_of_three(rows: pa.RecordBatch, name: str) -> np.ndarray:
    """Return [rows] bool, whether each vector of the row has three components."""
    row = np.repeat(np.arange(len(rows)), _lengths(rows[name]))
    wrong = np.bincount(row[_lengths(rows[name].flatten()) != 3], minlength=len(rows))
    return np.equal(wrong, 0)


def _numbers(lists: pa.Array) -> np.ndarray:
    return np.asarray(lists.flatten().flatten(), dtype=np.float64)


def _atomic_numbers(symbols: pa.Array) -> np.ndarray:
    """Return the atomic numbers of chemical symbols, 0 for one that is null or no element of Z 1 to 94."""
    encoded = symbols if pa.types.is_dictionary(symbols.type) else pc.dictionary_encode(symbols)
    numbers = [element(symbol or "") or 0 for symbol in encoded.dictionary.to_pylist()]
    indices = np.asarray(pc.fill_null(encoded.indices, len(numbers)))
    return np.take(np.array([*numbers, 0], dtype=np.uint8), indices)


def _texts(rows: pa.RecordBatch, name: str) -> list[str | None] | None:
    return rows[name].cast(pa.string()).to_pylist() if name in rows.schema.names else None


def _splits(path: Path, rows: pa.RecordBatch) -> np.ndarray:
    names = np.array([name or "" for name in _texts(rows, "split") or [""] * len(rows)], dtype=object)
    unknown = set(names) - {*SPLITS, ""}
    if unknown:
        raise InputError(f"{path}: column split: wanted one of {', '.join(SPLITS)}, got {sorted(unknown)[0]!r}")
    return names.astype("<U5")


def write_parquet(path: Path | str, crystals: CrystalSet) -> None:
    """Write crystals to a file, completely or not at all."""
    write_table(path, table_of(crystals))


def table_of(
    crystals: CrystalSet, columns: Mapping[str, pa.Array] | None = None, metadata: Mapping[str, str] | None = None
) -> pa.Table:
    """Return crystals as a table, in float64, which rounds no position; `columns` are further ones, a row per crystal.

    metadata: text about the file, such as source and licence.
    """
    positions = np.einsum("ni,nij->nj", crystals.frac_coords, crystals.lattice[crystals.crystal_of_atom])
    symbols = pa.array(np.array(["", *SYMBOLS], dtype=object)[crystals.numbers])
    table = pa.table({
        "immutable_id": pa.array(crystals.ids, pa.string()),
        "split": pa.array(crystals.splits.tolist(), pa.string()).dictionary_encode(),
        "nsites": np.diff(crystals.offsets).astype(np.int32),
        "lattice_vectors": _lists(_lists(crystals.lattice.ravel(), 3), 3),
        "cartesian_site_positions": _lists(_lists(positions.ravel(), 3), crystals.offsets),
        "species_at_sites": _lists(symbols, crystals.offsets),
        **(columns or {}),
    })  # fmt: skip
    return table.replace_schema_metadata(dict(metadata)) if metadata else table


def metadata_of(path: Path | str) -> dict[str, str]:
    """Return the text about a file that `table_of` was given."""
    return {key.decode(): text.decode() for key, text in (pq.read_schema(path).metadata or {}).items()}


def write_table(path: Path | str, table: pa.Table) -> None:
    """Write a table of crystals to a file, completely or not at all."""
    with written_whole(path) as temporary:
        pq.write_table(table, temporary, compression="zstd", write_page_checksum=True)


def _lists(values: np.ndarray | pa.Array, offsets: np.ndarray | int) -> pa.ListArray:
    """Return lists of `values`, all of one length or between offsets."""
    if isinstance(offsets, int):
        offsets = np.arange(0, len(values) + 1, offsets)
    return pa.ListArray.from_arrays(pa.array(offsets.astype(np.int32)), values)
