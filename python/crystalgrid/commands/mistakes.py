"""The mistakes on a command line in one line, from the boxes that tyro prints, which it gives in no other form."""

from __future__ import annotations

import re

DRAWING = re.compile(r"[\u2500-\u257f]|-{3,}")
"""The characters that boxes are drawn with: Unicode's block of them, or dashes on a terminal without Unicode."""
NOT_SHOWN = ("For full helptext", "Argument helptext")
KINDS = {"INT": "a whole number", "FLOAT": "a number"}
"""Our words for what tyro calls the type of a value."""


def mistakes(box: str) -> str:
    """Return the mistakes that a box lists, as one line."""
    title, *lines = [DRAWING.sub(" ", line).rstrip() for line in box.splitlines()] or [""]
    paragraphs: list[list[str]] = [[]]
    for line in lines:
        if line.strip():
            paragraphs[-1].append(line)
        else:
            paragraphs.append([])
    paragraphs = list(filter(None, paragraphs))
    if wrong := _wrong_value(paragraphs):
        return wrong
    shown = [_in_one_line(paragraph) for paragraph in paragraphs if not paragraph[0].strip().startswith(NOT_SHOWN)]
    return "; ".join(shown) or title.strip()


def _in_one_line(paragraph: list[str]) -> str:
    first, *rest = (" ".join(line.split()) for line in paragraph)
    if first.startswith("Missing from "):
        return _missing(paragraph[1:])
    if first.startswith("Perhaps you meant"):
        return f"perhaps you meant {rest[0]}"
    text = re.sub("'None', |, 'None'", "", " ".join([first, *rest]).rstrip("."))  # an option left out is no choice
    return re.sub(r"Missing value for argument '(.*)'\. Expected \d+ values?", r"\1: wanted a value, got none", text)


def _missing(lines: list[str]) -> str:
    """Return in words which arguments are missing, from lines with each one's names and, further in, its help."""
    indent = min(len(line) - len(line.lstrip()) for line in lines)
    arguments: list[list[str]] = []
    for line in lines:
        if line[indent] != " ":
            arguments.append([])
        arguments[-1].append(line.strip())
    missing = []
    for names, *description in arguments:
        text = " ".join(description).replace("(required)", "").strip().rstrip(".")
        missing.append(f"{names} ({text})" if text else names)
    return f"wanted {' and '.join(missing)}"


def _wrong_value(paragraphs: list[list[str]]) -> str:
    """Return in words what a value should have been, or nothing if a box is about something else than a number."""
    first = " ".join(" ".join(paragraphs[0]).split()) if paragraphs else ""
    match = re.match(r"Error parsing (\S+): (.*)", first)
    helptext = next((paragraph for paragraph in paragraphs if paragraph[0].strip() == "Argument helptext:"), None)
    if match is None or helptext is None:
        return ""
    kinds = re.findall("|".join(KINDS), helptext[1])
    if not kinds and "string to float" in match[2]:  # an argument with a name of its own in place of its type
        kinds = ["FLOAT"]
    values = re.search(r"\['(.*?)'\]|'([^']*)'$", match[2])
    if not kinds or values is None:
        return ""
    got = " ".join((values[1] or values[2] or "").split("', '"))
    is_list = "..." in helptext[1]  # of any length
    kind = KINDS[kinds[0]] if len(kinds) == 1 or is_list else f"{len(kinds)} numbers"
    return f"{match[1]}: wanted {kind}, got {got!r}"
