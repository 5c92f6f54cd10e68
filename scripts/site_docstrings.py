"""The extension of griffe that makes a Markdown list of the arguments in our docstrings.

A docstring is plain text, as `help()` shows it. A line that begins with `name: ` describes an argument or a field.
"""

import re

import griffe

FIELD = re.compile(r"^(\w+(?:, \w+)*): ", re.MULTILINE)
BEFORE_FIELDS = re.compile(r"([^\n])\n(- `)")


class Fields(griffe.Extension):
    """Turns each line `name: text` of a docstring into an item of a list."""

    def on_instance(self, *, obj: griffe.Object, **_: object) -> None:
        if obj.docstring is not None:
            listed = FIELD.sub(r"- `\1`: ", obj.docstring.value)
            obj.docstring.value = BEFORE_FIELDS.sub(r"\1\n\n\2", listed)
