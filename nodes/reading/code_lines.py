"""Lines of starter code that are code: no example stands there, only in docstrings and comments."""

from __future__ import annotations

import ast

from nodes.reading.assertions import parsed


def code_lines(statement: str, starter: str) -> set[int]:
    """Return the numbers, from 0, of the lines of a statement that hold statements of its starter code."""
    if not starter or starter not in statement:
        return set()
    body = parsed(starter)
    first = statement.count("\n", 0, statement.index(starter))
    numbers: set[int] = set()
    for outer in body:
        for node in ast.walk(outer):
            if isinstance(node, ast.stmt) and not _may_show(node):
                numbers |= set(range(node.lineno, _head_end(node) + 1))
    return {first + number - 1 for number in numbers}


def _may_show(node: ast.stmt) -> bool:
    """Whether a statement may hold an example: a docstring, an assertion, a comparison alone."""
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Constant | ast.Compare | ast.Call)
    return isinstance(node, ast.Assert)


def _head_end(node: ast.stmt) -> int:
    """Return the last line of a statement itself, without the statements inside of it."""
    inside = getattr(node, "body", None)
    if isinstance(inside, list) and inside:
        return max(node.lineno, int(inside[0].lineno) - 1)
    return int(node.end_lineno or node.lineno)
