"""Conditions on the columns that Parquet files have beside the crystals, such as e_above_hull<0.05."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from ..errors import InputError
from .columns import columns_beside
from .results import ReadResult, Skipped

PATTERN = re.compile(r"\s*(?P<column>[^<>=!]+?)\s*((?P<sign><=|>=|<|>|=)\s*(?P<value>[^<>=]+?)\s*)?")
ORDERS: dict[str, Callable[[Any, Any], Any]] = {
    "=": np.equal, "<": np.less, "<=": np.less_equal, ">": np.greater, ">=": np.greater_equal,
}  # fmt: skip
TRUTH = {"true": True, "false": False}


class Condition(NamedTuple):
    """A condition on one column."""

    text: str
    column: str
    sign: str
    value: str

    @classmethod
    def parse(cls, text: str) -> Condition:
        """Return the condition that `text` states; a column alone is to be true."""
        match = PATTERN.fullmatch(text)
        if match is None:
            raise InputError(f"where: wanted COLUMN, or COLUMN<NUMBER with =, <, <=, > or >=, got {text!r}")
        return cls(text.strip(), match["column"], match["sign"] or "=", match["value"] or "true")

    def holds(self, values: pa.Array) -> np.ndarray:
        """Return [B] bool, whether each of B values fulfils the condition; False for what is missing.

        Raises InputError if the value, or the order of it, has no meaning in a column of this type.
        """
        kind = values.type
        if pa.types.is_boolean(kind):
            if self.sign != "=" or self.value.lower() not in TRUTH:
                raise self._fault("true or false", kind)
            return np.array([value is TRUTH[self.value.lower()] for value in values.to_pylist()], dtype=bool)
        if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
            number = _number(self.value)
            if math.isnan(number):
                raise self._fault("a sign and a number", kind)
            numbers = np.array([np.nan if value is None else float(value) for value in values.to_pylist()])
            return np.asarray(ORDERS[self.sign](numbers, number), dtype=bool)
        if self.sign != "=":
            raise self._fault("= and a text", kind)
        return np.array([value is not None and str(value) == self.value for value in values.to_pylist()], dtype=bool)

    def _fault(self, expected: str, kind: pa.DataType) -> InputError:
        return InputError(f"where: {self.text}: wanted {expected} for {self.column}, a column of type {kind}")


def _number(text: str) -> float:
    """Return the number that a text states, NaN if it states none."""
    try:
        return float(text)
    except ValueError:
        return math.nan


def those_where(result: ReadResult, condition: Condition) -> ReadResult:
    """Return the result without the crystals whose file does not say that they fulfil the condition.

    Raises InputError if no file has the column.
    """
    columns, unlike = columns_beside(result.files, result.ids_as_read)
    if condition.column in unlike:
        raise InputError(f"where: column {condition.column}: no type holds {unlike[condition.column]}; pack them apart")
    if condition.column not in columns:
        names = ", ".join(sorted(columns)) or "none"
        raise InputError(f"where: no file has a column {condition.column!r}; the columns beside crystals are {names}")
    values = columns[condition.column]
    holds, is_null = condition.holds(values), values.is_null().to_numpy(zero_copy_only=False)
    ids, files = result.crystals.ids, np.array(result.files, dtype=object)
    reasons = np.where(is_null, f"no value of {condition.column}", f"not {condition.text}")
    left_out = [
        Skipped(file, str(id), str(reason))
        for file, id, reason in zip(files[~holds], ids[~holds], reasons[~holds], strict=True)
    ]
    kept = set(ids[holds].tolist())
    return ReadResult(
        result.crystals[holds],
        [*result.skipped, *left_out],
        tuple(note for note in result.notes if note.id in kept),
        tuple(files[holds]),
    )
