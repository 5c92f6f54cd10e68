"""Write python/crystalgrid/geometry/letter_changes.csv, the letters of equivalent descriptions in each space group.

Run by hand, `python scripts/write_letter_changes.py`, if `geometry/normaliser.py` or the Wyckoff positions change.
"""

import csv

from crystalgrid.files import written_whole
from crystalgrid.geometry.letter_changes import FILE
from crystalgrid.geometry.normaliser import normaliser
from crystalgrid.geometry.wyckoff import LETTERS


def main() -> None:
    """Write the file anew: a row for each different change, that which changes nothing first."""
    with written_whole(FILE) as temporary, temporary.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("space_group", "letters"))
        for number in range(1, 231):
            changes = {"".join(LETTERS[letter] for letter in change.letters) for change in normaliser(number)}
            writer.writerows(
                (number, letters) for letters in sorted(changes, key=lambda text: [*map(LETTERS.index, text)])
            )
    print(f"{FILE}: {sum(1 for _ in FILE.open()) - 1} changes")


if __name__ == "__main__":
    main()
