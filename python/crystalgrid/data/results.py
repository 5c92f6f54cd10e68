"""The result of reading: the crystals that are kept, and the reason for each that is left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from .crystalset import CrystalSet

NO_CRYSTALS = "no crystals in it"
UNREADABLE = "cannot be read"


class Skipped(NamedTuple):
    """A crystal, or a whole file, that was left out."""

    file: str
    id: str
    """The crystal's id; empty if the file is left out as a whole."""
    reason: str
    detail: str = ""

    def __str__(self) -> str:
        """Return one line; the id is part of it unless the file's name says it already."""
        shown_id = "" if f"/{self.id}." in f"/{self.file}." else self.id
        return " ".join(": ".join(filter(None, (self.file, shown_id, self.reason, self.detail))).split())


class ReadResult(NamedTuple):
    """The crystals that were read and kept, and those that were left out."""

    crystals: CrystalSet
    skipped: list[Skipped]

    @classmethod
    def nothing(cls, skipped: Skipped) -> ReadResult:
        """Return the result of reading something from which no crystal came."""
        return cls(CrystalSet.from_crystals([]), [skipped])

    @classmethod
    def concatenate(cls, results: Iterable[ReadResult]) -> ReadResult:
        """Return all crystals and all reasons, one result after another."""
        listed = list(results)
        crystals = CrystalSet.concatenate(result.crystals for result in listed)
        return cls(crystals, [skipped for result in listed for skipped in result.skipped])


def summary(kept: int, skipped: list[Skipped]) -> str:
    """Return one line: how many crystals were kept, and how many were left out for which reason."""
    line = f"kept {kept:,} of {kept + len(skipped):,} crystals"
    if not skipped:
        return line
    counts = Counter(crystal.reason for crystal in skipped).most_common()
    return f"{line} (left out: {', '.join(f'{count:,} {reason}' for reason, count in counts)})"


def nothing_kept(name: str, skipped: list[Skipped]) -> str:
    """Return the one-line message of the error that no crystal of `name` was kept."""
    if len(skipped) == 1:
        return str(skipped[0])
    return f"{name}: {summary(0, skipped)}, the first: {skipped[0]}"
