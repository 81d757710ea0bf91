"""Blocks of code in Markdown as models write it: fences of all kinds, left open, nested, tagged, quoted.

A fence ends at one that is at least as long as its own and says nothing, or says something that is no language: text
behind the fence. Where such a fence would cut a Python program inside of a string, a later one that leaves the program
whole is taken. A fence with a language inside of an open block means that the open one was given up.

Time is linear in the text: lines are looked at once, and only so many characters of all blocks are parsed.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

from nodes.parsing.marks import (
    ONE_LINE,
    PLAIN,
    PYTHON,
    TAG,
    Fence,
    closing_tags,
    fence_of,
    is_inside_string,
    unindented,
)
from nodes.parsing.source import NOT_PYTHON, module_of

_MAY_MARK = re.compile(r"```|~~~|^\s*[<\[]")
_MOST_TRIES = 6
"""Fences that are tried as the end of a program that the first of them would cut."""
_MOST_FENCES = 5000
_MOST_PARSED = 120_000
"""Characters that one text may cost the parser."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A piece of a text that is marked as code."""

    language: str
    """In lower case, as far as the mark says it; empty: it does not."""
    body: str
    """Lines with their ends, without the indentation of the fence."""
    closed: bool = True
    """Whether its end is marked."""
    last: bool = False
    """Whether it is open to the end of the text."""
    tagged: bool = False
    """Marked by a tag, which may hold prose as well."""
    before: str = ""
    """The last line of prose above it."""

    @property
    def is_python(self) -> bool:
        """Whether it is called Python."""
        return bool(PYTHON.fullmatch(self.language))

    @property
    def is_plain(self) -> bool:
        """Whether its mark names no language."""
        return self.language in PLAIN


def blocks(text: str) -> list[Block]:
    """Return every block of a text, in order."""
    return parts(text)[0]


def parts(text: str) -> tuple[list[Block], list[list[str]]]:
    """Return every block of a text, in order, and the runs of lines outside of them."""
    reader = _Reader(text.replace("\r\n", "\n").split("\n"))
    return reader.read(), reader.prose


def fenced_blocks(text: str) -> list[tuple[str, str]]:
    """Return (language in lower case, body) of every closed fenced block, in order."""
    return [(block.language, block.body) for block in blocks(text) if block.closed and not block.tagged]


def python_blocks(text: str) -> list[str]:
    """Return the blocks that are called Python, else those without a language; none that are called otherwise."""
    found = [block for block in blocks(text) if block.closed and not block.tagged and block.body.strip()]
    named = [block.body for block in found if block.is_python]
    return named or [block.body for block in found if not block.language]


class _Reader:
    """Goes through the lines once."""

    def __init__(self, lines: list[str]) -> None:
        self._lines = lines
        fences = (fence for i, line in enumerate(lines) if (fence := fence_of(i, line)) is not None)
        self._fences = list(islice(fences, _MOST_FENCES))
        self._parsed = 0
        self._closings = closing_tags(lines)
        self._above = ""
        self.prose: list[list[str]] = [[]]

    def read(self) -> list[Block]:
        """Return the blocks, and keep what stands between them."""
        found: list[Block] = []
        at = number = 0  # the next line, the next fence
        for mark in (i for i, line in enumerate(self._lines) if _MAY_MARK.search(line)):
            if mark < at:
                continue
            self._pass(at, mark)
            while number < len(self._fences) and self._fences[number].line < mark:
                number += 1
            fence = self._fences[number] if number < len(self._fences) else None
            block, at = self._at(mark, number, fence)
            if block is None:
                self._pass(mark, at)
            else:
                found.append(block)
                self.prose.append([])
        self._pass(at, len(self._lines))
        return found

    def _at(self, line: int, number: int, fence: Fence | None) -> tuple[Block | None, int]:
        """Return the block that begins on a line, and the line after it."""
        if fence is not None and fence.line == line:
            return self._fenced(number)
        return self._on_one_line(line) or self._tagged(line, fence) or (None, line + 1)

    def _pass(self, start: int, end: int) -> None:
        """Keep lines as prose."""
        lines = self._lines[start:end]
        self.prose[-1] += lines
        self._above = next((line for line in reversed(lines[-5:]) if line.strip()), self._above)

    def _fenced(self, number: int) -> tuple[Block, int]:
        """Return the block that a fence opens, and the line after it."""
        opened = self._fences[number]
        end, after, closed = self._end_of(number)
        return self._block(opened, end, closed=closed, last=after > len(self._lines)), after

    def _block(self, opened: Fence, end: int, *, closed: bool, last: bool) -> Block:
        return Block(
            language=opened.language,
            body=self._body(opened, end),
            closed=closed,
            last=last,
            before=self._above[-300:],
        )

    def _body(self, opened: Fence, end: int) -> str:
        lines = [unindented(line, opened.indent) for line in self._lines[opened.line + 1 : end]]
        return "".join(f"{line}\n" for line in ([opened.first] if opened.first else []) + lines)

    def _end_of(self, number: int) -> tuple[int, int, bool]:
        """Return the line of the end, the line to go on with, and whether the end is marked."""
        opened = self._fences[number]
        first: int | None = None
        tries = 0
        for fence in map(self._fences.__getitem__, range(number + 1, len(self._fences))):
            if fence.closes(opened) and (first is None or fence.language == ""):
                if self._is_whole(opened, fence.line):
                    return fence.line, fence.line + 1, True
                first = fence.line if first is None else first
            elif first is None and fence.opens_within(opened) and not self._inside_string(opened, fence.line):
                return fence.line, fence.line, False
            tries += first is not None
            if tries > _MOST_TRIES:
                break
        if first is not None:
            return first, first + 1, True
        return len(self._lines), len(self._lines) + 1, False

    def _is_whole(self, opened: Fence, end: int) -> bool:
        """Whether a block may end here: it is no Python, or Python that parses; or too much was parsed already."""
        if opened.language and not PYTHON.fullmatch(opened.language):
            return True
        body = self._body(opened, end)
        if '"""' not in body and "'''" not in body:
            return True
        self._parsed += len(body)
        if self._parsed > _MOST_PARSED:
            return True
        try:
            module_of(body)
        except NOT_PYTHON:
            return not is_inside_string(body)
        return True

    def _inside_string(self, opened: Fence, line: int) -> bool:
        """Whether a fence with a language stands in a docstring of the open program."""
        if not PYTHON.fullmatch(opened.language or "py") or self._parsed > _MOST_PARSED:
            return False
        body = self._body(opened, line)
        self._parsed += len(body)
        return is_inside_string(body)

    def _on_one_line(self, at: int) -> tuple[Block, int] | None:
        match = ONE_LINE.match(self._lines[at]) if "```" in self._lines[at] else None
        if match is None:
            return None
        return Block(language="code", body=match[2].strip() + "\n", before=self._above[-300:], tagged=True), at + 1

    def _tagged(self, at: int, fence: Fence | None) -> tuple[Block, int] | None:
        """Return a block between tags that stand at the beginning of a line; it ends at a fence as well."""
        line = self._lines[at]
        match = TAG.match(line) if "<" in line or "[" in line else None
        if match is None:
            return None
        closing = f"</{match[1]}>" if match[1] else f"[/{match[2]}]"
        ends = self._closings.get(closing.lower(), [])
        place = bisect_left(ends, at)
        if place == len(ends) or (fence is not None and ends[place] > fence.line):
            return None
        end = ends[place]
        body = [match[3], *self._lines[at + 1 : end + 1]] if end > at else [match[3]]
        body[-1] = body[-1][: max(0, body[-1].lower().find(closing.lower()))]
        return self._tag_block(body), end + 1

    def _tag_block(self, body: Sequence[str]) -> Block:
        text = "".join(f"{line}\n" for line in body).replace("<![CDATA[", "").replace("]]>", "").strip("\n")
        return Block(language="", body=f"{text}\n", tagged=True, before=self._above[-300:])
