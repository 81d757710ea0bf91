"""The statements of a reply that may be a test, one by one, wherever they stand: in a fence, a list, a sentence.

The reply as a whole is seldom Python. A statement begins on a line that looks like one and takes further lines while
its brackets are open. Marks of lists, labels such as `Test 1:` and backticks are taken off.

Limits: `MOST_STATEMENTS` are looked at, of 60 lines and `LITERAL_CHARS` characters each, `_MOST_CHARS` in all.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from nodes.parsing.answers import BULLET
from nodes.parsing.source import LITERAL_CHARS, NOT_PYTHON, module_of, without_strings

MOST_STATEMENTS = 2000
_MOST_LINES = 60
_MOST_CHARS = 200_000
"""Characters of one reply that are parsed in looking for tests."""
_STARTS = re.compile(
    r"assert\b|self\.(?:assert|fail)|(?:np\.testing\.|tc\.|case\.)?assert\w*\(|for\s+\w|for\s*\(|def\s+\w|@\w|"
    r"[A-Za-z_]\w*(?:\s*,\s*\w+)*\s*(?::[^=]{1,60})?=(?!=)|(?:all|any)\(|print\(\w+\(.*(?:==|\sis\s)"
)
_WITHIN = re.compile(r"(?<![\w.])(?:assert\s+|assert\(|self\.assert\w+\()")
_REMARK = re.compile(r"(?<!\s)\s+(?:\(|--?\s|\u2013|\u2014|\u2192|=>|->|//|because\b|since\b|as\b|which\b)")
_OPENING, _CLOSING = "([{", ")]}"


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement and where it stands."""

    lines: range
    """From 0."""
    indent: int
    node: ast.stmt


def statements(text: str) -> Iterator[Statement]:
    """Yield the statements of a text; a head such as `for ...:` stands alone."""
    lines = text.replace("\r\n", "\n").split("\n")
    at = 0
    left, characters = MOST_STATEMENTS, _MOST_CHARS
    while at < len(lines) and left > 0 and characters > 0:
        start = code_of(lines[at]) if len(lines[at]) > 3 else None
        if start is None:
            at += 1
            continue
        chunk, after = _chunk(lines, at, start)
        left, characters = left - 1, characters - len(chunk)
        body = _parsed(chunk)
        for node in body:
            yield Statement(range(at, after), len(lines[at]) - len(lines[at].lstrip()), node)
        at = after if body else at + 1


def bare(line: str) -> str:
    """Return a line without the mark of a list and the backticks around it."""
    match = BULLET.match(line)
    text = (match.group(1) if match else line).strip()
    return (
        text.removeprefix("**").removesuffix("**").strip("`").strip() if text[:2] == "**" else text.strip("`").strip()
    )


def code_of(line: str) -> str | None:
    """Return what of a line may begin a statement of a test, or None."""
    text = bare(line)
    if _STARTS.match(text):
        return text
    match = _WITHIN.search(text)
    if match is None:
        return None
    found = text[match.start() :]
    is_quoted = text[: match.start()].rstrip().endswith("`")
    return found.split("`")[0].strip() if is_quoted else found


def _chunk(lines: list[str], at: int, start: str) -> tuple[str, int]:
    """Return a statement with the lines that its open brackets take, and the line after it."""
    kept = [start]
    if len(start) > LITERAL_CHARS:
        return start, at + 1
    depth, goes_on = _open(start)
    while (depth > 0 or goes_on) and at + 1 < len(lines) and len(kept) < _MOST_LINES:
        at += 1
        kept.append(lines[at])
        more, goes_on = _open(lines[at])
        depth += more
    return "\n".join(kept), at + 1


def _open(line: str) -> tuple[int, bool]:
    """Return how many brackets a line leaves open, and whether a backslash says that it goes on."""
    code = without_strings(line)
    depth = sum(code.count(mark) for mark in _OPENING) - sum(code.count(mark) for mark in _CLOSING)
    return depth, code.rstrip().endswith("\\")


def _parsed(chunk: str) -> list[ast.stmt]:
    if len(chunk) > LITERAL_CHARS:
        return []
    tries = [chunk]
    if chunk.rstrip().endswith(":"):
        tries = [f"{chunk} pass"]
    elif chunk.startswith("@"):
        tries = [f"{chunk}\ndef decorated(): pass"]
    elif (remark := _REMARK.search(chunk)) is not None:
        tries.append(chunk[: remark.start()])
    for text in tries:
        try:
            return module_of(text.strip().rstrip("`,")).body
        except NOT_PYTHON:
            continue
    return []
