"""Where an answer is complete, and where it only repeats itself: no token is worth writing behind either.

Real models go on after the program that was asked for, with an explanation that nobody reads, and small ones at times
repeat a line until their limit. Both are looked for while the text grows, at a cost that does not grow with it.

Limits: a fence inside a string of a program ends its block, as it does for whoever parses the reply. A repetition is
seen when it is word for word; one that counts upwards is not.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from inference.base import Finish

_FENCE = re.compile(r"[ \t]*(`{3,}|~{3,})[^`]*$")
_GRAM = 12
"""Tokens that must recur before a repetition is followed; shorter ones recur in every program."""
_LEAST_REPEATED = 240
"""Tokens that must repeat what stands before them: longer than the tables that programs hold."""
_LEAST_COPIES = 3


@dataclass(slots=True)
class _Open:
    """A fenced block that is not closed yet."""

    fence: str
    body: int
    """Where its first line begins."""


class FinishLine:
    """Looks for the end of one answer, line by line."""

    def __init__(self, finish: Finish) -> None:
        """Start before the first character."""
        self._block, self._item, self._most = _compiled(finish.block), _compiled(finish.item), finish.items
        self._line = 0
        """Where the line begins that is not whole yet."""
        self._open: _Open | None = None
        self._items = 0

    def reached(self, text: str) -> int | None:
        """Return how much of a text is the answer once it is complete, else None; `text` may only grow."""
        while (end := text.find("\n", self._line)) >= 0:
            if (cut := self._complete(text, end)) is not None:
                return cut
            self._pass(text, end)
        return self._complete(text, len(text))

    def _complete(self, text: str, end: int) -> int | None:
        """Return where to cut when the line up to `end` completes the answer."""
        if self._closes(text, end) and self._open and self._block and self._block.search(text, self._open.body, end):
            return end
        begins = self._most and self._items == self._most and self._item and self._item.match(text, self._line, end)
        return self._line if begins else None

    def _closes(self, text: str, end: int) -> bool:
        fence = text[self._line : end].strip()
        return self._open is not None and fence.startswith(self._open.fence) and not fence.strip(fence[0])

    def _pass(self, text: str, end: int) -> None:
        """Take in a whole line that did not complete the answer."""
        fence = _FENCE.match(text, self._line, end)
        if self._closes(text, end):
            self._open = None
        elif fence and self._open is None:
            self._open = _Open(fence=fence[1], body=end + 1)
        if self._item and self._item.match(text, self._line, end):
            self._items += 1
        self._line = end + 1


@cache
def _compiled(pattern: str) -> re.Pattern[str] | None:
    return re.compile(pattern, re.MULTILINE) if pattern else None


class LoopWatch:
    """Sees when the tokens of a text have begun to repeat themselves; a few operations a token."""

    def __init__(self) -> None:
        """Start before the first token."""
        self._tokens: list[int] = []
        self._last: dict[tuple[int, ...], int] = {}
        """Where each sequence of `_GRAM` tokens ended last."""
        self._period = self._repeated = 0

    def add(self, token: int) -> bool:
        """Take the next token; return whether the text has only repeated itself for long."""
        tokens = self._tokens
        tokens.append(token)
        end = len(tokens)
        gram = tuple(tokens[-_GRAM:])
        if self._period and tokens[-1 - self._period] == token:
            self._repeated += 1
        else:
            self._period = end - self._last.get(gram, end)
            self._repeated = 0
        self._last[gram] = end
        return self._period > 0 and self._repeated >= max(_LEAST_REPEATED, (_LEAST_COPIES - 1) * self._period)
