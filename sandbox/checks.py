"""What makes the output of one run right: equal, close, in any order, true, an exception, what a prompt would show.

A check compares what came out of a box with what a person wrote; it runs nothing. `equal` is the rule of
sandbox/compare.py, which all the others fall back on for their keys.

Limits: `close` and `unordered` look at values, so they are for `function` mode; of a text only lines can be unordered.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Literal

from sandbox.base import Execution, Mode
from sandbox.compare import Verdict, same_output, verdict_of
from sandbox.literals import parse
from sandbox.values import UNEQUAL, Node, exact_key

How = Literal["equal", "close", "unordered", "truth", "raises", "shown"]
_EMPTY: tuple[Node, ...] = (None, False, 0, "", [])
_ELLIPSIS = "..."


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """What is expected of one run."""

    expected: str
    how: How = "equal"
    rel_tol: float = 0.0
    abs_tol: float = 0.0


def judge(mode: Mode, execution: Execution, check: Check) -> Verdict:
    """Return what an execution is worth; a program that raises what is expected of it has passed."""
    if check.how == "equal":
        return verdict_of(mode, execution, check.expected)
    if check.how == "raises":
        if execution.status == "completed":
            return "wrong_answer"
        return "passed" if execution.status == "runtime_error" and _raised(execution.error, check) else execution.status
    if execution.status != "completed":
        return execution.status
    return "passed" if _holds(mode, execution.output, check) else "wrong_answer"


def _holds(mode: Mode, output: str, check: Check) -> bool:
    if mode == "stdio":
        mine, theirs = (sorted(line.strip() for line in text.strip().split("\n")) for text in (output, check.expected))
        return check.how == "unordered" and mine == theirs
    try:
        value = parse(output)
        if check.how == "truth":
            return is_true(value) == (check.expected == "True")
        if check.how == "shown":
            return isinstance(value, str) and _shows(value, check.expected)
        wanted = parse(check.expected)
        return _close(value, wanted, check) if check.how == "close" else _same_items(value, wanted)
    except ValueError:
        return same_output(mode, output, check.expected)


def is_true(node: Node) -> bool:
    """Return whether Python takes a value for true; an object of a class counts as true."""
    if isinstance(node, dict):
        ((tag, body),) = node.items()
        return tag == "float" or (tag == "complex" and any(body)) or bool(body)
    return node not in _EMPTY


def _close(value: Node, wanted: Node, check: Check) -> bool:
    """Compare numbers with tolerance, wherever they stand; everything else must be equal."""
    mine, theirs = _items(value), _items(wanted)
    if mine is not None and theirs is not None:
        return len(mine) == len(theirs) and all(_close(a, b, check) for a, b in zip(mine, theirs, strict=True))
    if _is_number(value) and _is_number(wanted):
        return math.isclose(value, wanted, rel_tol=check.rel_tol, abs_tol=check.abs_tol)
    return _equal(value, wanted)


def _is_number(node: Node) -> bool:
    return isinstance(node, int | float)


def _items(node: Node) -> list[Node] | None:
    if isinstance(node, dict) and "tuple" in node:
        return list(node["tuple"])
    return node if isinstance(node, list) else None


def _same_items(value: Node, wanted: Node) -> bool:
    mine, theirs = _any_items(value), _any_items(wanted)
    if mine is None or theirs is None:
        return _equal(value, wanted)
    keys = [sorted(map(_unordered_key, items)) for items in (mine, theirs)]
    return keys[0] == keys[1] and not any(UNEQUAL in key for key in keys[0])


def _unordered_key(node: Node) -> str:
    """Return a key that is equal for lists of equal items, in whatever order they and the lists in them stand."""
    items = _any_items(node)
    return exact_key(node) if items is None else f"[{','.join(sorted(map(_unordered_key, items)))}]"


def _any_items(node: Node) -> list[Node] | None:
    if isinstance(node, dict) and node.keys() & {"tuple", "set", "frozenset"}:
        return list(next(iter(node.values())))
    return node if isinstance(node, list) else None


def _equal(value: Node, wanted: Node) -> bool:
    mine = exact_key(value)
    return mine == exact_key(wanted) and UNEQUAL not in mine


def _shows(text: str, wanted: str) -> bool:
    """Compare as `doctest` does with all white space alike; three dots stand for anything."""
    mine, parts = " ".join(text.split()), [" ".join(part.split()) for part in wanted.split(_ELLIPSIS)]
    if len(parts) == 1:
        return mine == parts[0]
    if not mine.startswith(parts[0]) or not mine.endswith(parts[-1]):
        return False
    at = len(parts[0])
    for part in parts[1:-1]:
        found = mine.find(part, at)
        if found < 0:
            return False
        at = found + len(part)
    return at <= len(mine) - len(parts[-1])


def _raised(error: str, check: Check) -> bool:
    """Compare the last line of a traceback: the exception's name, and its words where some are expected."""
    lines = [line for line in error.strip().splitlines() if re.match(r"[\w.]+(?::|$)", line)]
    name, _, words = (lines[-1] if lines else "").partition(":")
    wanted, _, wanted_words = check.expected.partition(":")
    same_name = name.rpartition(".")[2] == wanted.strip().rpartition(".")[2]
    return same_name and (not wanted_words.strip() or _shows(words, wanted_words))
