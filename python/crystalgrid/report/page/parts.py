"""The parts of a page that are the same whoever reads it: its filter, and how the crystals were made."""

from __future__ import annotations

import html
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from ...worth.steps import Step

MARKS = (
    '<b class="mark stable">●</b>on or below the hull <b class="mark metastable">▲</b>at most 0.1 eV/atom above it '
    '<b class="mark unstable">■</b>more <b class="mark doubtful">○</b>doubtful'
)
"""What the marks beside energies mean; they differ in shape, so that colours need not be told apart."""
FORMULA = "A part of the formula or of the name"
ELEMENTS = "Symbols of elements, such as Li O"
GROUP = "Numbers (225), ranges (195-230) or symbols (Fm-3m), separated by commas"
ABOVE = "The highest energy above the hull, eV/atom; crystals without one are left out"
NEW = "The same as no known crystal and no earlier one of these"
CHOICES = '<option value="">any</option><option value="yes">yes</option><option value="no">no</option>'


def filters(columns: Collection[str]) -> str:
    """Return the fields of the filter, of which some need columns."""
    fields = [
        _field("Formula", FORMULA, '<input type="text" name="formula">'),
        _field(
            "Elements", ELEMENTS,
            '<span class="pair"><select name="having" aria-label="How the elements are meant">'
            '<option value="all">has</option><option value="only">has only</option>'
            '<option value="none">has no</option></select>'
            '<input type="text" name="elements" class="short" aria-label="Elements"></span>',
        ),
        _field("Space group", GROUP, '<input type="text" name="group" class="short">'),
    ]  # fmt: skip
    if "energy_above_hull" in columns:
        fields.append(
            _field("Above hull, at most", ABOVE, '<input type="text" name="above" class="short" inputmode="decimal">')
        )
    if "lemat_valid" in columns:
        fields.append(_field("Valid", "LeMat-GenBench's rules", f'<select name="valid">{CHOICES}</select>'))
    if "new" in columns:
        fields.append(_field("New", NEW, f'<select name="fresh">{CHOICES}</select>'))
    if "doubtful" in columns:
        fields.append('<label class="check"><input type="checkbox" name="sure"> No doubtful ones</label>')
    return "\n".join(fields)


def _field(name: str, meaning: str, control: str) -> str:
    return f'<label title="{html.escape(meaning)}">{html.escape(name)}{control}</label>'


def steps_list(steps: Sequence[Step]) -> str:
    """Return the steps by which crystals were made, the first one first."""
    if not steps:
        return (
            "<p>Nothing tells: the crystals were read from files without a record. "
            "<code>crystalgrid sample</code>, <code>check</code> and <code>relax</code> write one.</p>"
        )
    items = []
    for step in steps:
        facts = {**step.get("settings", {}), **_versions(step.get("versions", {}))}
        pairs = "".join(
            f"<dt>{html.escape(name)}</dt><dd>{html.escape(_text(value))}</dd>" for name, value in _flat(facts)
        )
        items.append(f"<li><code>{html.escape(step['command'])}</code><dl>{pairs}</dl></li>")
    return f'<ol class="steps">{"".join(items)}</ol>'


def _versions(versions: Mapping[str, Any]) -> dict[str, str]:
    text = ", ".join(f"{name} {version}" for name, version in versions.items())
    return {"versions": text} if text else {}


def _flat(facts: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Return settings as pairs, those of a table inside by themselves, without the ones that were not given."""
    pairs: list[tuple[str, Any]] = []
    for name, value in facts.items():
        if isinstance(value, Mapping):
            pairs += _flat(value)
        elif value not in (None, False, "", []):
            pairs.append((name.replace("_", " "), value))
    return pairs


def _text(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
