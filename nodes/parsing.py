"""Parse model replies: one extractor per kind of answer, for every model; none of them guesses.

A reply is hostile text. Literals are read with `ast.literal_eval` under a length cap; whole programs are never
parsed here. A reply that does not parse is data (None or an empty tuple), not an exception.
"""

from __future__ import annotations

import ast
import re
from typing import Literal

from sandbox.base import Mode

LITERAL_CHARS = 4000
"""Longest literal or call that is read; deeper or longer ones could exhaust the parser's stack."""

_OPENING = re.compile(r"^([ \t]*)(`{3,})[ \t]*([^\s`]*)[^`]*$")
_PYTHON = ("python", "py", "python3")
_BULLET = re.compile(r"^\s*(?:[-*•]|\d+[.)])\s+(\S.*)$")
_ANSWER = re.compile(r"^[ \t]*\**answer\**\s*:\s*\**\s*(1|2|tie)\b", re.IGNORECASE | re.MULTILINE)
_LABEL = re.compile(
    r"^\s*(?:#+\s*|\*\*\s*)?(?:sample\s+|example\s+)?(input|output|expected(?:\s+output)?)\s*#?\d*\s*(?:\*\*)?\s*(:?)"
    r"\s*(?:\*\*)?[ \t]*(.*)$",
    re.IGNORECASE,
)
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


def extract_code(reply: str) -> str | None:
    """Return the last program of a reply, or None; thinking has been cut off by the model's adapter."""
    blocks = python_blocks(reply)
    return blocks[-1].strip("\n") if blocks else None


def parse_bullets(reply: str) -> tuple[str, ...]:
    """Return the items of a bullet or numbered list, without repeats."""
    found = (_BULLET.match(line) for line in reply.splitlines())
    return tuple(dict.fromkeys(match.group(1).rstrip() for match in found if match))


def parse_sketch(reply: str) -> str | None:
    """Return the sketch itself, without a leading `Plan:` line; None when it holds no list."""
    text = reply.strip().removeprefix("Plan:").strip()
    return text if parse_bullets(text) else None


def parse_criticism(reply: str) -> tuple[str, str] | None:
    """Return (flaw, fixed sketch) from `Flaw: ...` and `Plan:` parts."""
    head, mark, tail = reply.partition("\nPlan:")
    sketch = parse_sketch(tail) if mark else None
    flaw = head.strip().removeprefix("Flaw:").strip()
    return (flaw, sketch) if sketch and flaw else None


def parse_verdict(reply: str) -> Literal[0, 1, 2] | None:
    """Return which output the judge prefers: 1, 2, or 0 for a tie; None when it did not say."""
    found = _ANSWER.findall(reply)
    if not found:
        return None
    word = found[-1].lower()
    return 1 if word == "1" else 2 if word == "2" else 0


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


def labelled_pairs(text: str) -> tuple[tuple[str, str], ...]:
    """Return the pairs of Input and Output blocks that follow each other."""
    blocks = labelled_blocks(text)
    pairs = zip(blocks, blocks[1:], strict=False)
    return tuple(dict.fromkeys((a[1], b[1]) for a, b in pairs if a[0] == "input" and b[0] == "output"))


def labelled_blocks(text: str) -> list[tuple[Literal["input", "output"], str]]:
    """Return the blocks under `Input:` and `Output:` lines; a block is fenced, or ends at a blank line."""
    lines = text.splitlines()
    blocks: list[tuple[Literal["input", "output"], str]] = []
    i = 0
    while i < len(lines):
        match = _label(lines[i])
        i += 1
        if match:
            body, i = _block(lines, i, match.group(3))
            if body is not None:
                blocks.append(("input" if match.group(1).lower() == "input" else "output", body))
    return blocks


def _label(line: str) -> re.Match[str] | None:
    """Match a line that names a block: with a colon, or as a heading of a sample."""
    match = _LABEL.match(line)
    is_named = match and (match.group(2) or re.match(r"^\s*(#+|\*\*)?\s*(sample|example)\b", line, re.IGNORECASE))
    return match if is_named else None


def _block(lines: list[str], start: int, rest: str) -> tuple[str | None, int]:
    """Read one block that starts after its label; return (text or None, next line)."""
    if rest.strip():
        return rest.strip().strip("`") + "\n", start
    i = start
    while i < len(lines) and not lines[i].strip():
        i += 1
    if i < len(lines) and lines[i].lstrip().startswith("```"):
        end = next((j for j in range(i + 1, len(lines)) if lines[j].strip().startswith("```")), len(lines))
        return "\n".join(lines[i + 1 : end]).rstrip() + "\n", end + 1
    if i > start + 1 or (i >= len(lines) and i > start):
        return "", start
    end = i
    while end < len(lines) and lines[end].strip() and not _label(lines[end]) and "```" not in lines[end]:
        end += 1
    return "\n".join(lines[i:end]).rstrip() + ("\n" if end > i else ""), end


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
