"""Python source that a model or a stranger wrote, read by Python's own parser under limits, and never run.

Limits: texts of `LITERAL_CHARS` characters for literals and calls, `PROGRAM_CHARS` for programs.
"""

from __future__ import annotations

import ast
import re
import threading
import warnings

LITERAL_CHARS = 4000
"""Longest literal or call that is read; deeper or longer ones could exhaust the parser's stack."""
PROGRAM_CHARS = 60_000
"""Longest program that is looked into; a longer one is taken as it stands."""

NOT_PYTHON = (ValueError, SyntaxError, TypeError, MemoryError, RecursionError)
"""What Python's parser raises for a text that is none."""
_SIGNS = re.compile(r"(?:[-+~([{]\s*){90}|(?:\bnot\s+){90}|(?:\blambda\s*:\s*){90}")
"""So many in a row are no program, and the parser would go as deep."""
_STRING = re.compile(
    r'"""(?:[^\\"]|\\.|"(?!""))*"""|'
    + r"'''(?:[^\\']|\\.|'(?!''))*'''|"
    + r'"(?:[^"\\\n]|\\.)*"|'
    + r"'(?:[^'\\\n]|\\.)*'",
    re.DOTALL,
)
_COMMENT = re.compile(r"#[^\n]*")
_quiet = threading.Lock()


def module_of(text: str) -> ast.Module:
    """Return the tree of a program.

    Raises:
        SyntaxError: the text is none; the line says where, as far as that is known.
        ValueError: it holds characters that no source may hold, or is too long or too deep to be read safely.
    """
    if len(text) > PROGRAM_CHARS or _SIGNS.search(text):
        raise ValueError("too long or too deep to be read")
    try:
        # A doubtful escape in a stranger's text is no news for the person at the terminal.
        with _quiet, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(text)
    except (MemoryError, RecursionError, TypeError) as error:
        raise ValueError("too deep to be read") from error


def literal(text: str) -> object:
    """Return the Python value that a short literal text names.

    Raises:
        ValueError: not a literal, or too long or too deep to be read safely.
    """
    if len(text) > LITERAL_CHARS:
        raise ValueError(f"a literal of {len(text)} characters is too long")
    try:
        with _quiet, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.literal_eval(text)
    except NOT_PYTHON as error:
        raise ValueError(f"not a Python literal: {text[:60]}") from error


def statement_of(text: str) -> ast.stmt | None:
    """Return the one statement of a short text, or None."""
    if len(text) > LITERAL_CHARS:
        return None
    try:
        body = module_of(text).body
    except NOT_PYTHON:
        return None
    return body[0] if len(body) == 1 else None


def expression_of(text: str) -> ast.expr | None:
    """Return the one expression of a short text, or None."""
    statement = statement_of(text.strip())
    return statement.value if isinstance(statement, ast.Expr) else None


def without_strings(text: str) -> str:
    """Return source with its strings and comments emptied, roughly: enough to see what stands outside of them."""
    return _COMMENT.sub("", _STRING.sub('""', text))
