"""The page of crystals, one file of HTML that needs no network: what `crystalgrid report` writes."""

from __future__ import annotations

import html
import json
from pathlib import Path
from string import Template
from typing import Any

from ... import __version__
from ...errors import InputError
from ...files import check_output, replaced_note, written_whole
from ...pool import Workers
from ...worth.check import read_set
from ...worth.references import load_hull
from .columns import IN_TABLE
from .content import content
from .known import distributions
from .notices import counts_of, notices, summary_of
from .parts import MARKS, filters, steps_list
from .source import Reported, reported

HERE = Path(__file__).parent
SCRIPTS = ("crystal.js", "table.js", "charts.js", "phases.js", "page.js")
"""The scripts of the page in the order in which they need each other."""
ENDINGS = (".html", ".htm")


def write_report(source: Path, out: Path, against: Path | None, hull: str | None, workers: Workers) -> None:
    """Write the page of the best crystals of a file or folder, and print what it holds.

    against: known crystals, beside whose distributions those of the page are drawn. hull: the name or file of reference
    energies by the method that the crystals' energies are from; by default the one that relaxing took.
    """
    if out.suffix.lower() not in ENDINGS:
        raise InputError(f"{out}: wanted a name that ends in one of {', '.join(ENDINGS)}")
    check_output(out)
    if hull is not None:
        load_hull(hull)  # a wrong name is told before the work begins
    known_crystals = None if against is None else read_set(against)
    found, data = content(reported(source, known_crystals, workers), hull, workers)
    data["known"] = None if known_crystals is None or against is None else distributions(known_crystals, against)
    text = page(source, found, data)
    replaced = replaced_note(out)
    with written_whole(out) as temporary:
        temporary.write_text(text, encoding="utf-8")
    print(f"{out}: {len(found.crystals):,} of {found.total:,} crystals, {out.stat().st_size / 1e6:.1f} MB{replaced}")


def page(source: Path, found: Reported, data: dict[str, Any]) -> str:
    """Return the text of the page of a source's crystals. data: what its scripts show."""
    columns = data["columns"]
    table = [name for name in IN_TABLE if name in columns]
    text = json.dumps({**data, "table": table}, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return Template((HERE / "page.html").read_text("utf-8")).substitute(
        title=html.escape(source.absolute().name),
        summary=html.escape(summary_of(found)),
        notices="\n".join(f'<p class="notice">{html.escape(notice)}</p>' for notice in notices(found, source)),
        filters=filters(columns),
        marks=MARKS if "energy_above_hull" in columns else "",
        distributions=html.escape(_distributions(data["known"])),
        counts="\n".join(f"<p>{html.escape(line)}</p>" for line in counts_of(found)),
        steps=steps_list(found.steps),
        version=html.escape(__version__),
        style=(HERE / "page.css").read_text("utf-8"),
        script="\n".join((HERE / name).read_text("utf-8") for name in SCRIPTS),
        data=text.replace("<", "\\u003c"),  # so that no text of a crystal can end the script it stands in
    )


def _distributions(known: dict[str, Any] | None) -> str:
    text = "Of the crystals that the table shows. The triangle is at the chosen one."
    if known is None:
        return f"{text} With --against FILE, those of known crystals are drawn beside them."
    chosen = "" if known["count"] == known["total"] else f" ({known['count']:,} of them, chosen at random)"
    return (
        f"Bars: the crystals that the table shows. Black lines and diamonds: the {known['total']:,} crystals of "
        f"{known['name']}{chosen}. The triangle is at the chosen crystal."
    )
