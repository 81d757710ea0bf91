"""EvalPlus's comparison of a program's values with the reference's, on nodes: no value of a hostile program is built.

Equal as Python's `==` says (a tuple is no list), or else close: the tolerance is the task's, raised to 1e-6 where that
is 0 and the expected value is a float or a list or tuple of floats; once raised it stays for the inputs that follow.
Some entry points have a comparison of their own.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from sandbox.values import UNEQUAL, Node, exact_key

_PLAIN = (bool, int, str, type(None))
RTOL = 1e-7
RAISED_ATOL = 1e-6
SET_RESULTS = {"similar_elements", "find_char_long", "common_in_nested_lists", "extract_singly", "larg_nnum",
               "intersection_array", "find_dissimilar", "Diff"}  # fmt: skip
PRESENCE_RESULTS = {"check_str", "text_match_three", "text_starta_endb"}
"""Only whether something was found counts."""


def all_equal(
    oracle: str, atol: float, inputs: Sequence[Node], values: Sequence[Node], expected: Sequence[Node]
) -> bool:
    """Return whether a program's values are the reference's.

    Args:
        oracle: entry point with a comparison of its own, or an empty text.
        atol: absolute tolerance of the task.
        inputs: argument nodes, one list per value.
        values: what the program returned.
        expected: what the reference returned.
    """
    if len(values) != len(expected):
        return False
    for arguments, given, wanted in zip(inputs, values, expected, strict=True):
        # The official evaluator compares types before it allows a tolerance, and NumPy's are none of Python's.
        is_exact = isinstance(given, dict) and given.keys() == {"exact"}
        value = given["exact"] if is_exact else given
        is_equal = _equal(oracle, atol, arguments, value, wanted)
        if not is_equal and atol == 0 and _is_floats(wanted) and oracle != "find_zero":
            atol = RAISED_ATOL
        may_be_near = atol != 0 and oracle != "find_zero" and not is_exact
        if not is_equal and not (may_be_near and _close(value, wanted, atol)):
            return False
    return True


def same(value: Node, wanted: Node) -> bool:
    """Return whether two values are equal as Python's `==` says."""
    if type(value) is type(wanted) and type(value) in _PLAIN:
        return bool(value == wanted)
    keys = exact_key(value), exact_key(wanted)
    return keys[0] == keys[1] and UNEQUAL not in keys[0]


def _equal(oracle: str, atol: float, arguments: Node, value: Node, wanted: Node) -> bool:
    try:
        if oracle in SET_RESULTS:
            mine, theirs = _as_set(value), _as_set(wanted)
            return mine is not None and mine == theirs
        if oracle in PRESENCE_RESULTS:
            return _presence(value) == _presence(wanted)
        if oracle in _SPECIAL:
            return _SPECIAL[oracle](atol, arguments, value, wanted)
        return same(value, wanted)
    except (ValueError, TypeError, OverflowError):
        return False


def _presence(value: Node) -> bool:
    return value if isinstance(value, bool) else value is not None


def _as_set(node: Node) -> set[str] | None:
    """Return the distinct items of a value as keys; None where Python could not make a set of it."""
    if isinstance(node, str):
        return {exact_key(character) for character in node}
    if isinstance(node, dict):
        ((tag, body),) = node.items()
        if tag == "dict":
            body = [key for key, _ in body]
        node = body if tag in ("tuple", "set", "frozenset", "dict") else None
    if not isinstance(node, list) or not all(map(_is_hashable, node)):
        return None
    return {exact_key(item) for item in node}


def _is_hashable(node: Node) -> bool:
    if isinstance(node, dict):
        ((tag, body),) = node.items()
        return tag not in ("dict", "set") and (tag != "tuple" or all(map(_is_hashable, body)))
    return not isinstance(node, list)


def _is_floats(node: Node) -> bool:
    items = node["tuple"] if isinstance(node, dict) and "tuple" in node else node
    if isinstance(items, list):
        return bool(items) and all(map(_is_float, items))
    return _is_float(node)


def _is_float(node: Node) -> bool:
    return isinstance(node, float) or (isinstance(node, dict) and "float" in node)


def _close(value: Node, wanted: Node, atol: float) -> bool:
    mine, theirs = _number(value), _number(wanted)
    if type(mine) is not type(theirs):
        return False
    if isinstance(theirs, list | tuple) and len(mine) != len(theirs):
        return False
    try:
        return bool(np.allclose(mine, theirs, rtol=RTOL, atol=atol))
    except (ValueError, TypeError, OverflowError):
        return False


def _number(node: Node) -> Any:
    """Return a value of numbers as Python has it; what is none stays something that no tolerance helps.

    Raises:
        TypeError: not made of numbers, lists and tuples.
    """
    if isinstance(node, list):
        return [_number(item) for item in node]
    if isinstance(node, dict):
        ((tag, body),) = node.items()
        return _TAGGED[tag](body) if tag in _TAGGED else _NoNumber()
    return node if isinstance(node, bool | int | float) else _NoNumber()


class _NoNumber:
    """Stands for a text, a set, a dict, None or an object."""


_TAGGED: dict[str, Callable[[Any], Any]] = {
    "tuple": lambda body: tuple(_number(item) for item in body),
    "float": float,
    "int": lambda body: int(body, 16),
    "complex": lambda body: complex(*map(_number, body)),
}


def _root(atol: float, arguments: Node, value: Node, wanted: Node) -> bool:
    (coefficients,) = arguments
    x = _number(value)
    return bool(abs(sum(_number(c) * math.pow(x, power) for power, c in enumerate(coefficients))) <= atol)


def _divisors(atol: float, arguments: Node, value: Node, wanted: Node) -> bool:
    return same(value, wanted) or same(value, 0)


def _pyramid(atol: float, arguments: Node, value: Node, wanted: Node) -> bool:
    """Take the height as the pyramid's own too, not only as that of its sides."""
    edge, height = map(_number, arguments)
    area = round(edge**2 + 2 * edge * math.sqrt((edge / 2) ** 2 + height**2))
    return same(value, wanted) or bool(abs(_number(value) - area) <= atol)


def _digit_distance(atol: float, arguments: Node, value: Node, wanted: Node) -> bool:
    """Take the distance digit by digit too, the shorter number filled up with zeros."""
    texts = [str(_number(argument)) for argument in arguments]
    width = max(map(len, texts))
    filled = (text.zfill(width) for text in texts)
    return same(value, wanted) or same(value, sum(abs(int(a) - int(b)) for a, b in zip(*filled, strict=True)))


_SPECIAL: dict[str, Callable[[float, Node, Node, Node], bool]] = {
    "find_zero": _root,
    "are_equivalent": lambda atol, arguments, value, wanted: True,
    "sum_div": _divisors,
    "surface_Area": _pyramid,
    "digit_distance_nums": _digit_distance,
}
ORACLES = SET_RESULTS | PRESENCE_RESULTS | _SPECIAL.keys()
"""Entry points with a comparison of their own; `find_zero` is HumanEval's, the others MBPP's."""
