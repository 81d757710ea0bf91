"""Is this output the expected one? The rules of the official LiveCodeBench grader, and keys for clustering by them.

Standard output: strip, then line by line, as text or else as decimal numbers token by token; no tolerance. Values: a
tuple at the top counts as a list, then Python's `==`, so `1 == 1.0 == True`; nan equals nothing, in both modes.

Limits: no problem with several right answers can be judged this way.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Literal

from sandbox.base import Execution, Mode, RunStatus
from sandbox.literals import parse
from sandbox.values import UNEQUAL, exact_key, key

Verdict = Literal[RunStatus, "passed", "wrong_answer"]


def verdict_of(mode: Mode, execution: Execution, expected: str | None) -> Verdict:
    """Return what an execution is worth; only one that ended well is compared, and only where something is expected."""
    if execution.status != "completed" or expected is None:
        return execution.status
    return "passed" if same_output(mode, execution.output, expected) else "wrong_answer"


def same_output(mode: Mode, actual: str, expected: str) -> bool:
    """Return whether `actual` answers as `expected` does.

    Args:
        mode: `stdio` compares texts, `function` compares the values that both texts spell.
        actual: standard output, or the canonical text of the returned value.
        expected: the same, in any spelling of the value. A text that spells no value must be equal as text.
    """
    if mode == "stdio":
        return _same_text(actual, expected)
    try:
        keys = key(parse(actual)), key(parse(expected))
    except ValueError:
        return actual.strip() == expected.strip()
    return keys[0] == keys[1] and UNEQUAL not in keys[0]


def unordered_key(actual: str) -> str:
    """Return a text that is equal for lists of equal items, in any order; for anything else that of `output_key`."""
    try:
        node = parse(actual)
        items = node.get("tuple") if isinstance(node, dict) else node
        return f"in any order: {sorted(map(exact_key, items))}" if isinstance(items, list) else key(node)
    except ValueError:
        return actual.strip()


def output_key(mode: Mode, actual: str) -> str:
    """Return a text that is equal for all outputs that `same_output` calls equal."""
    if mode == "stdio":
        return "\n".join(_line_key(line.strip()) for line in actual.strip().split("\n"))
    try:
        return key(parse(actual))
    except ValueError:
        return actual.strip()


def _same_text(actual: str, expected: str) -> bool:
    mine, theirs = (text.strip().split("\n") for text in (actual, expected))
    return len(mine) == len(theirs) and all(map(_same_line, mine, theirs))


def _same_line(actual: str, expected: str) -> bool:
    actual, expected = actual.strip(), expected.strip()
    if actual == expected:
        return True
    mine, theirs = _decimals(actual), _decimals(expected)
    return mine is not None and mine == theirs


def _decimals(line: str) -> list[Decimal] | None:
    """Return the tokens of a line as numbers, or None when one of them is none."""
    try:
        numbers = [Decimal(token) for token in line.split()]
    except InvalidOperation:
        return None
    return None if any(map(_IS_NAN, numbers)) else numbers


_IS_NAN: Callable[[Decimal], bool] = Decimal.is_nan


def _line_key(line: str) -> str:
    numbers = _decimals(line)
    return line if numbers is None else " ".join(map(_number_key, numbers))


def _number_key(number: Decimal) -> str:
    # Not Decimal.normalize, which rounds to the context's precision.
    sign, digits, exponent = number.as_tuple()
    if not isinstance(exponent, int):
        return str(number)
    text = "".join(map(str, digits))
    stripped = text.rstrip("0")
    if not stripped:
        return "0"
    return f"{'-' * sign}{stripped.lstrip('0')}e{exponent + len(text) - len(stripped)}"
