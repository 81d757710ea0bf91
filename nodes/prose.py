"""Whether a text is about data rather than data."""

from __future__ import annotations

import re

_WORDS = re.compile(r"\b[A-Za-z]{3,}\b")
_FORMAT_WORDS = re.compile(
    r"\b(?:lines?|contains?|integers?|numbers?|strings?|arrays?|prints?|output|input|separated|given|denoting)\b",
    re.IGNORECASE,
)


def is_prose(text: str) -> bool:
    """Whether a text is about the data rather than data: most of its lines are sentences."""
    lines = [line for line in text.splitlines() if line.strip()]
    return 2 * sum(map(_is_sentence, lines)) > len(lines)


def _is_sentence(line: str) -> bool:
    ends = line.rstrip().endswith((".", ":", ";", ",", "。", "："))
    words, formats = len(_WORDS.findall(line)), len(_FORMAT_WORDS.findall(line))
    if words > 3 and (ends or formats > 1):
        return True
    return words > 1 and formats > 0 and (ends or "`" in line or "$" in line)
