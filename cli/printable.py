"""Make text that a model or a program wrote safe to print: it may hold anything, also terminal commands."""

from __future__ import annotations

import unicodedata

_KEPT = "\n\t"
_HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
"""Unicode categories that move the cursor, reorder or hide text, or cannot be encoded."""


def printable(text: str) -> str:
    """Return the text with everything that a terminal would obey or hide spelled out as an escape."""
    return "".join(c if c in _KEPT or unicodedata.category(c) not in _HIDDEN else _escaped(c) for c in text)


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
