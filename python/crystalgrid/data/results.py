"""The result of reading: the crystals that are kept, and the reason for each that is left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice
from typing import NamedTuple

import numpy as np

from .crystalset import CrystalSet

NO_CRYSTALS = "no crystals in it"
UNREADABLE = "cannot be read"
UNKNOWN_FORMAT = "not of a format that is read"
SAME_ID = "the id was that of an earlier crystal, and got a number such as #2"
PART = 1000
"""The number of results that are put together at a time."""
EXAMPLES = 3
"""The number of crystals for each reason that are named on a terminal; a report names all."""


class Skipped(NamedTuple):
    """A crystal, or a whole file, that was left out."""

    file: str
    id: str
    """The crystal's id; empty if the file is left out as a whole."""
    reason: str
    detail: str = ""

    def __str__(self) -> str:
        """Return one line, with the id, or the crystal's number in the file, unless the file's name says it already."""
        name, colon, number = self.id.rpartition(":")
        if f"/{self.id}." in f"/{self.file}.":
            shown_id = ""
        elif colon and f"/{name}." in f"/{self.file}.":
            shown_id = f"crystal {number}"
        else:
            shown_id = self.id
        return " ".join(": ".join(filter(None, (self.file, shown_id, self.reason, self.detail))).split())


class Note(NamedTuple):
    """A remark on a crystal that was kept, such as that its cell was reduced."""

    id: str
    text: str


class ReadResult(NamedTuple):
    """The crystals that were read and kept, and those that were left out."""

    crystals: CrystalSet
    skipped: list[Skipped]
    notes: tuple[Note, ...] = ()
    files: tuple[str, ...] = ()
    """The file of each crystal that was kept."""

    @property
    def ids_as_read(self) -> list[str]:
        """The ids of the crystals as their files have them, without the numbers that `with_distinct_ids` gave."""
        numbered = {note.id for note in self.notes if note.text == SAME_ID}
        return [id.rpartition("#")[0] if id in numbered else id for id in map(str, self.crystals.ids)]

    @classmethod
    def nothing(cls, skipped: Skipped) -> ReadResult:
        """Return the result of reading something from which no crystal came."""
        return cls(CrystalSet.from_crystals([]), [skipped])

    @classmethod
    def concatenate(cls, results: Iterable[ReadResult]) -> ReadResult:
        """Return all crystals and all reasons, one result after another.

        Results of a few crystals each are put together as they come: their arrays are larger than what is in them.
        """
        rest = iter(results)
        listed: list[ReadResult] = []
        while part := list(islice(rest, PART)):
            listed.append(cls._concatenate(part))
        return cls._concatenate(listed)

    @classmethod
    def _concatenate(cls, listed: list[ReadResult]) -> ReadResult:
        crystals = CrystalSet.concatenate(result.crystals for result in listed)
        skipped = [skipped for result in listed for skipped in result.skipped]
        notes = tuple(note for result in listed for note in result.notes)
        return cls(crystals, skipped, notes, tuple(file for result in listed for file in result.files))

    def summary(self) -> str:
        """Return one line: how many crystals were kept, what is told of them, and how many were left out and why."""
        return summary(len(self.crystals), self.skipped, self.notes)


def with_distinct_ids(results: Iterable[ReadResult]) -> Iterator[ReadResult]:
    """Yield the results with ids that no two crystals share: the second `a` becomes `a#2`, which is noted."""
    taken: set[str] = set()
    numbers: Counter[str] = Counter()
    for result in results:
        ids = [str(id) for id in result.crystals.ids]
        if len(set(ids)) == len(ids) and taken.isdisjoint(ids):
            taken.update(ids)
            yield result
            continue
        distinct = [_distinct_id(id, taken, numbers) for id in ids]
        renamed = [(old, new) for old, new in zip(ids, distinct, strict=True) if new != old]
        names = dict(renamed)
        notes = [note._replace(id=names.get(note.id, note.id)) for note in result.notes]
        notes += [Note(new, SAME_ID) for _, new in renamed]
        crystals = replace(result.crystals, ids=np.array(distinct, dtype=object))
        yield result._replace(crystals=crystals, notes=tuple(notes))


def _distinct_id(id: str, taken: set[str], numbers: Counter[str]) -> str:
    """Return an id that is not taken, and take it: `id` itself, or with the next of its numbers behind it."""
    name = id
    while name in taken:
        numbers[id] += 1
        name = f"{id}#{numbers[id] + 1}"
    taken.add(name)
    return name


def summary(kept: int, skipped: list[Skipped], notes: Iterable[Note] = ()) -> str:
    """Return one line: how many crystals were kept, what is told of them, and how many were left out and why."""
    line = f"kept {kept:,} of {kept + len(skipped):,} crystals"
    counted_notes = Counter(note.text for note in notes).most_common()
    line += "".join(f"; in {count:,} of them {text}" for text, count in counted_notes)
    if not skipped:
        return line
    counts = Counter(crystal.reason for crystal in skipped).most_common()
    return f"{line} (left out: {', '.join(f'{count:,} {reason}' for reason, count in counts)})"


def grouped(skipped: list[Skipped]) -> Iterator[str]:
    """Yield a line for each reason, those of files that cannot be read first and those of other files last."""
    groups: dict[str, list[Skipped]] = {}
    for crystal in skipped:
        groups.setdefault(crystal.reason, []).append(crystal)
    order = {UNREADABLE: -1, NO_CRYSTALS: -1, UNKNOWN_FORMAT: 1}
    for reason in sorted(groups, key=lambda reason: (order.get(reason, 0), -len(groups[reason]))):
        crystals = groups[reason]
        examples = [str(crystal._replace(reason="")) for crystal in crystals[:EXAMPLES]]
        more = f"; and {len(crystals) - EXAMPLES:,} more" if len(crystals) > EXAMPLES else ""
        yield f"{len(crystals):,} {reason}: {'; '.join(examples)}{more}"


def nothing_kept(name: str, skipped: list[Skipped]) -> str:
    """Return the one-line message of the error that no crystal of `name` was kept."""
    if len(skipped) == 1:
        return str(skipped[0])
    return f"{name}: {summary(0, skipped)}, the first: {skipped[0]}"
