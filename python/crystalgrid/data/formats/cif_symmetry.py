"""The symmetry operations of a CIF: those that it lists, else those of its Hall or Hermann-Mauguin symbol, by gemmi."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import gemmi
import numpy as np

LISTED = (
    "_space_group_symop_operation_xyz",
    "_symmetry_equiv_pos_as_xyz",
    "_space_group_symop.operation_xyz",
    "_space_group_symop_magn_operation.xyz",
)
CENTRINGS = "_space_group_symop_magn_centering.xyz"
HALL = ("_space_group_name_hall", "_symmetry_space_group_name_hall")
HERMANN_MAUGUIN = (
    "_space_group_name_h-m_alt",
    "_symmetry_space_group_name_h-m",
    "_space_group_name_h-m_full",
    "_space_group.name_h-m_full",
    "_symmetry_space_group_name_h-m_full",
)
NUMBER = ("_space_group_it_number", "_symmetry_int_tables_number", "_space_group.it_number")
UNSTATED = {"", ".", "?"}
ORIGIN = {"S": ":1", "Z": ":2"}
"""The marks of the first and the second origin choice in symbols of the Inorganic Crystal Structure Database."""


class Unknown(ValueError):
    """The error for a file whose symmetry operations cannot be determined."""


def text(block: Any, names: tuple[str, ...]) -> str:
    """Return the first of these items that the block states, without quotes, or an empty string."""
    for name in names:
        value = block.find_value(name)
        if value is not None and (string := gemmi.cif.as_string(value).strip()) not in UNSTATED:
            return " ".join(string.split())
    return ""


def states_symmetry(block: Any) -> bool:
    """Tell whether the block has operations, a symbol or a number of a space group."""
    return bool(text(block, HALL + HERMANN_MAUGUIN + NUMBER) or any(block.find_values(name) for name in LISTED))


def operations(block: Any, cell: Any) -> tuple[np.ndarray, np.ndarray, bool]:
    """Return the operations of a block: rotations [M, 3, 3], translations [M, 3], and whether the file lists them.

    Listed operations take precedence over a symbol. Raises Unknown if a symbol leaves the setting or the origin open,
    if operations contradict the number of the space group or a second list of them, and if there is neither.
    """
    groups = [_group(listed) for listed in _lists(block)]
    if not groups:
        return *_arrays(_from_symbol(block, cell)), False
    group = groups[0]
    if any(set(other) != set(group) for other in groups[1:]):
        raise Unknown("it lists symmetry operations twice, and not the same ones")
    found = gemmi.find_spacegroup_by_ops(group)
    if found is not None and len(group) > 1:
        _check_against_claims(f"its operations are those of {found.hm}", found, block, cell)
    return *_arrays(group), True


def stated_number(block: Any, cell: Any) -> int | None:
    """Return the number of the space group that a block states; None for none that can be known.

    Raises Unknown if its symbols and its number are of different space groups.
    """
    number, numbers = text(block, NUMBER), {}
    if number.isdecimal() and 1 <= int(number) <= 230:
        numbers[int(number)] = f"number {number}"
    for symbol in _symbols(block):
        if (group := _find(symbol, cell)) is not None:
            numbers.setdefault(group.number, repr(symbol))
    if len(numbers) > 1:
        stated = " and ".join(numbers.values())
        raise Unknown(f"it says {stated}, which are of space groups {' and '.join(map(str, numbers))}")
    return next(iter(numbers), None)


def _lists(block: Any) -> Iterator[list[str]]:
    """Yield each list of operations that a block has, under whatever name."""
    for name in LISTED:
        column = block.find_values(name)
        if column:
            yield _joined([gemmi.cif.as_string(value) for value in column], name, block)


def _joined(values: list[str], name: str, block: Any) -> list[str]:
    """Put together operations that stand without quotes, and so in three values; add a magnetic CIF's centrings."""
    found: list[str] = []
    for value in values:
        if found and found[-1].endswith(","):
            found[-1] += value
        else:
            found.append(value)
    if not name.endswith("magn_operation.xyz"):
        return found
    centrings = [_without_time(gemmi.cif.as_string(value)) for value in block.find_values(CENTRINGS)] or ["x,y,z"]
    return [(_op(centring) * _op(_without_time(value))).triplet() for centring in centrings for value in found]


def _without_time(operation: str) -> str:
    """Leave off the time reversal, the fourth part of a magnetic operation."""
    return ",".join(operation.split(",")[:3])


def _op(operation: str) -> gemmi.Op:
    try:
        return gemmi.Op(operation.replace(" ", ""))
    except (RuntimeError, ValueError):
        raise Unknown(f"a symmetry operation that is none: {operation!r}, wanted one such as 'x, y+1/2, -z'") from None


def _group(listed: list[str]) -> gemmi.GroupOps:
    """Return the group that the operations make up; those that a file leaves out follow from the others."""
    given = {op.wrap() for op in map(_op, listed)}
    group = gemmi.GroupOps(sorted(given, key=lambda op: op.triplet()))
    if len(given) > 1 and len(group) != len(given):
        group.add_missing_elements()
    return group


def _check_against_claims(source: str, found: gemmi.SpaceGroup, block: Any, cell: Any) -> None:
    """Raise Unknown if a space group is another one than the file says, in whatever setting."""
    number = stated_number(block, cell)
    if number not in (None, found.number):
        symbol = text(block, HERMANN_MAUGUIN)
        stated = repr(symbol) if symbol and _find(symbol, cell) is not None else number
        raise Unknown(f"{source}, space group {found.number}, it says {stated}")


def _from_symbol(block: Any, cell: Any) -> gemmi.GroupOps:
    """Return the operations of the symbols, which must leave nothing open."""
    if hall := text(block, HALL):
        try:
            group = gemmi.symops_from_hall(hall)
        except (RuntimeError, ValueError):
            pass  # many files say here what is no Hall symbol; the other symbol may do
        else:
            _check_hall(hall, group, block, cell)
            return group
    symbol, number = text(block, HERMANN_MAUGUIN), text(block, NUMBER)
    if not symbol:
        return _from_number(number)
    found = _find(symbol, cell)
    if found is None:
        raise Unknown(f"its symmetry {symbol!r} is not known; wanted the symmetry operations in it")
    stated_number(block, cell)
    if _leaves_origin_open(found, symbol):
        raise Unknown(f"its symmetry {symbol!r} has two origins; wanted the symmetry operations in it")
    return found.operations()


def _check_hall(hall: str, group: gemmi.GroupOps, block: Any, cell: Any) -> None:
    """Raise Unknown if the other symbols are of another space group than the Hall symbol, or of another setting."""
    found = gemmi.find_spacegroup_by_ops(group)
    if found is not None:
        _check_against_claims(f"its Hall symbol {hall!r} is that of {found.hm}", found, block, cell)
    for symbol in _symbols(block):
        named = _find(symbol, cell)
        if named is None or _leaves_origin_open(named, symbol):
            continue
        if {op.triplet() for op in named.operations()} != {op.triplet() for op in group}:
            raise Unknown(f"its Hall symbol {hall!r} and its symbol {symbol!r} are of different settings")


def _symbols(block: Any) -> list[str]:
    """Return the Hermann-Mauguin symbols that a block states, each once."""
    return list(dict.fromkeys(symbol for name in HERMANN_MAUGUIN if (symbol := text(block, (name,)))))


def _leaves_origin_open(group: gemmi.SpaceGroup, symbol: str) -> bool:
    """Return whether a space group has two origins and its symbol does not say which is meant."""
    return group.ext in ("1", "2") and not re.search(r"(:\s*[12]|\s[SZ])$", symbol)


def _find(symbol: str, cell: Any) -> gemmi.SpaceGroup | None:
    plain = re.sub(r"\((\d)\)|_(\d)", r"\1\2", symbol).replace("*", "")
    plain = re.sub(r"\s*\{.*\}", "", plain)  # a remark, such as on axes, which the cell's angles tell as well
    if match := re.fullmatch(r"(.*\S)\s+([SZ])", plain):
        plain = match[1] + ORIGIN[match[2]]
    plain = re.sub(r"\s*:\s*", ":", plain)
    found = gemmi.find_spacegroup_by_name(plain, cell.alpha, cell.gamma)
    if found is None and ":" in plain:  # an origin marked where there is only one
        found = gemmi.find_spacegroup_by_name(plain.partition(":")[0], cell.alpha, cell.gamma)
    return found


def _from_number(number: str) -> gemmi.GroupOps:
    """Return the operations of a space group of which only the number is known, if it has one setting alone."""
    if number in ("", "1"):
        return gemmi.symops_from_hall("P 1")
    settings = {group.hall for group in gemmi.spacegroup_table() if str(group.number) == number}
    if len(settings) != 1:
        raise Unknown(f"of its symmetry it says the number {number} alone; wanted the symmetry operations in it")
    return gemmi.symops_from_hall(settings.pop())


def _arrays(group: gemmi.GroupOps) -> tuple[np.ndarray, np.ndarray]:
    ops = list(group)
    rotations = np.array([op.rot for op in ops], dtype=np.float64) / gemmi.Op.DEN
    return rotations, np.array([op.tran for op in ops], dtype=np.float64) / gemmi.Op.DEN
