"""The latent vectors of the crystals of files, as a Parquet table."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from ...data.columns import columns_beside, name_unlike
from ...data.latent_table import ID, REASON, Z
from ...data.parquet import write_table
from ...data.reader import read_files
from ...data.results import ReadResult, Skipped, grouped, nothing_kept
from ...data.sources import find_files, of_known_format
from ...errors import InputError
from ...files import check_output, replaced_note
from ...generation.encoded_set import EncodedSet, encode_set
from ...generation.open_generator import open_latent
from ...geometry.space_group import symbol_of
from ...pool import Workers


def encode_files(sources: Sequence[Path], out: Path, model: str, workers: Workers) -> None:
    """Encode the crystals of files and folders, write the table, and list on stderr what is left out and why."""
    if out.suffix != ".parquet":
        raise InputError(f"{out}: wanted a name that ends in .parquet")
    check_output(out, sources)
    latent = open_latent(model)
    result = read_sources(sources, workers)
    encoded = encode_set(latent, result.crystals, workers)
    ids = [str(id) for id in result.crystals.ids]
    skipped = [*result.skipped, *(Skipped("", ids[row], reason) for row, reason in encoded.reasons.items())]
    if len(encoded.rows) == 0:
        raise InputError(nothing_kept(str(sources[0]), skipped))
    for line in grouped(skipped):
        print(f"left out: {line}", file=sys.stderr)
    replaced = replaced_note(out)
    write_table(out, latent_table(result, encoded))
    counts = f"{len(encoded.rows):,} latent vectors of {latent.latent_dim} numbers, {len(skipped):,} left out"
    print(f"{out}: {counts}{replaced}")


def read_sources(sources: Sequence[Path], workers: Workers) -> ReadResult:
    """Return the crystals of files and folders, of which folders those of the one file that holds all of them."""
    if not sources:
        raise InputError("sources: wanted files or folders of crystals, got none")
    files = [file for source in sources for file in of_known_format(find_files(source))]
    result = read_files(files, np.inf, workers)
    if len(result.crystals) == 0:
        raise InputError(nothing_kept(str(sources[0]), result.skipped))
    return result


def latent_table(result: ReadResult, encoded: EncodedSet) -> pa.Table:
    """Return the table of all crystals of the sources, those that could not be encoded without a vector."""
    crystals = result.crystals
    z: list[np.ndarray | None] = [None] * len(crystals)
    space_groups: list[int | None] = [None] * len(crystals)
    for row, vector, unit in zip(encoded.rows, encoded.z, encoded.units, strict=True):
        z[row], space_groups[row] = vector, unit.space_group
    ids = [str(id) for id in crystals.ids]
    encodable = {
        ID: pa.array(ids, pa.string()),
        "formula": pa.array([crystal.formula for crystal in crystals], pa.string()),
        "space_group": pa.array([group and symbol_of(group) for group in space_groups], pa.string()),
        "space_group_number": pa.array(space_groups, pa.int16()),
        Z: pa.array(z, pa.list_(pa.float32())),
        REASON: pa.array([encoded.reasons.get(row) for row in range(len(crystals))], pa.string()),
    }
    beside, unlike = columns_beside(result.files, result.ids_as_read)
    name_unlike(unlike)
    read = pa.table(encodable | {name: values for name, values in beside.items() if name not in encodable})
    reasons = [": ".join(filter(None, (entry.reason, entry.detail))) for entry in result.skipped]
    unread = pa.table({
        ID: pa.array([entry.id or entry.file for entry in result.skipped], pa.string()),
        REASON: pa.array(reasons, pa.string()),
    })  # fmt: skip
    return pa.concat_tables([read, unread], promote_options="default")
