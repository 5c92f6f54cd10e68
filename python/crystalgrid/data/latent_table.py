"""Tables of latent vectors in Parquet, one row a crystal, and arrays of them in NumPy's format.

- immutable_id, formula, space_group (symbol), space_group_number: of the crystal
- z: float [L], null for a crystal that could not be encoded
- reason: why not, null for the others
- and the columns of numbers and text that the crystals' own file had
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ..errors import InputError

ID, Z, REASON = "immutable_id", "z", "reason"


class Latents(NamedTuple):
    """The latent vectors of a file that can be used, with what it says of each."""

    z: np.ndarray
    """[B, L] float32."""
    columns: pa.Table
    """B rows: the other columns, `immutable_id` among them."""
    left_out: list[tuple[str, str]]
    """The ids of the other rows, and why they are left out."""

    @property
    def ids(self) -> list[str]:
        """The ids of the crystals, [B]."""
        ids: list[str] = self.columns[ID].to_pylist()
        return ids

    def column(self, name: str) -> list[object]:
        """Return the values of a column, [B]; None for all where the file has no such column."""
        values: list[object] = self.columns[name].to_pylist() if name in self.columns.column_names else []
        return values or [None] * len(self.z)


def read_latents(path: Path, size: int | None = None) -> Latents:
    """Read latent vectors of `size` numbers, or of as many as the first has, from a .parquet or .npy file.

    Rows without a vector, or with one of another length or that is not finite, are left out with the reason. Raises
    InputError for a file that cannot be read, and if no row has a vector that can be used.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file; wanted .parquet, as crystalgrid-encode writes it, or .npy")
    if path.suffix not in (".parquet", ".npy"):
        raise InputError(f"{path}: wanted latent vectors, a .parquet that crystalgrid-encode writes or a .npy")
    vectors, table = _from_numpy(path) if path.suffix == ".npy" else _from_parquet(path)
    size = size or next((len(vector) for vector in vectors if vector is not None), 0)
    reasons = [_fault(vector, size) for vector in vectors]
    stated = table[REASON].to_pylist() if REASON in table.column_names else [None] * len(vectors)
    ids = table[ID].to_pylist()
    left_out = [(str(id), own or fault) for id, own, fault in zip(ids, stated, reasons, strict=True) if fault]
    usable = [(i, vector) for i, vector in enumerate(vectors) if vector is not None and not reasons[i]]
    if not usable:
        reason = ": ".join(left_out[0]) if left_out else "it has no rows"
        raise InputError(f"{path}: no latent vector that can be used; {reason}")
    rows, kept = zip(*usable, strict=True)
    return Latents(np.stack(kept).astype(np.float32), table.take(rows), left_out)


def _fault(vector: np.ndarray | None, size: int) -> str:
    """Return why a latent vector cannot be used; empty if it can be."""
    if vector is None:
        return "has no latent vector"
    if vector.shape != (size,):
        return f"z: wanted {size} numbers, got {' x '.join(map(str, vector.shape))}"
    return "" if np.isfinite(vector).all() else "z: wanted finite numbers, got NaN or infinite ones"


def _from_numpy(path: Path) -> tuple[list[np.ndarray | None], pa.Table]:
    try:
        array = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise InputError(f"{path}: not what numpy.save writes") from error
    if not isinstance(array, np.ndarray) or array.ndim != 2 or array.dtype.kind != "f":
        found = f"{array.dtype} {list(array.shape)}" if isinstance(array, np.ndarray) else "several arrays"
        raise InputError(f"{path}: wanted floating-point numbers [B, L], got {found}")
    return list(array), pa.table({ID: [str(i) for i in range(len(array))]})


def _from_parquet(path: Path) -> tuple[list[np.ndarray | None], pa.Table]:
    try:
        table = pq.read_table(path)
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{path}: not Parquet; wanted what crystalgrid-encode writes") from error
    kind = table.schema.field(Z).type if Z in table.column_names else None
    if kind is None or not hasattr(kind, "value_type") or not pa.types.is_floating(kind.value_type):
        raise InputError(
            f"{path}: wanted a column z of lists of numbers, as crystalgrid-encode writes it, got "
            f"{'none' if kind is None else kind}"
        )
    vectors = [None if value.values is None else np.asarray(value.values, float) for value in table[Z]]
    table = table.drop_columns([Z])
    if ID not in table.column_names:
        table = table.append_column(ID, pa.array([str(i) for i in range(len(table))]))
    return vectors, table
