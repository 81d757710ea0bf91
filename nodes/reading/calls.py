"""The functions that a statement's examples call, as a sign of what is asked for where no sentence says it."""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Sequence
from itertools import islice

from nodes.parsing import python_blocks
from nodes.reading.assertions import outer_calls, parsed
from nodes.reading.doctests import items_of
from nodes.reading.starter import defines_any
from nodes.reading.values import expression, python_words, spelled

_MOST_LOOKED_AT = 50
"""Examples of each kind that are looked at for the names that they call."""
_ASSERT = re.compile(r"^\s*(?:[-*•]\s+|\d+[.)]\s+)?`?(?:assert\b|self\.assert\w+\()", re.MULTILINE)
_SHOWN = re.compile(
    r"^\s*(?:[-*•]\s+|\d+[.)]\s+|(?:for\s+)?(?:example|e\.g\.)\s*[:,]?\s*)?`?([A-Za-z_]\w*)\((.*)\)`?\s*"
    r"(?:={1,3}>?|-{1,2}>|➞|→|⇒|(?:should\s+)?(?:returns?|gives?|equals?|is|be)\b)\s*`?\S",
    re.IGNORECASE,
)
_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[A-Z])")
_METHODS = re.compile(r"^candidate$|^assert[A-Z]\w*$|^(?:isclose|allclose|approx|fabs|Counter|raises|deepcopy|fail)$")


def called_names(statement: str) -> list[str]:
    """Return the functions that the examples call, the likeliest first in each line."""
    lines = statement.splitlines()
    names: dict[str, None] = {}
    for item in items_of(lines)[:_MOST_LOOKED_AT]:
        names |= dict.fromkeys(_calls_in(item.source))
    asserts = islice(((i, line) for i, line in enumerate(lines) if _ASSERT.match(line)), _MOST_LOOKED_AT)
    for number, line in asserts:
        if line.strip():
            text = line[line.index("assert") if "self." not in line else line.index("self.") :].strip("` ")
            names |= dict.fromkeys(_calls_in(text) or _calls_in("\n".join([text, *lines[number + 1 : number + 12]])))
    for block in python_blocks(statement):
        names |= dict.fromkeys(_compared_in(block))
    return list(names)


def shown_names(statement: str) -> list[str]:
    """Return the functions whose calls with constant arguments stand before an arrow, a sign of equality or a word."""
    pieces = (piece for line in statement.splitlines() for piece in _SENTENCE.split(line[:2000]) if "(" in piece)
    found = (_SHOWN.match(piece) for piece in islice(pieces, 200))
    return list(dict.fromkeys(match[1] for match in found if match and _are_values(match[2])))


def _are_values(arguments: str) -> bool:
    node = expression(f"f({python_words(arguments)})")
    return isinstance(node, ast.Call) and bool(node.args) and all(spelled(item) is not None for item in node.args)


def _compared_in(block: str) -> list[str]:
    """Return what a fenced block without definitions calls in comparisons and with remarks: `total([1]) == 1`."""
    found: list[str] = []
    for line in [] if defines_any(block) else block.splitlines()[:200]:
        body = parsed(line.strip())
        is_shown = "#" in line and bool(body) and isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Call)
        if body and isinstance(body[0], ast.Expr) and (isinstance(body[0].value, ast.Compare) or is_shown):
            found += _calls_in(line.strip())
    return found


def _calls_in(source: str) -> list[str]:
    """Return the names that one line of an example calls: unknown ones first, Python's own only alone."""
    body = parsed(source)
    names = [name for statement in body[:1] for name in outer_calls(statement) if name and not _METHODS.match(name)]
    if body and isinstance(
        body[0], ast.Assign | ast.Import | ast.ImportFrom | ast.FunctionDef | ast.ClassDef | ast.With
    ):
        return [name for name in names if not hasattr(builtins, name) and not name[0].isupper()]
    if not body and (match := re.match(r"(?:assert\s+(?:not\s+)?)?(?:print\()?([A-Za-z_]\w*)\(", source)):
        names = [match[1]]
    methods = {
        one.func.attr for one in _walk(body) if isinstance(one, ast.Call) and isinstance(one.func, ast.Attribute)
    }
    own = [name for name in names if not hasattr(builtins, name) and (name not in methods or _on_solution(body, name))]
    return (
        own
        or [name for name in names if name not in ("print", "set", "sorted", "list", "tuple") and name not in methods][
            :1
        ]
    )


def _walk(body: Sequence[ast.stmt]) -> list[ast.AST]:
    return [one for statement in body for one in ast.walk(statement)]


def _on_solution(body: Sequence[ast.stmt], name: str) -> bool:
    """Whether a method is called on a new `Solution`, which is asked for by its method."""
    for one in _walk(body):
        if isinstance(one, ast.Call) and isinstance(one.func, ast.Attribute) and one.func.attr == name:
            owner = one.func.value
            return isinstance(owner, ast.Call) and getattr(owner.func, "id", "") == "Solution"
    return False
