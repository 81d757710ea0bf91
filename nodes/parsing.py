"""Parse model replies: one extractor per kind of answer, for every model; none of them guesses.

A reply is hostile text. Literals are read with `ast.literal_eval` under a length cap; whole programs are never
parsed here. A reply that does not parse is data (None or an empty tuple), not an exception.
"""

from __future__ import annotations

import ast
import re
from typing import Literal

from nodes.labelled import labelled_blocks, labelled_pairs
from sandbox.base import Mode

LITERAL_CHARS = 4000
"""Longest literal or call that is read; deeper or longer ones could exhaust the parser's stack."""

_OPENING = re.compile(r"^([ \t]*)(`{3,})[ \t]*([^\s`]*)[^`]*$")
_PYTHON = ("python", "py", "python3")
_SKETCH_MARK = re.compile(r"^[ \t#*_]*(?:fixed |new |revised )?plan\b[ \t*_]*:[ \t*_]*", re.IGNORECASE | re.MULTILINE)
_FLAW_MARK = re.compile(r"^[ \t#*_]*flaw[ \t*_]*:[ \t*_]*", re.IGNORECASE)
_BULLET = re.compile(r"^\s*(?:[-*•]|\d+[.)])\s+(\S.*)$")
_ANSWER = re.compile(r"^[ \t]*\**answer\**\s*:\s*\**\s*(1|2|tie)\b", re.IGNORECASE | re.MULTILINE)
_CHOICE = re.compile(r"\banswer\b[\s*_]*(?:is\b|:)[\s*_:]*(?:option\s+)?[(\[*_`]*(?-i:([A-Z]))\b", re.IGNORECASE)
_NOT_LITERAL = (ValueError, SyntaxError, TypeError, MemoryError, RecursionError)


def fenced_blocks(text: str) -> list[tuple[str, str]]:
    """Return (language in lower case, body) of every closed fenced block, in order, in one pass over the lines.

    A fence ends at one that is at least as long as its own; a fence with a language inside of an open block means
    that the open one was given up. A body loses the indentation of its fence.
    """
    blocks: list[tuple[str, str]] = []
    opened: re.Match[str] | None = None
    body: list[str] = []
    for line in text.replace("\r\n", "\n").split("\n"):
        match = _OPENING.match(line)
        if opened and match and not match[3] and len(match[2]) >= len(opened[2]):
            blocks.append((opened[3].lower(), "".join(f"{one}\n" for one in body)))
            opened = None
        elif match and (opened is None or (match[3] and len(match[2]) >= len(opened[2]))):
            opened, body = match, []
        elif opened:
            body.append(line.removeprefix(opened[1]))
    return blocks


def python_blocks(text: str) -> list[str]:
    """Return the blocks that are called Python, else those without a language; none that are called otherwise."""
    blocks = [(language, body) for language, body in fenced_blocks(text) if body.strip()]
    named = [body for language, body in blocks if language in _PYTHON]
    return named or [body for language, body in blocks if not language]


def extract_code(reply: str, entry_point: str = "") -> str | None:
    """Return the last program of a reply, or None; thinking has been cut off by the model's adapter.

    With an `entry_point` the last block that defines it comes first, since models like to end with an example of use.
    """
    blocks = python_blocks(reply)
    defining = [block for block in blocks if entry_point and re.search(rf"\bdef\s+{re.escape(entry_point)}\b", block)]
    return (defining or blocks)[-1].strip("\n") if blocks else None


def parse_bullets(reply: str) -> tuple[str, ...]:
    """Return the items of a bullet or numbered list, without repeats."""
    found = (_BULLET.match(line) for line in reply.splitlines())
    return tuple(dict.fromkeys(match.group(1).rstrip() for match in found if match))


def parse_sketch(reply: str) -> str | None:
    """Return the sketch itself, without a leading `Plan:` line; None when it holds no list."""
    text = reply.strip()
    mark = _SKETCH_MARK.match(text)
    text = text[mark.end() :].strip() if mark else text
    return text if parse_bullets(text) else None


def parse_criticism(reply: str) -> tuple[str, str] | None:
    """Return (flaw, fixed sketch) from `Flaw: ...` and `Plan:` parts, which may be bold or headings."""
    text = reply.strip()
    mark = _SKETCH_MARK.search(text)
    if mark is None:
        return None
    sketch, flaw = parse_sketch(text[mark.end() :]), _FLAW_MARK.sub("", text[: mark.start()].strip())
    return (flaw, sketch) if sketch and flaw else None


def parse_verdict(reply: str) -> Literal[0, 1, 2] | None:
    """Return which output the judge prefers: 1, 2, or 0 for a tie; None when it did not say."""
    found = _ANSWER.findall(reply)
    if not found:
        return None
    word = found[-1].lower()
    return 1 if word == "1" else 2 if word == "2" else 0


def parse_choice(reply: str) -> str | None:
    """Return the letter of the option that a reply names last, as in `Answer: B`; None when it names none."""
    found = _CHOICE.findall(reply)
    return found[-1] if found else None


def parse_tests(reply: str, mode: Mode, entry_point: str) -> tuple[tuple[str, str], ...]:
    """Return the (input, expected output) pairs of a reply: asserts, or Input/Output blocks."""
    if mode == "stdio":
        return labelled_pairs(reply)
    found = (_assertion(_bare(line), entry_point) for line in reply.splitlines())
    return tuple(dict.fromkeys(pair for pair in found if pair))


def parse_inputs(reply: str, mode: Mode, entry_point: str) -> tuple[str, ...]:
    """Return the inputs of a reply: lines that call the function, or Input blocks."""
    if mode == "stdio":
        return tuple(dict.fromkeys(text for label, text in labelled_blocks(reply) if label == "input"))
    found = (call_arguments(_bare(line), entry_point) for line in reply.splitlines())
    return tuple(dict.fromkeys(text for text in found if text is not None))


def _bare(line: str) -> str:
    """Return a line without the mark of a list and the backticks around it."""
    match = _BULLET.match(line)
    return (match.group(1) if match else line).strip().strip("`")


def literal(text: str) -> object:
    """Return the Python value that a short literal text names.

    Raises:
        ValueError: not a literal, or too long or too deep to be read safely.
    """
    if len(text) > LITERAL_CHARS:
        raise ValueError(f"a literal of {len(text)} characters is too long")
    try:
        return ast.literal_eval(text)
    except _NOT_LITERAL as error:
        raise ValueError(f"not a Python literal: {text[:60]}") from error


def call_arguments(line: str, entry_point: str) -> str | None:
    """Return the argument text of a call `entry_point(...)` with literal arguments, or None."""
    node = _expression(line)
    return _arguments(node, entry_point) if isinstance(node, ast.Call) else None


def _assertion(line: str, entry_point: str) -> tuple[str, str] | None:
    statement = _statement(line) if line.startswith("assert") else None
    node = statement.test if isinstance(statement, ast.Assert) else None
    if not isinstance(node, ast.Compare) or len(node.ops) != 1 or not isinstance(node.ops[0], ast.Eq | ast.Is):
        return None
    arguments = _arguments(node.left, entry_point)
    expected = _value(node.comparators[0])
    return (arguments, expected) if arguments is not None and expected is not None else None


def _statement(text: str) -> ast.stmt | None:
    """Return the one statement of a short line."""
    if len(text) > LITERAL_CHARS:
        return None
    try:
        body = ast.parse(text).body
    except _NOT_LITERAL:
        return None
    return body[0] if len(body) == 1 else None


def _expression(text: str) -> ast.expr | None:
    statement = _statement(text.strip())
    return statement.value if isinstance(statement, ast.Expr) else None


def _arguments(node: ast.expr, entry_point: str) -> str | None:
    if not isinstance(node, ast.Call) or node.keywords:
        return None
    name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
    values = [_value(argument) for argument in node.args]
    return ", ".join(v for v in values if v is not None) if name == entry_point and None not in values else None


def _value(node: ast.expr) -> str | None:
    try:
        return repr(ast.literal_eval(node))
    except _NOT_LITERAL:
        return None
