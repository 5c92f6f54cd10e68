"""Conditions on crystals that are drawn, as lists of numbers by name, which TorchScript can pass on."""

import torch
from torch import Tensor


def listed(conditions: dict[str, list[float]], name: str) -> list[int]:
    """Return the whole numbers of a condition; none if it is not there."""
    found: list[int] = []
    if name in conditions:
        for value in conditions[name]:
            found.append(int(value))
    return found


def interval(conditions: dict[str, list[float]], name: str, least: float, most: float) -> tuple[float, float]:
    """Return the least and the most value that a condition allows, within the given ones."""
    if name not in conditions:
        return least, most
    values = conditions[name]
    return max(least, values[0]), min(most, values[1])


def without(conditions: dict[str, list[float]], name: str) -> dict[str, list[float]]:
    """Return the conditions but for one."""
    others: dict[str, list[float]] = {}
    for other, values in conditions.items():
        if other != name:
            others[other] = values
    return others


def formula_counts(conditions: dict[str, list[float]]) -> tuple[list[int], list[int]]:
    """Return the elements of the formula that is asked for, and their numbers in one formula unit; empty if none."""
    values = listed(conditions, "formula")
    return values[0::2], values[1::2]


def possible_elements(conditions: dict[str, list[float]], seen: Tensor) -> Tensor:
    """Return which elements may occur, [94 + 1] bool, of those that the training crystals hold, `seen`."""
    allowed = seen.clone()
    for name in ("elements", "among"):
        if name in conditions:
            given = torch.zeros_like(allowed)
            given[torch.tensor(listed(conditions, name))] = True
            allowed = allowed & given
    if "without" in conditions:
        allowed[torch.tensor(listed(conditions, "without"))] = False
    if "largest_z" in conditions:
        allowed[int(conditions["largest_z"][1]) + 1 :] = False
    allowed[0] = False
    return allowed


def possible_groups(conditions: dict[str, list[float]], groups: int) -> Tensor:
    """Return which space groups may occur, [groups + 1] bool."""
    if "space_groups" not in conditions:
        return torch.arange(groups + 1) > 0
    allowed = torch.zeros(groups + 1, dtype=torch.bool)
    allowed[torch.tensor(listed(conditions, "space_groups"))] = True
    return allowed


def element_numbers(conditions: dict[str, list[float]], most: int) -> tuple[int, int]:
    """Return the least and the most different elements of a crystal."""
    least, largest = interval(conditions, "n_elements", 1.0, float(most))
    if "elements" in conditions:
        count = float(len(conditions["elements"]))
        least, largest = max(least, count), min(largest, count)
    return int(least), int(largest)


def permutations(count: int) -> Tensor:
    """Return all orders of 0, 1, …, count - 1, [count!, count]."""
    orders = torch.zeros(1, 0, dtype=torch.int64)
    for following in range(count):
        parts: list[Tensor] = []
        for at in range(following + 1):
            new = torch.full([len(orders), 1], following)
            parts.append(torch.cat((orders[:, :at], new, orders[:, at:]), 1))
        orders = torch.cat(parts)
    return orders
