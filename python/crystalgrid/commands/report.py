"""`crystalgrid report`: one page of HTML that shows crystals."""

from pathlib import Path
from typing import Annotated

import tyro

from .signals import importing


def report(
    source: tyro.conf.Positional[Path],
    out: Annotated[Path, tyro.conf.arg(aliases=["-o"])],
    against: Path | None = None,
    hull: str | None = None,
    workers: int | None = None,
) -> None:
    """Write one page that shows crystals: a table that sorts and filters, turning pictures, distributions.

    The page is a single file that opens without a network, with the best crystals first, at most 1,000, and the CIF of
    each behind a button. It shows the columns that `crystalgrid relax` and `crystalgrid check` wrote. Crystals of
    other files are checked first.

    Args:
        source: folder that `crystalgrid relax` or `crystalgrid check` wrote, or any file or folder of crystals.
        out: HTML file to write; an existing one is replaced.
        against: known crystals such as the training data, a file or a folder, to draw their distributions beside.
        hull: reference energies by the method of the crystals' energies, for phase diagrams: "chgnet", or a file that
            `hull build` wrote; by default those that `relax` took.
        workers: number of processes; by default one for each CPU that may be used.
    """
    with importing():
        from ..pool import chosen_workers
        from ..report.page.page import write_report
    write_report(source, out, against, hull, chosen_workers(workers, None))


COMMAND = report
