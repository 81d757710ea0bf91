"""Thinking marks as text: which pairs exist, and how a finished text is taken apart.

Token-level control (caps, minimums, hand-over) lives in `inference/forcing.py`; this module serves the back ends that
return only a text, where the marks are all that is left to go by.
"""

from __future__ import annotations

import re

_TALK = re.compile("think|thought|reasoning", re.IGNORECASE)

MARKS = (
    ("<think>", "</think>"),
    ("[THINK]", "[/THINK]"),
    ("<seed:think>", "</seed:think>"),
    ("<thought>", "</thought>"),
)
"""Start and end marks of the models we know, the commonest first."""


def marks_in(text: str) -> tuple[str, str] | None:
    """Return the first known pair whose end mark stands in a chat template (or any other text), or None."""
    return next((pair for pair in MARKS if pair[1] in text), None)


def speaks_of_thinking(template: str) -> bool:
    """Whether a chat template treats thinking apart from the answer, by whatever marks."""
    return _TALK.search(template) is not None


def split_thinking(text: str) -> tuple[str, str]:
    """Take a whole reply apart into (thinking, answer), both without marks.

    A reply may lack the start mark, because some chat templates open the block in the prompt; a reply that opens a
    block and never closes it is thinking only.
    """
    for start, end in MARKS:
        head, closed, tail = text.partition(end)
        if closed:
            return head.strip().removeprefix(start).strip(), tail.lstrip("\n")
        if text.lstrip().startswith(start):
            return text.lstrip().removeprefix(start).strip(), ""
    return "", text
